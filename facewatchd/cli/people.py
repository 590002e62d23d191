"""``facewatchctl people``: who was found, and what is said of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.groups import Listing
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option, show, show_decision

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_person = click.argument("person", type=PERSON)
_other = click.argument("other", type=PERSON)


@click.group(cls=Listing)
def people() -> None:
    """List people, and say who is who; without a command: list."""


@people.command("list")
@click.option("--hidden", is_flag=True, help="Also those who are hidden.")
@json_option
@click.pass_obj
def list_(place: Where, *, hidden: bool, as_json: bool) -> None:
    """List everyone who was found, with how many photos and faces."""
    answer = [each for each in place.client().people() if hidden or not each["hidden"]]
    show(answer, lambda a: render.show_grid(render.people_grid(a)), as_json=as_json)


@people.command("show")
@_person
@click.option(
    "--faces",
    type=click.IntRange(1, 100_000),
    default=5,
    show_default=True,
    help="How many of the least similar faces are shown.",
)
@json_option
@click.pass_obj
def show_person(place: Where, *, person: str, faces: int, as_json: bool) -> None:
    """Show all about PERSON, with the faces that are least like the others."""
    client = place.client()
    found = client.person(person)
    answer = found | {"least_similar": client.faces_of(found["id"], faces)}
    show(answer, lambda a: render.show_fields(render.person_fields(a)), as_json=as_json)


@people.command()
@_person
@click.argument("name", required=False)
@click.option("--none", "nameless", is_flag=True, help="Take the name away.")
@click.option("--another", is_flag=True, help="Also when somebody else has this name.")
@json_option
@click.pass_obj
def name(
    place: Where, *, person: str, name: str | None, nameless: bool, another: bool, as_json: bool
) -> None:
    """Call PERSON by a NAME, or by none."""
    if (name is not None) == nameless:
        raise click.UsageError("Give a NAME or --none.")
    if name is not None and not name.strip():
        raise click.UsageError("The NAME is empty; --none takes a name away.")
    decision = place.client().say("people/name", person=person, name=name, another=another)
    show_decision(decision, person, as_json=as_json)


@people.command()
@_person
@_other
@click.option("--name", help="What they are called then, if both have a name.")
@json_option
@click.pass_obj
def merge(place: Where, *, person: str, other: str, name: str | None, as_json: bool) -> None:
    """Say that OTHER is PERSON."""
    client = place.client()
    if name is None and sys.stdin.isatty():
        name = _asked_name(client, person, other)
    decision = client.say("people/merge", person=person, other=other, name=name)
    show_decision(decision, as_json=as_json)


@people.command()
@_person
@click.argument("faces", metavar="FACE...", type=click.IntRange(0), nargs=-1, required=True)
@json_option
@click.pass_obj
def split(place: Where, *, person: str, faces: tuple[int, ...], as_json: bool) -> None:
    """Make a new person of some faces of PERSON."""
    decision = place.client().say("people/split", person=person, faces=faces)
    show_decision(decision, as_json=as_json)


@people.command()
@_person
@_other
@json_option
@click.pass_obj
def apart(place: Where, *, person: str, other: str, as_json: bool) -> None:
    """Say that PERSON and OTHER are two people."""
    decision = place.client().say("people/apart", person=person, other=other)
    show_decision(decision, as_json=as_json)


@people.command()
@_person
@json_option
@click.pass_obj
def hide(place: Where, *, person: str, as_json: bool) -> None:
    """Show PERSON nowhere, who goes on collecting faces."""
    show_decision(place.client().say("people/hide", person=person), person, as_json=as_json)


@people.command()
@_person
@json_option
@click.pass_obj
def unhide(place: Where, *, person: str, as_json: bool) -> None:
    """Show PERSON again."""
    show_decision(place.client().say("people/unhide", person=person), person, as_json=as_json)


@people.command()
@_person
@click.argument("face", type=click.IntRange(0))
@json_option
@click.pass_obj
def cover(place: Where, *, person: str, face: int, as_json: bool) -> None:
    """Make FACE the cover of PERSON."""
    decision = place.client().say("people/cover", person=person, face=face)
    show_decision(decision, person, as_json=as_json)


@people.command()
@_person
@json_option
@click.pass_obj
def confirm(place: Where, *, person: str, as_json: bool) -> None:
    """Say that all faces that are with PERSON now are rightly there."""
    show_decision(place.client().say("people/confirm", person=person), person, as_json=as_json)


def _asked_name(client: Client, person: str, other: str) -> str | None:
    """Ask which of two names stays; None where there is no question."""
    both: list[dict[str, Any]] = [client.person(person), client.person(other)]
    names = [each["name"] for each in both]
    if both[0]["id"] == both[1]["id"] or None in names or names[0] == names[1]:
        return None
    for number, called in enumerate(names, 1):
        click.echo(f"{number}  {render.printable(called)}", err=True)
    kept = click.prompt(
        "Both have a name. Which one stays?", type=click.IntRange(1, 2), default=1, err=True
    )
    return str(names[kept - 1])
