"""One-shot work in a process of its own, which ``facewatchctl`` starts."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from facewatchd import config
from facewatchd.batch import bench
from facewatchd.batch.cluster import cluster, presets
from facewatchd.batch.demo import Place, show_off
from facewatchd.batch.findings import tell
from facewatchd.batch.models import models
from facewatchd.batch.report import report
from facewatchd.batch.restore import restore
from facewatchd.batch.unit import unit
from facewatchd.client import Client
from facewatchd.doctor import examination
from facewatchd.doctor.finding import Finding
from facewatchd.errors import ConfigError, FacewatchError

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
    sys.exit(tell(_findings(path), as_json=as_json))


main.add_command(models)
main.add_command(restore)
main.add_command(cluster)
main.add_command(presets)
main.add_command(report)
main.add_command(unit)


@main.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False
)
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration (YAML).")
@click.option("--photos", type=click.IntRange(1), default=bench.PHOTOS, help="How many to read.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def measure(folder: Path | None, path: Path | None, photos: int, *, as_json: bool) -> None:
    """Read some photos of FOLDER, or of the roots, and say how long that takes."""
    try:
        settings = _settings(folder, path)
        chosen = bench.sample([root.path for root in settings.roots], photos)
        measured = bench.measure(chosen, settings)
    except FacewatchError as error:
        click.echo(f"facewatchctl bench: {error}", err=True)
        sys.exit(error.exit_code)
    if as_json:
        click.echo(json.dumps(measured.as_json(), indent=2))
    else:
        click.echo("\n".join(bench.in_words(measured)))


def _settings(folder: Path | None, path: Path | None) -> config.Settings:
    """Read the configuration; FOLDER is then its only root."""
    file = path or config.find_config()
    if folder is None and file is None:
        raise ConfigError(
            "There is no configuration, so nobody knows where the photos are.",
            "Name a folder (facewatchctl bench FOLDER) or a configuration (--config FILE).",
        )
    own: dict[str, object] = {} if folder is None else {"roots": [{"path": str(folder.resolve())}]}
    if file is None:
        own["output"] = str(Path("facewatchd-people").absolute())  # never made
    return config.load(file, own)


def _findings(path: Path | None) -> Iterator[Finding]:
    settings, configuration = examination.settings_of(path)
    yield configuration
    yield from examination.examine(settings, examination.unit_for(path))
    if settings is not None:
        yield _daemon(Client(settings.socket_path))


def _daemon(client: Client) -> Finding:
    """Say whether a daemon runs; that none does is not wrong."""
    try:
        status = client.status()
    except FacewatchError as error:
        return Finding("Daemon", error.title)
    return Finding("Daemon", f"version {status['version']} answers: it is {status['state']}")


def _end(number: int, _frame: object) -> None:
    sys.exit(128 + number)  # so that the daemon is stopped on the way out
