"""How commands show an answer: in words, or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 100_000  # that one question returns

json_option = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
limit_option = click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    help="How many are shown at most.",
)


def show(answer: Any, words: Callable[[Any], None], *, as_json: bool) -> None:
    """Print ``answer`` as JSON, or have it put into ``words``."""
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        words(answer)


def show_decision(decision: dict[str, Any], who: str | None = None, *, as_json: bool) -> None:
    """Say what was decided, of ``who`` as typed by the user, and how it is taken back."""
    if as_json:
        click.echo(json.dumps(decision, indent=2))
    else:
        click.echo(render.printable(f"{render.decision_words(decision, who)}."))
        if decision["over"] is not None:
            click.echo(f"  It is newer than decision {decision['over']}, and counts.")
        click.echo(f"  Take it back with: facewatchctl undo {decision['number']}")
