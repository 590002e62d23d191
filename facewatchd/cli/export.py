"""``facewatchctl export``: a folder of the photos that people are in."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from facewatchd import render
from facewatchd.cli.person import PERSON
from facewatchd.cli.photos import asked_for
from facewatchd.cli.showing import json_option
from facewatchd.errors import Exit, FacewatchError

if TYPE_CHECKING:
    from facewatchd.cli.photos import Wanted
    from facewatchd.cli.place import Where
    from facewatchd.client import Client


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=bytes))
@click.option("--person", required=True, type=PERSON, help="Who is in all of them.")
@asked_for
@click.option("--copy", is_flag=True, help="Copy the photos; without it they are linked to.")
@json_option
@click.pass_context
def export(
    ctx: click.Context,
    *,
    folder: bytes,
    person: str,
    wanted: Wanted,
    copy: bool,
    as_json: bool,
) -> None:
    """Fill the folder DIR with the photos of a person; no file that is there is replaced."""
    from facewatchd.cli.exporting import Exported, fill  # noqa: PLC0415 -- --help needs none of it

    place: Where = ctx.obj
    client = place.client()
    people = (person, *wanted.together)
    found = client.photos(people, wanted.without, wanted.since, wanted.until)
    check_place(client, folder, "facewatchctl export DIR --person PERSON")
    made: Exported = fill(folder, found, copy=copy)
    if as_json:
        answer = {"made": made.made, "there": made.there, "unreadable": made.unreadable}
        click.echo(json.dumps(answer, indent=2))
    else:
        done = "copied" if copy else "linked"
        there = f", {made.there:,} were there already" if made.there else ""
        shown = render.printable(os.fsdecode(folder))
        click.echo(f"{render.count(made.made, 'photo')} {done} into {shown}{there}.")
    for path in made.unreadable:
        click.echo(f"facewatchctl: {render.printable(path)} cannot be read.", err=True)
    if made.unreadable:
        click.echo("  Mount its disk, and export again: what is there stays.", err=True)
        ctx.exit(Exit.FAILED)


def check_place(client: Client, folder: bytes, command: str) -> None:
    """Raise FacewatchError if ``folder`` lies where the daemon looks for photos, or makes links.

    ``command`` is what to type with another folder.
    """
    status = client.status()
    roots = [(root["path"], "the watched folder") for root in status["roots"]]
    for place, what in (*roots, (status["output"]["path"], "the output")):
        if _lies_in(folder, os.fsencode(place)):
            raise FacewatchError(
                f"{os.fsdecode(folder)} is in {what} {place}.",
                f"Name a folder elsewhere: {command}",
            )


def _lies_in(folder: bytes, place: bytes) -> bool:
    folder, place = os.path.realpath(folder), os.path.realpath(place)
    return folder == place or folder.startswith(place.rstrip(b"/") + b"/")
