"""``facewatchctl photos``: which photos people are in."""

from __future__ import annotations

import functools
import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.person import PERSON
from facewatchd.cli.showing import json_option, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.cli.place import Where

_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_DECEMBER = 12


class _Day(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """A year, month or day of the camera's calendar, as its first second or the one after it."""

    name = "YYYY[-MM[-DD]]"

    def __init__(self, *, after: bool) -> None:
        self._after = after

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = _DATE.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no date; give YYYY, YYYY-MM or YYYY-MM-DD.", param, ctx)
        year, month, day = (None if part is None else int(part) for part in found.groups())
        try:
            first = datetime(year or 0, month or 1, day or 1, tzinfo=UTC)
            return (_next(first, month, day) if self._after else first).timestamp()
        except (ValueError, OverflowError):
            self.fail(f"There is no day {value}.", param, ctx)


def _next(first: datetime, month: int | None, day: int | None) -> datetime:
    if day is not None:
        return first + timedelta(days=1)
    if month is not None and month < _DECEMBER:
        return first.replace(month=month + 1)
    return first.replace(year=first.year + 1, month=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos are meant."""

    together: tuple[str, ...]
    without: tuple[str, ...]
    since: float | None
    until: float | None


def asked_for(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options that say which photos are meant, as its ``wanted``."""

    @functools.wraps(command)
    def asked(
        *rest: Any,
        together: tuple[str, ...],
        without: tuple[str, ...],
        since: float | None,
        until: float | None,
        **others: Any,
    ) -> None:
        command(*rest, wanted=Wanted(together, without, since, until), **others)

    for option in (
        click.option("--until", type=_Day(after=True), help="Taken then or before."),
        click.option("--since", type=_Day(after=False), help="Taken then or later."),
        click.option("--without", multiple=True, type=PERSON, help="Who is not in them."),
        click.option("--with", "together", multiple=True, type=PERSON, help="Who is in them."),
    ):
        asked = option(asked)
    return asked


@click.command()
@asked_for
@click.option("--print0", is_flag=True, help="End each path with a zero byte, for xargs -0.")
@json_option
@click.pass_obj
def photos(place: Where, *, wanted: Wanted, print0: bool, as_json: bool) -> None:
    """List the photos in which all of some people are, and none of others, oldest first."""
    if print0 and as_json:
        raise click.UsageError("--json and --print0 exclude each other.")
    answer = place.client().photos(wanted.together, wanted.without, wanted.since, wanted.until)
    if sys.stdout.isatty() and not print0:
        show(answer, lambda a: render.show_grid(render.photos_grid(a)), as_json=as_json)
    else:
        show(answer, lambda a: _write(a, b"\0" if print0 else b"\n"), as_json=as_json)


def _write(found: list[dict[str, Any]], end: bytes) -> None:
    """Write the paths as the bytes that they are."""
    sys.stdout.buffer.writelines(os.fsencode(photo["path"]) + end for photo in found)
    sys.stdout.buffer.flush()
