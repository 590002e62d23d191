"""``facewatchctl pause`` and ``resume``: all work put off for a while."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.showing import json_option, show

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # as in the configuration


class _Duration(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", str(value))
        if found is None or not (seconds := float(found[1]) * _UNITS[found[2] or "s"]):
            self.fail(f"{value!r} is no duration above 0, like 90s, 10m, 2h or 7d.", param, ctx)
        return seconds


@click.command()
@click.option("--for", "seconds", type=_Duration(), help="How long: 90s, 10m, 2h, 7d.")
@json_option
@click.pass_obj
def pause(place: Where, *, seconds: float | None, as_json: bool) -> None:
    """Read no photo and cluster nothing until `facewatchctl resume`, or for some time.

    What is under way is finished; new photos are noticed, and read afterwards.  A restart of the
    daemon does not end it.
    """
    show(place.client().pause(seconds), _put, as_json=as_json)


@click.command()
@json_option
@click.pass_obj
def resume(place: Where, *, as_json: bool) -> None:
    """Take `facewatchctl pause` back."""
    show(place.client().resume(), _put, as_json=as_json)


def _put(answer: dict[str, Any]) -> None:
    words = render.pause_words(answer)
    click.echo(f"Paused: {words}." if words else "Work goes on.")
