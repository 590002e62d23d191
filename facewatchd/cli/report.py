"""``facewatchctl report``: tables, pictures and plots of the daemon's library in a folder."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import click

from facewatchd.cli.become import become
from facewatchd.cli.export import check_place
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option

if TYPE_CHECKING:
    from facewatchd.cli.place import Where


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=bytes, file_okay=False))
@click.option("--report", "names", multiple=True, metavar="NAME", help="Only this one; repeatable.")
@click.option("--person", "people", multiple=True, type=PERSON, help="Only this one; repeatable.")
@click.option("--crops", is_flag=True, help="Write each face as a picture, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["parquet", "jsonl"]),
    help="Write faces and encodings for other programs, too.",
)
@json_option
@click.pass_context
def report(
    ctx: click.Context,
    *,
    folder: bytes,
    names: tuple[str, ...],
    people: tuple[str, ...],
    crops: bool,
    form: str | None,
    as_json: bool,
) -> None:
    """Fill the folder DIR with tables, pictures and plots of everyone, and a page of them all.

    DIR is new, empty, or was made by this command, which replaces there what it wrote.
    """
    place: Where = ctx.obj
    check_place(place.client(), folder, "facewatchctl report DIR")
    wish = {
        "socket": str(place.socket),
        "folder": os.fsdecode(folder),
        "names": names,
        "people": people,
        "crops": crops,
        "form": form,
        "as_json": as_json,
    }
    # Until the child can end cleanly: it inherits this, and lets the signal come when it is ready.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    become("report", "--", json.dumps(wish))
