"""``facewatchctl suggestions``: which two people may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from facewatchd import render
from facewatchd.cli.groups import Listing
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option, limit_option, show, show_decision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_TWO = 2
_pairs = click.argument("pairs", metavar="PAIR...", type=PERSON, nargs=-1, required=True)


@click.group(cls=Listing)
def suggestions() -> None:
    """List people who may be one, and say whether they are; without a command: list."""


@suggestions.command("list")
@json_option
@limit_option
@click.pass_obj
def list_(place: Where, *, as_json: bool, limit: int) -> None:
    """List pairs of people who may be one; an answer to the first ones settles most faces."""
    answer = place.client().suggestions(limit)
    show(answer, lambda a: render.show_grid(render.suggestions_grid(a)), as_json=as_json)


@suggestions.command()
@_pairs
@json_option
@click.pass_obj
def accept(place: Where, *, pairs: tuple[str, ...], as_json: bool) -> None:
    """Say that the two of each PAIR, a number of the list, are one person; or name the two."""
    client = place.client()
    for person, other in _meant(client, pairs):
        decision = client.say("people/merge", person=person, other=other)
        show_decision(decision, as_json=as_json)


@suggestions.command()
@_pairs
@json_option
@click.pass_obj
def reject(place: Where, *, pairs: tuple[str, ...], as_json: bool) -> None:
    """Say that the two of each PAIR are two people, who are never suggested again."""
    client = place.client()
    for person, other in _meant(client, pairs):
        decision = client.say("people/apart", person=person, other=other)
        show_decision(decision, as_json=as_json)


def _meant(client: Client, words: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield the pairs that were typed; every number is looked up before the first is answered."""
    if all(word.isascii() and word.isdigit() for word in words):
        found = [client.suggestion(int(word)) for word in dict.fromkeys(words)]
        yield from [(each["person"]["person"], each["other"]["person"]) for each in found]
    elif len(words) == _TWO:
        yield words[0], words[1]
    else:
        raise click.UsageError("Name suggestions by their numbers, or two people.")
