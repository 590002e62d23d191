"""One-shot work in a process of its own, which ``facewatchctl`` starts."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from facewatchd.batch.demo import Place, show_off
from facewatchd.client import Client
from facewatchd.doctor import examination
from facewatchd.doctor.finding import Finding
from facewatchd.errors import Exit, FacewatchError
from facewatchd.render import printable

if TYPE_CHECKING:
    from collections.abc import Iterator


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Work that needs no daemon of yours; facewatchctl starts it."""


@main.command()
@click.argument(
    "photos", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False
)
@click.option("--into", type=click.Path(path_type=Path), required=True)
def demo(photos: Path | None, into: Path) -> None:
    """Run the daemon on PHOTOS, or on made photos of six people; show what came out."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    try:
        show_off(photos.absolute() if photos else None, Place(into.absolute()), console)
    except FacewatchError as error:
        click.echo(f"facewatchctl demo: {error}", err=True)
        sys.exit(error.exit_code)


@main.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration (YAML).")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(path: Path | None, *, as_json: bool) -> None:
    """Check folders, limits and models; say what to type where something is wrong."""
    findings = []
    for finding in _findings(path):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    wrong = sum(finding.mend is not None for finding in findings)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in findings], indent=2))
    else:
        click.echo(
            f"{wrong} of {len(findings)} checks found something wrong." if wrong else "All is well."
        )
    sys.exit(Exit.FAILED if wrong else Exit.OK)


def _findings(path: Path | None) -> Iterator[Finding]:
    settings, configuration = examination.settings_of(path)
    yield configuration
    yield from examination.examine(settings)
    if settings is not None:
        yield _daemon(Client(settings.socket_path))


def _daemon(client: Client) -> Finding:
    """Say whether a daemon runs; that none does is not wrong."""
    try:
        status = client.status()
    except FacewatchError as error:
        return Finding("Daemon", error.title)
    return Finding("Daemon", f"version {status['version']} answers: it is {status['state']}")


def _tell(finding: Finding) -> None:
    mark = (
        click.style("ok   ", fg="green") if finding.mend is None else click.style("WRONG", fg="red")
    )
    click.echo(f"{mark}  {printable(finding.about)}: {printable(finding.words)}")
    if finding.mend is not None:
        click.echo(f"       {printable(finding.mend)}")


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)  # so that the daemon is stopped on the way out
