"""``facewatchctl metrics``: figures for Prometheus, printed or put where node_exporter reads."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd.errors import FacewatchError, NotRunningError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_MODE = 0o644  # node_exporter runs as another user
_DOWN = """\
# HELP facewatchd_up Whether the daemon answers.
# TYPE facewatchd_up gauge
facewatchd_up 0
"""


@click.command()
@click.option("--output", metavar="FILE.prom", type=click.Path(path_type=Path),
              help="Write them into this file, as a whole or not at all.")  # fmt: skip
@click.pass_obj
def metrics(place: Where, *, output: Path | None) -> None:
    """Print figures on the daemon in Prometheus's text format.

    A FILE.prom in the folder of node_exporter's textfile collector is read by that; when no daemon
    answers it says so (facewatchd_up 0).
    """
    try:
        text = place.client().metrics()
    except NotRunningError:
        if output is not None:
            _write(output, _DOWN)
        raise
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)


def _write(output: Path, text: str) -> None:
    """Put ``text`` into the place of ``output``; whoever reads it sees all of it or the former."""
    try:
        # node_exporter leaves names alone that do not end with .prom.
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
        fresh = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                os.fchmod(file.fileno(), _MODE)
                file.write(text)
            fresh.replace(output)
        except BaseException:
            fresh.unlink()
            raise
    except OSError as error:
        raise FacewatchError(
            f"{output} cannot be written: {error.strerror}.",
            "Name a file in a folder that is there and that you may write, or run this as root.",
        ) from error
