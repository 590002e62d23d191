"""``facewatchctl doubtful``: faces that nobody was near enough to, and settling them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from facewatchd import render
from facewatchd.cli.groups import Listing
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option, limit_option, show, show_decision
from facewatchd.errors import ApiError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_face = click.argument("face", type=click.IntRange(0))
_person = click.argument("person", type=PERSON, required=False)


@click.group(cls=Listing)
def doubtful() -> None:
    """List faces that nobody was near enough to, and settle them; without a command: list."""


@doubtful.command("list")
@json_option
@limit_option
@click.pass_obj
def list_(place: Where, *, as_json: bool, limit: int) -> None:
    """List doubtful faces, with whom they may be."""
    answer = place.client().doubtful(limit)
    show(answer, lambda a: render.show_grid(render.doubtful_grid(a)), as_json=as_json)


@doubtful.command()
@_face
@_person
@json_option
@click.pass_obj
def accept(place: Where, *, face: int, person: str | None, as_json: bool) -> None:
    """Say that FACE is PERSON, or else its nearest candidate."""
    client = place.client()
    who = person or _nearest(client, face, "accept")
    show_decision(client.say("faces/assign", faces=[face], person=who), as_json=as_json)


@doubtful.command()
@_face
@_person
@json_option
@click.pass_obj
def reject(place: Where, *, face: int, person: str | None, as_json: bool) -> None:
    """Say that FACE is not PERSON, or else not its nearest candidate."""
    client = place.client()
    who = person or _nearest(client, face, "reject")
    show_decision(client.say("faces/reject", faces=[face], person=who), as_json=as_json)


@doubtful.command()
@click.argument("faces", metavar="FACE...", type=click.IntRange(0), nargs=-1, required=True)
@json_option
@click.pass_obj
def ignore(place: Where, *, faces: tuple[int, ...], as_json: bool) -> None:
    """Say that each FACE is nobody whom you ever want to see again."""
    show_decision(place.client().say("faces/ignore", faces=faces), as_json=as_json)


@doubtful.command("next")
@click.pass_obj
def next_(place: Where) -> None:
    """Ask who doubtful faces are, one question at a time, first what settles most of them."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(
            "Questions are asked in a terminal. See them with: facewatchctl doubtful list"
        )
    from facewatchd.cli.dialogue import Dialogue  # noqa: PLC0415 -- no other command needs it
    from facewatchd.cli.drawing import drawing  # noqa: PLC0415 -- the same
    from facewatchd.cli.keyboard import Keyboard  # noqa: PLC0415 -- the same

    with Keyboard(sys.stdin.fileno()) as keyboard:
        Dialogue(place.client(), drawing(os.environ), keyboard).run()


def _nearest(client: Client, face: int, command: str) -> str:
    """Return the nearest candidate of a doubtful face."""
    found = client.face(face)
    if found["person"] is not None:
        raise ApiError(
            f"Face {face} is not doubtful: it is with {render.person_words(found)}.",
            f"Say who it is or is not: facewatchctl face {_OTHERWISE[command]} {face} …",
        )
    if not found["candidates"]:
        raise ApiError(
            f"Face {face} has no candidate.",
            f"Name a person: facewatchctl doubtful {command} {face} PERSON",
        )
    return str(found["candidates"][0]["person"])


_OTHERWISE = {"accept": "assign", "reject": "reject"}
