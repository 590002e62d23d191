"""Printing: tables on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import click

from facewatchd.render.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table


_MARK = "\u200e"  # LEFT-TO-RIGHT MARK


class Field(NamedTuple):
    """One line of a description; several with the same label follow each other."""

    label: str
    text: str


class Grid(NamedTuple):
    """A table; ``empty`` is what is said instead of a table without rows."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    empty: str


def show_fields(fields: list[Field]) -> None:
    """Print a description."""
    if sys.stdout.isatty():
        _print(_fields_table(fields))
    else:
        for label, text in fields:
            click.echo(f"{label}: {printable(text)}")


def show_grid(grid: Grid) -> None:
    """Print a table: with rules on a terminal, in a pipe a line a row with tabs between."""
    if not sys.stdout.isatty():
        for row in grid.rows:
            click.echo("\t".join(map(printable, row)))
    elif not grid.rows:
        click.echo(grid.empty)
    else:
        _print(_grid_table(grid))


def watch_fields(states: Iterable[list[Field]]) -> None:
    """Show each description in the place of the one before; in a pipe, one below the other."""
    if not sys.stdout.isatty():
        for fields in states:
            show_fields(fields)
            click.echo()
        return
    from rich.live import Live  # noqa: PLC0415 -- 0.1 s that a pipe does not need

    with Live(auto_refresh=False) as live:
        for fields in states:
            live.update(_fields_table(fields), refresh=True)


def _fields_table(fields: list[Field]) -> Table:
    from rich.table import Table  # noqa: PLC0415 -- 0.1 s that a pipe does not need
    from rich.text import Text  # noqa: PLC0415 -- the same

    table = Table.grid(padding=(0, 2))
    before = ""
    for label, text in fields:
        table.add_row(
            Text("" if label == before else label, style="bold"),
            Text(_in_its_place(printable(text)), overflow="fold"),
        )
        before = label
    return table


def _grid_table(grid: Grid) -> Table:
    from rich.table import Table  # noqa: PLC0415 -- 0.1 s that a pipe does not need
    from rich.text import Text  # noqa: PLC0415 -- the same

    table = Table(*grid.columns)
    for row in grid.rows:
        table.add_row(*(Text(_in_its_place(printable(cell)), overflow="fold") for cell in row))
    return table


def _in_its_place(text: str) -> str:
    """Return ``text`` so that a terminal that turns Hebrew or Arabic turns nothing around it.

    Numbers and rules beside such letters take on their direction (UAX #9, rules N1 and N2); a mark
    of no width on each side keeps them apart.
    """
    turns = any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in text)
    return f"{_MARK}{text}{_MARK}" if turns else text


def _print(table: Table) -> None:
    from rich.console import Console  # noqa: PLC0415 -- 0.1 s that a pipe does not need

    Console().print(table)
