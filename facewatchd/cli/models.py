"""``facewatchctl models``: the weights that are there, or can be fetched."""

from __future__ import annotations

from pathlib import Path

import click

from facewatchd.cli.become import become

_config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration, which names the model folder; else the one the daemon finds.",
)


@click.group()
def models() -> None:
    """List, fetch, convert and check the weights of engines; run it as the daemon's user."""


@models.command("list")
@_config
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def list_(config: Path | None, *, as_json: bool) -> None:
    """List all models: what is there, what can be fetched, from where, under which licence."""
    become("models", "list", *_named(config), *(["--json"] if as_json else []))


@models.command()
@click.argument("name")
@_config
@click.option(
    "--accept-licence",
    "--yes",
    "accepted",
    is_flag=True,
    help="Accept the licence that is shown; scripts need it.",
)
@click.option(
    "--from", "source", metavar="URL-OR-FILE", help="Take it from here, not from its own address."
)
def fetch(name: str, config: Path | None, source: str | None, *, accepted: bool) -> None:
    """Fetch the model NAME; nothing else in facewatchd ever opens the network."""
    accept = ["--accept-licence"] if accepted else []
    other = ["--from", source] if source is not None else []
    become("models", "fetch", *_named(config), *accept, *other, "--", name)


@models.command()
@click.argument("file", type=click.Path(path_type=Path))
@_config
def convert(file: Path, config: Path | None) -> None:
    """Make a model of FILE, which you downloaded: the weights of facenet or dsfd."""
    become("models", "convert", *_named(config), "--", str(file))


@models.command()
@_config
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config: Path | None, *, as_json: bool) -> None:
    """Look whether all models that are there are whole, and load."""
    become("models", "check", *_named(config), *(["--json"] if as_json else []))


def _named(config: Path | None) -> list[str]:
    return ["--config", str(config)] if config else []
