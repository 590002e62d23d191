"""``facewatchctl backup`` and ``restore``: the store into a file, and out of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.become import become
from facewatchd.errors import BackupError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_POLL_EVERY = 0.2


@click.command()
@click.argument("file", type=click.Path(path_type=bytes))
@click.option(
    "--force", is_flag=True, help="Also replace a file that is no backup of this library."
)
@click.pass_obj
def backup(place: Where, *, file: bytes, force: bool) -> None:
    """Copy the store to FILE while the daemon goes on; FILE is written by the daemon's user."""
    client = place.client()
    client.back_up(os.path.abspath(file), force=force)
    made = _wait(client)
    if made["error"] is not None:
        raise BackupError(*made["error"].split("\n  ", 1))
    click.echo(f"The backup is {render.printable(made['path'])}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--without-newer",
    is_flag=True,
    help="Also go back behind all decisions that are newer than FILE.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration, which names the folders; else the one the daemon finds.",
)
@click.pass_context
def restore(ctx: click.Context, *, file: Path, without_newer: bool, config: Path | None) -> None:
    """Put the backup FILE in the place of the store; stop the daemon first, run it as its user.

    The present store is set aside.  Decisions that are newer than FILE are kept.
    """
    state: Path | None = ctx.find_root().params["state"]
    become(
        "restore",
        *(["--config", str(config)] if config else []),
        *(["--state", str(state.absolute())] if state else []),
        *(["--without-newer"] if without_newer else []),
        "--",
        str(file.absolute()),
    )


def _wait(client: Client) -> dict[str, Any]:
    while (made := client.status()["backup"])["running"]:
        time.sleep(_POLL_EVERY)
    return dict(made)
