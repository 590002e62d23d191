"""Commands that are one-shot work without the daemon."""

from __future__ import annotations

from pathlib import Path

import click

from facewatchd.cli.become import become

_path = click.Path(path_type=Path)


@click.command()
@click.argument("photos", type=click.Path(path_type=Path), required=False)
@click.option(
    "--into",
    type=_path,
    default=Path("facewatchd-demo"),
    show_default=True,
    help="The folder that the demo makes.",
)
def demo(photos: Path | None, into: Path) -> None:
    """Run the daemon on the folder PHOTOS, or on made photos of six people; show the result."""
    become("demo", "--into", str(into), "--", *([str(photos)] if photos else []))


@click.command()
@click.option("--config", type=_path, help="The configuration; else the one the daemon finds.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(config: Path | None, *, as_json: bool) -> None:
    """Check folders, limits and models without the daemon; say what to type to mend them."""
    named = ["--config", str(config)] if config else []
    become("doctor", *named, *(["--json"] if as_json else []))


@click.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False
)
@click.option("--config", type=_path, help="The configuration; else the one the daemon finds.")
@click.option("--photos", type=click.IntRange(1), help="How many to read; 24 without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def bench(folder: Path | None, config: Path | None, photos: int | None, *, as_json: bool) -> None:
    """Measure how fast this machine reads photos of FOLDER, or of the configured roots."""
    named = ["--config", str(config)] if config else []
    number = ["--photos", str(photos)] if photos else []
    place = ["--", str(folder)] if folder else []
    become("measure", *named, *number, *(["--json"] if as_json else []), *place)
