"""``facewatchctl unit``: what the confined unit has to be told of a configuration."""

from __future__ import annotations

from pathlib import Path

import click

from facewatchd.cli.become import become


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration; else /etc/facewatchd/facewatchd.yaml, or that of the instance.",
)
@click.option("--instance", metavar="NAME", help="For facewatchd@NAME.service.")
def unit(config: Path | None, *, instance: str | None) -> None:
    """Print the drop-in that opens the configured folders to the systemd unit."""
    named = ["--config", str(config)] if config else []
    become("unit", *named, *(["--instance", instance] if instance else []))
