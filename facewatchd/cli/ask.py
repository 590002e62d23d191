"""Commands that ask the daemon and show its answer; they change nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd import __version__, render
from facewatchd.cli.names import by_any_name, names_of
from facewatchd.errors import NotRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.cli import Where
    from facewatchd.client import Client
    from facewatchd.render import Field

_MOST = 100_000  # that one question returns
_WATCH_EVERY = 1.0

_json = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as JSON.")
_limit = click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    help="How many are shown at most.",
)


@click.command()
@_json
@click.option("--watch", is_flag=True, help="Show it anew every second until Ctrl-C.")
@click.pass_obj
def status(place: Where, *, as_json: bool, watch: bool) -> None:
    """Show what the daemon is doing; without one, what it did last (exit 3)."""
    if as_json and watch:
        raise click.UsageError("--json and --watch exclude each other.")
    try:
        client = place.client()
        if watch:
            with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how one leaves it
                render.watch_fields(_every_second(client))
        else:
            _show(client.status(), as_json, lambda s: render.show_fields(render.status_fields(s)))
    except NotRunningError:
        last = place.last_status()
        if last is not None and last.get("version") == __version__:  # others may look otherwise
            age = time.time() - last["time"]
            words = functools.partial(render.status_fields, age=age)
            _show(last, as_json, lambda s: render.show_fields(words(s)))
        raise


@click.command()
@_json
@click.pass_obj
def people(place: Where, *, as_json: bool) -> None:
    """List everyone who was found, with how many photos and faces."""
    client = place.client()
    answer = client.people()
    _show(answer, as_json, lambda a: render.show_grid(render.people_grid(a)))


@click.command()
@_json
@_limit
@click.pass_obj
def doubtful(place: Where, *, as_json: bool, limit: int) -> None:
    """List faces that no person was near enough to, with whom they may be."""
    client = place.client()
    answer = client.doubtful(limit)
    _show(answer, as_json, lambda a: render.show_grid(render.doubtful_grid(a)))


@click.command()
@_json
@_limit
@click.pass_obj
def errors(place: Where, *, as_json: bool, limit: int) -> None:
    """List files that could not be read, with the reason."""
    client = place.client()
    answer = client.errors(limit)
    _show(answer, as_json, lambda a: render.show_grid(render.errors_grid(a)))


@click.command()
@click.argument("photo", type=click.Path(path_type=bytes))
@_json
@click.pass_obj
def find(place: Where, *, photo: bytes, as_json: bool) -> None:
    """Show who is in PHOTO, or in the photo that the link PHOTO leads to."""
    client = place.client()
    answer = by_any_name(photo, client.find)
    _show(answer, as_json, lambda a: render.show_fields(render.photo_fields(a)))


@click.command()
@click.argument("path", type=click.Path(path_type=bytes))
@_json
@click.pass_obj
def why(place: Where, *, path: bytes, as_json: bool) -> None:
    """Show what the daemon makes of PATH, step by step: is it linked, and if not, why."""
    client = place.client()
    answer = _why(client, path)
    _show(answer, as_json, lambda a: render.show_fields(render.why_fields(a)))


COMMANDS = (status, people, doubtful, errors, find, why)


def _show(answer: Any, as_json: bool, words: Callable[[Any], None]) -> None:  # noqa: FBT001 -- handed on from the option of that name
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        words(answer)


def _every_second(client: Client) -> Iterator[list[Field]]:
    while True:
        yield render.status_fields(client.status())
        time.sleep(_WATCH_EVERY)


def _why(client: Client, path: bytes) -> dict[str, Any]:
    """Ask by each name likewise; that a name is in no root tells nothing of the next one."""
    *others, typed = names_of(path)
    for name in others:
        answer = client.why(name)
        if answer["verdict"] != "not in a root":
            return answer
    return client.why(typed)
