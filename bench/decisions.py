"""Decisions in a large library: how long a start replays them, and how long one takes.

Run from the repository: ``python -m bench.decisions [--faces N] [--decisions N] [--json]``.

A made library (bench/library.py: people of 40 faces, a fifth of the faces nobody's) gets that many
decisions, as users make them: most about faces, some about people.  Then

- *replay*: the store has lost its decisions, and a start takes them from the journal: reading it,
  what they come to, and carrying all of it over into the store;
- *start*: the next one, at which nothing is new;
- *one decision* of each kind, and its undo, from the wish to the acknowledgement: the journal's
  two places fsynced, the row and what follows committed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.library import make_store
from bench.report import lines
from facewatchd.config import load
from facewatchd.decisions import Decision, Kind, Spoken
from facewatchd.journal import Journal
from facewatchd.pipeline.clock import SystemClock
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.deciding import Deciding
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.rules import Rules
from facewatchd.pipeline.saying import Saying
from facewatchd.plugins import encoder
from facewatchd.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

_FACES_A_PHOTO = 4
_SEED = 1
_EACH = 15  # how often each kind of decision is timed
_KINDS = ["is", "is", "is-not", "ignore", "confirm"]
_ENOUGH = 10  # faces, of a person who is split
_NAMED = 0.05  # share of the decisions that are about people


class Library:
    """A store with what decisions need of the pipeline."""

    def __init__(self, folder: Path) -> None:
        settings = load(
            None,
            {
                "roots": [{"path": folder / "photos"}],
                "output": folder / "people",
                "state": folder / "state",
            },
        )
        scale = encoder("dlib").scale
        self.store = Store(settings.database)
        rules, clock = Rules(self.store), SystemClock()
        copying = Copying(Storage([bytes(folder / "photos")], set, lambda _: None))
        publishing = Publishing(settings, self.store, rules, clock, scale, copying)
        self._started = time.perf_counter()
        placing = Placing(self.store, rules, scale, 0.3)
        self.journal = Journal(settings.journal_places, self.store.fact("library"))
        self.deciding = Deciding(self.store, self.journal, rules, placing, publishing, clock)
        self.deciding.start()
        self.seconds = time.perf_counter() - self._started
        self.saying = Saying(self.store, self.deciding)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def make_decisions(library: Library, count: int) -> list[Decision]:
    """Return that many decisions about faces and people of a library."""
    chance = np.random.default_rng(_SEED)
    faces = library.store.faces.all()
    people = sorted({person for person in faces.persons if person is not None})
    anchors = {person: library.store.decisions.anchors(person) for person in people}
    spots = library.store.decisions.spots(chance.permutation(faces.ids)[:count].tolist())
    found = []
    for number, at in enumerate(spots.values(), start=1):
        person, kind = str(chance.choice(people)), Kind(str(chance.choice(_KINDS)))
        bare = Decision(f"{number:032x}", number, float(number), kind)
        said = (Spoken(at.spot, at.owner),)
        if chance.random() < _NAMED:
            named = replace(bare, kind=Kind.NAME, name=f"Person {number}", person=person)
            found.append(replace(named, anchors={person: anchors[person]}))
        elif kind is Kind.IGNORE or at.owner is None:
            found.append(replace(bare, kind=Kind.IGNORE, faces=said))
        else:
            whom = at.owner if kind is Kind.CONFIRM else person
            found.append(replace(bare, person=whom, faces=said))
    return found


def one_by_one(library: Library) -> dict[str, dict[str, float]]:
    """Return the median and the longest time of each kind of decision, and of its undo, in ms."""
    chance = np.random.default_rng(_SEED)
    spent: dict[str, list[float]] = {}
    for _ in range(_EACH):
        faces = library.store.faces.all()
        given = [f for f, p in zip(faces.ids.tolist(), faces.persons, strict=True) if p is not None]
        counted = Counter(person for person in faces.persons if person is not None)
        people = sorted(person for person, count in counted.items() if count >= _ENOUGH)
        one, other = map(str, chance.choice(people, 2, replace=False))
        wishes = _wishes(library, one, other, int(chance.choice(given)))
        for name, wish in wishes.items():
            for what, act in ((name, wish), (f"{name}, undone", library.saying.undo)):
                start = time.perf_counter()
                act()
                spent.setdefault(what, []).append(1000 * (time.perf_counter() - start))
    return {
        name: {"median": statistics.median(times), "longest": max(times)}
        for name, times in spent.items()
    }


def _wishes(library: Library, one: str, other: str, face: int) -> dict[str, Callable[[], object]]:
    saying = library.saying
    return {
        "name": lambda: saying.name(one, "Ann", another=True),
        "merge": lambda: saying.merge(one, other, "Ann"),
        "split": lambda: saying.split(one, library.store.who.faces_of(one)[:3]),
        "confirm": lambda: saying.confirm(one),
        "assign": lambda: saying.assign([face], one),
        "reject": lambda: saying.reject([face]),
        "ignore": lambda: saying.ignore([face]),
        "hide": lambda: saying.hide(one),
    }


def measure(folder: Path, faces: int, decisions: int) -> dict[str, Any]:
    """Make a library with decisions, and time what the module says."""
    photos = folder / "photos"
    photos.mkdir()
    photo = photos / "any.jpg"
    photo.write_bytes(b"photo")
    names = [bytes(photos / f"{number}.jpg") for number in range(faces // _FACES_A_PHOTO)]
    for name in names:
        Path(name.decode()).hardlink_to(photo)
    (folder / "state").mkdir()
    (folder / "people").mkdir()
    make_store(folder / "state" / "store.db", names, _FACES_A_PHOTO)
    library = Library(folder)
    made = make_decisions(library, decisions)
    library.journal.rewrite(made)
    library.close()
    library = Library(folder)
    report: dict[str, Any] = {
        "faces": faces,
        "people": len(library.store.people.looks()),
        "decisions": len(library.deciding.decisions),
        "replay, s": library.seconds,
    }
    library.close()
    library = Library(folder)
    report["start, s"] = library.seconds
    report["one decision, ms"] = one_by_one(library)
    library.close()
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), options.faces, options.decisions)
    print(json.dumps(report) if options.json else "\n".join(lines(report)))


if __name__ == "__main__":
    main()
