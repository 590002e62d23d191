"""``facewatchctl forget``: a person, a photo or a face, for good."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.names import by_any_name
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option
from facewatchd.errors import NotFoundError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_KINDS = ("person", "photo", "face")
_POLL_EVERY = 0.2


@click.command()
@click.argument("what", metavar="PERSON|PHOTO|FACE", type=PERSON)
@click.option("--as", "kind", type=click.Choice(_KINDS), help="Which of the three it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def forget(place: Where, *, what: str, kind: str | None, yes: bool, as_json: bool) -> None:
    """Forget a PERSON, a PHOTO or a FACE for good: this cannot be undone.

    The photo files are never touched.
    """
    client = place.client()
    wish, much = _meant(client, what, kind)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError(
                "This cannot be undone, and there is no terminal to ask on. If you are sure: --yes"
            )
        for line in render.forgetting_words(next(iter(wish)), much):
            click.echo(render.printable(line), err=True)
        click.confirm("Forget this for good?", abort=True, err=True)
    gone = client.forget(**wish)
    left = _wait(client)
    if as_json:
        click.echo(json.dumps(gone | {"traces": left}, indent=2))
        return
    for line in render.forgotten_words(gone, left):
        click.echo(render.printable(line))


def _meant(
    client: Client, what: str, kind: str | None
) -> tuple[dict[str, str | bytes | int], dict[str, Any]]:
    """Return what ``what`` means, and how much that is; what it may mean is never guessed."""
    found = {}
    for each in _KINDS if kind is None else (kind,):
        with contextlib.suppress(NotFoundError):
            found[each] = _asked(client, what, each)
    if len(found) > 1:
        raise click.UsageError(
            f"{what!r} may be a {' or a '.join(found)}: say --as {' or --as '.join(found)}."
        )
    if not found:
        raise NotFoundError(
            f"{what!r} is no {kind or 'person, photo or face'} that is known.",
            "See: facewatchctl people list, facewatchctl find PHOTO",
        )
    return found.popitem()[1]


def _asked(
    client: Client, what: str, kind: str
) -> tuple[dict[str, str | bytes | int], dict[str, Any]]:
    match kind:
        case "person":
            return {kind: what}, client.forgettable(person=what)
        case "photo":
            return by_any_name(os.fsencode(what), lambda path: _photo(client, path))
        case _ if what.isascii() and what.isdigit():
            return {kind: int(what)}, client.forgettable(face=int(what))
        case _:
            raise NotFoundError(f"{what!r} is no face.", "Faces are named by their numbers.")


def _photo(client: Client, path: bytes) -> tuple[dict[str, str | bytes | int], dict[str, Any]]:
    return {"photo": path}, client.forgettable(photo=path)


def _wait(client: Client) -> dict[str, Any]:
    """Return what stays, once all traces are gone that can go now."""
    while not (traces := client.traces())["done"] and traces["waits"] is None:
        time.sleep(_POLL_EVERY)
    return traces
