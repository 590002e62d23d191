"""Journals in some places, and what is said in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions import Decision, Kind
from facewatchd.journal import Journal
from tests.support.deciding import SPOTS, Saying

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LIBRARY = "11" * 16


def some_decisions() -> list[Decision]:
    """Return four decisions of different kinds that follow each other."""
    say = Saying()
    return [
        say(Kind.NAME, person="p", name="Jürgen", anchors={"p": (SPOTS[3],)}),
        say(Kind.CONFIRM, SPOTS[0], person="p"),
        say(Kind.IGNORE, SPOTS[1]),
        say(Kind.HIDE, person="q"),
    ]


def file_of(folder: Path) -> Path:
    """Return the file of the journal that has a place in ``folder``."""
    return folder / "decisions.jsonl"


def write(places: Sequence[Path], decisions: Sequence[Decision], library: str = LIBRARY) -> None:
    """Write to ``places`` what of ``decisions`` their journal does not hold yet."""
    journal = Journal(places, library)
    last = len(journal.read())
    for decision in decisions[last:]:
        journal.append(decision)
    assert journal.degraded == {}


def read(*places: Path, library: str | None = LIBRARY) -> list[Decision]:
    """Open the journal in ``places`` and return its decisions."""
    return Journal(places, library).read()
