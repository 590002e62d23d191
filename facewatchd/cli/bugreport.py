"""``facewatchctl bugreport``: what whoever mends the program needs to know."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_REPORTED = 1000  # failed files whose kinds a bug report counts


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), help="Write it into this file instead of printing it."
)
@click.pass_obj
def bugreport(place: Where, *, out: Path | None) -> None:
    """Print how this machine and the daemon are, without faces, names or paths."""
    from facewatchd import bugreport as report  # noqa: PLC0415 -- reads all of our source

    status, reasons, trouble = None, [], None
    try:
        client = place.client()
        status = client.status()
        reasons = [error["reason"] for error in client.errors(_REPORTED)]
    except FacewatchError as error:
        trouble = error.title
        with contextlib.suppress(FacewatchError):  # one trouble is told, the first
            status = place.last_status()
    text = json.dumps(report.report(status, reasons, trouble), indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        _write(out, text)
    click.echo(report.HOLDS, err=True)


def _write(out: Path, text: str) -> None:
    try:
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text + "\n")
    except OSError as error:
        raise FacewatchError(
            f"The report cannot be written to {out}: {error.strerror}.",
            "Name another file with --out, or leave it out.",
        ) from error
