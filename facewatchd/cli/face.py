"""``facewatchctl face``: what is said of single faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facewatchd import render
from facewatchd.cli.names import by_any_name
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option, show, show_decision

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_EDGES = 4
_faces = click.argument("faces", metavar="FACE...", type=click.IntRange(0), nargs=-1, required=True)


class _BoxType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "L,T,R,B"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        edges = str(value).split(",")
        if len(edges) != _EDGES or not all(e.isascii() and e.isdigit() for e in edges):
            self.fail(f"{value!r} is no box; give left,top,right,bottom in pixels.", param, ctx)
        return tuple(map(int, edges))


@click.group()
def face() -> None:
    """Show faces, and say whose they are; ``find PHOTO`` tells their numbers."""


@face.command("show")
@click.argument("face", type=click.IntRange(0))
@json_option
@click.pass_obj
def show_face(place: Where, *, face: int, as_json: bool) -> None:
    """Show all about FACE."""
    answer = place.client().face(face)
    show(answer, lambda a: render.show_fields(render.face_fields(a)), as_json=as_json)


@face.command()
@click.argument("words", metavar="FACE... PERSON", type=PERSON, nargs=-1, required=True)
@click.option("--new", metavar="NAME", help="They are somebody new; no PERSON is named then.")
@click.option("--another", is_flag=True, help="Also when somebody else has this name.")
@json_option
@click.pass_obj
def assign(
    place: Where, *, words: tuple[str, ...], new: str | None, another: bool, as_json: bool
) -> None:
    """Say that each FACE is PERSON, whatever the program thinks."""
    numbers, person = (words, None) if new is not None else (words[:-1], words[-1])
    if not numbers:
        raise click.UsageError("Name one FACE or more, and then PERSON.")
    if new is not None and not new.strip():
        raise click.UsageError("The NAME is empty.")
    wrong = next((each for each in numbers if not (each.isascii() and each.isdigit())), None)
    if wrong is not None:
        raise click.UsageError(f"{wrong!r} is no face; faces are named by their numbers.")
    faces = [int(number) for number in numbers]
    client = place.client()
    decision = client.say("faces/assign", faces=faces, person=person, new=new, another=another)
    show_decision(decision, as_json=as_json)


@face.command()
@_faces
@click.option("--person", type=PERSON, help="Who they are not; else: not whom they are with.")
@json_option
@click.pass_obj
def reject(place: Where, *, faces: tuple[int, ...], person: str | None, as_json: bool) -> None:
    """Say that each FACE is not this person, and never comes back there."""
    decision = place.client().say("faces/reject", faces=faces, person=person)
    show_decision(decision, as_json=as_json)


@face.command()
@_faces
@json_option
@click.pass_obj
def ignore(place: Where, *, faces: tuple[int, ...], as_json: bool) -> None:
    """Say that each FACE is nobody whom you ever want to see again."""
    show_decision(place.client().say("faces/ignore", faces=faces), as_json=as_json)


@face.command()
@click.argument("photo", type=click.Path(path_type=bytes))
@click.argument("person", type=PERSON)
@click.option("--box", type=_BoxType(), help="Where the face is, in pixels of the upright photo.")
@click.option("--no-box", is_flag=True, help="Only say that PERSON is in PHOTO.")
@json_option
@click.pass_obj
def add(
    place: Where,
    *,
    photo: bytes,
    person: str,
    box: tuple[int, ...] | None,
    no_box: bool,
    as_json: bool,
) -> None:
    """Say that PERSON is in PHOTO, where no face was found."""
    if (box is not None) == no_box:
        raise click.UsageError("Give --box L,T,R,B or --no-box.")
    client = place.client()
    decision = by_any_name(
        photo, lambda path: client.say("faces/add", path=path, person=person, box=box)
    )
    show_decision(decision, as_json=as_json)
