"""``facewatchctl unit``: the drop-in for the configured folders, on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from facewatchd import config
from facewatchd.doctor.dropin import configuration_of, dropin, where_to
from facewatchd.errors import FacewatchError


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration (YAML).")
@click.option("--instance", help="The person of facewatchd@.service.")
def unit(path: Path | None, instance: str | None) -> None:
    """Print the drop-in, and on a terminal what to do with it."""
    try:
        text = dropin(config.load(path or configuration_of(instance)), instance)
    except FacewatchError as error:
        click.echo(f"facewatchctl unit: {error}", err=True)
        sys.exit(error.exit_code)
    click.echo(text, nl=False)
    if sys.stdout.isatty():
        click.echo(f"\nTo use it: {where_to(instance)}", err=True)
