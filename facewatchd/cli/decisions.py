"""What was decided, taking it back, and ignoring many faces at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.showing import json_option, limit_option, show, show_decision

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_ALL = 100_000


@click.command()
@json_option
@limit_option
@click.pass_obj
def log(place: Where, *, as_json: bool, limit: int) -> None:
    """List the last decisions, the newest first."""
    answer = place.client().decisions(limit)
    show(answer, lambda a: render.show_grid(render.log_grid(a)), as_json=as_json)


@click.command()
@click.argument("decision", required=False)
@json_option
@click.pass_obj
def undo(place: Where, *, decision: str | None, as_json: bool) -> None:
    """Take back DECISION (its number or id), or the last one; also an undo."""
    client = place.client()
    answer = client.say("undo", decision=decision)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    *later, taken_back = client.decisions(_ALL, first=answer["of"])
    click.echo(render.printable(f"Taken back: {_numbered(taken_back)}."))
    for each in reversed(later):
        if each["inert"] not in (None, "undone"):
            words = f"Without effect now: {_numbered(each)} ({each['inert']})."
            click.echo(render.printable(words))
    click.echo(f"  Have it again with: facewatchctl undo {answer['number']}")


@click.command()
@click.option(
    "--unnamed-below",
    "below",
    metavar="N",
    type=click.IntRange(1),
    required=True,
    help="All faces of people without a name who are in fewer photos than N.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def ignore(place: Where, *, below: int, yes: bool, as_json: bool) -> None:
    """Ignore many faces at once, as one decision."""
    client = place.client()
    many = client.unnamed(below)
    if not yes:
        faces = render.count(many["faces"], "face")
        people = render.count(many["people"], "person", "people")
        click.confirm(f"Ignore {faces} of {people} without a name?", abort=True, err=True)
    show_decision(client.say("faces/ignore", unnamed_below=below), as_json=as_json)


def _numbered(decision: dict[str, Any]) -> str:
    return f"decision {decision['number']}, {render.decision_words(decision)}"
