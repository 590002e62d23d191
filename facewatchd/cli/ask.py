"""Commands that ask the daemon and show its answer; they change nothing."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd import __version__, render
from facewatchd.cli.names import by_any_name, names_of
from facewatchd.cli.showing import json_option, limit_option, show
from facewatchd.errors import NotRunningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.cli.place import Where
    from facewatchd.client import Client
    from facewatchd.render import Field

_WATCH_EVERY = 1.0


@click.command()
@json_option
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
            _show(client.status(), render.status_fields, as_json=as_json)
    except NotRunningError:
        last = place.last_status()
        if last is not None and last.get("version") == __version__:  # others may look otherwise
            age = time.time() - last["time"]
            words = functools.partial(render.status_fields, age=age)
            _show(last, words, as_json=as_json)
        raise


@click.command()
@json_option
@limit_option
@click.pass_obj
def errors(place: Where, *, as_json: bool, limit: int) -> None:
    """List files that could not be read and photos in which faces lack, with the reason."""
    client = place.client()
    answer = client.errors(limit)
    show(answer, lambda a: render.show_grid(render.errors_grid(a)), as_json=as_json)


@click.command()
@click.argument("photo", type=click.Path(path_type=bytes))
@json_option
@click.pass_obj
def find(place: Where, *, photo: bytes, as_json: bool) -> None:
    """Show who is in PHOTO, or in the photo that the link PHOTO leads to."""
    client = place.client()
    answer = by_any_name(photo, client.find)
    show(answer, lambda a: render.show_fields(render.photo_fields(a)), as_json=as_json)


@click.command()
@click.argument("path", type=click.Path(path_type=bytes))
@json_option
@click.pass_obj
def why(place: Where, *, path: bytes, as_json: bool) -> None:
    """Show what the daemon makes of PATH, step by step: is it linked, and if not, why."""
    client = place.client()
    answer = _why(client, path)
    show(answer, lambda a: render.show_fields(render.why_fields(a)), as_json=as_json)


def _show(
    status: dict[str, Any], words: Callable[[dict[str, Any]], list[Field]], *, as_json: bool
) -> None:
    show(status, lambda s: render.show_fields(words(s)), as_json=as_json)


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
