"""People as arguments, completed by the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from facewatchd.cli.place import where
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem as Item

_SECONDS = 1.0  # somebody waits at the keyboard


class Person(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """A person by name, folder, id or the start of an id; the daemon says who that is."""

    name = "person"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 -- click's signature
        incomplete: str,
    ) -> list[Item[str]]:
        """Return who is called like that; nobody when no daemon answers soon."""
        from facewatchd.client import Client  # noqa: PLC0415 -- --help needs no HTTP

        options = ctx.find_root().params
        place = where(options.get("socket"), options.get("state"))
        try:
            people = Client(place.socket, _SECONDS).people()
        except FacewatchError:
            return []
        called = (each["name"] or each["folder"] for each in people)
        typed = incomplete.casefold()
        return [CompletionItem(c) for c in called if c and c.casefold().startswith(typed)]


PERSON = Person()
