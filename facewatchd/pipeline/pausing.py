"""When work is put off: by the user, outside its hours, and where the machine needs its power."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.pipeline.load import Load
from facewatchd.pipeline.power import SUPPLIES, on_battery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.config import Work
    from facewatchd.hours import Hours
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.space import Space
    from facewatchd.store import Store

REASONS = ("store", "space", "user", "hours", "battery", "load")

_FACT = "paused"
_LOOKS_EVERY = 30.0  # seconds; at the machine, while there is something to do
_WAITS_AT_MOST = 600.0  # seconds: the clock may be set, and the machine may sleep meanwhile

log = logging.getLogger(__name__)


class Pause(NamedTuple):
    """Why something waits: one of REASONS, in words, and until when (since 1970) if it is known."""

    reason: str
    words: str
    until: float | None = None


class Wanted(NamedTuple):
    """What there is to do: new photos, known ones to read again, a clustering that is due."""

    photos: bool
    again: bool
    clustering: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """What the machine tells of its power and its load."""

    supplies: Path = SUPPLIES
    load: Load = field(default_factory=Load)


class _Said(NamedTuple):
    """A pause that the user wants: since when, and until when, None for until told otherwise."""

    since: float
    until: float | None


class Pausing:
    """Says of all that costs a processor whether it may begin; what has begun comes to its end.

    ``photos``: why no new photo is read, ``again``: no known one, ``clustering``: why none begins
    by itself; None where work goes on.  Of several reasons the first of REASONS counts.
    """

    def __init__(
        self, work: Work, store: Store, space: Space, clock: Clock, machine: Machine
    ) -> None:
        self._work = work
        self._store = store
        self._space = space
        self._clock = clock
        self._machine = machine
        fact = store.fact(_FACT)
        self._said = None if fact is None else _Said(*json.loads(fact))
        self._looked: Pause | None = None  # what the machine said
        self._look_at: float | None = None  # when it is asked the next time
        self._wanted = Wanted(photos=False, again=False, clustering=False)
        self._told: Pause | None = None
        self.photos: Pause | None = None
        self.again: Pause | None = None
        self.clustering: Pause | None = None

    def pause(self, seconds: float | None) -> None:
        """Begin nothing for so long, or until `resume`; a restart does not end it."""
        now = self._clock.time()
        self._said = _Said(now, None if seconds is None else now + seconds)
        with self._store.transaction():
            self._store.set_fact(_FACT, json.dumps(self._said))

    def resume(self) -> None:
        """Take `pause` back; other reasons stay."""
        self._said = None
        with self._store.transaction():
            self._store.forget_fact(_FACT)

    @property
    def shown(self) -> Pause | None:
        """Why photos wait; reasons other than a lack of space and the user's wish if any do."""
        held = (self.photos, self._wanted.photos), (self.again, self._wanted.again)
        everything = self._lack() or self._by_user()
        return everything or next((pause for pause, wanted in held if wanted and pause), None)

    @property
    def shown_clustering(self) -> Pause | None:
        """Why a clustering that is due waits."""
        return self.clustering if self._wanted.clustering else None

    def next_due(self) -> float | None:
        """Return when (monotonic) something may go on, or the machine is to be asked again."""
        now, wall = self._clock.monotonic(), self._clock.time()
        ends = [p.until for p in (self.shown, self.shown_clustering) if p and p.until is not None]
        times = [now + min(max(0.0, end - wall), _WAITS_AT_MOST) for end in ends]
        return min([*times, *([] if self._look_at is None else [self._look_at])], default=None)

    def step(self, wanted: Wanted, few: Callable[[int], bool]) -> None:
        """Look what may begin now, of what is ``wanted``.

        ``few`` says whether at most so many photos wait: those are read outside the hours as well.
        """
        self._wanted = wanted
        everything = self._lack() or self._by_user()
        again = everything or self._outside(self._work.encode, "work.encode")
        photos = everything or (None if again and few(self._work.at_once) else again)
        clustering = everything or self._outside(self._work.recluster, "work.recluster")
        held = zip(wanted, (photos, again, clustering), strict=True)
        machine = self._machine_says(any(each and pause is None for each, pause in held))
        self.photos, self.again = photos or machine, again or machine
        self.clustering = clustering or machine
        self._tell()

    def _lack(self) -> Pause | None:
        return None if self._space.lack is None else Pause("space", self._space.lack)

    def _by_user(self) -> Pause | None:
        if self._said is None:
            return None
        now = self._clock.time()
        if now < self._said.since:  # the clock was set back: it lasts as long from now on
            since, until = self._said
            self._said = _Said(now, None if until is None else now + until - since)
        if self._said.until is not None and now >= self._said.until:
            self._said = None
            return None
        return Pause("user", "by you (facewatchctl resume)", self._said.until)

    def _outside(self, hours: Hours, setting: str) -> Pause | None:
        now = self._clock.time()
        if hours.hold(now):
            return None
        return Pause("hours", f"outside the hours of {setting}", hours.opening(now))

    def _machine_says(self, is_asked: bool) -> Pause | None:  # noqa: FBT001 -- the one question
        """Return why the machine is to be left alone; it is looked at now and then, while asked."""
        now = self._clock.monotonic()
        if not is_asked:
            self._look_at = self._looked = None
            self._machine.load.forget()
        elif self._look_at is None or now >= self._look_at:
            self._look_at = now + _LOOKS_EVERY
            self._looked = self._look()
        return self._looked

    def _look(self) -> Pause | None:
        if not self._work.on_battery and on_battery(self._machine.supplies):
            return Pause("battery", "on battery (work.on_battery)")
        if self._work.load is None:
            return None
        others = self._machine.load.others()
        if others is None or others <= self._work.load:
            return None
        return Pause("load", f"others use {others:.0%} of the processors (work.load)")

    def _tell(self) -> None:
        """Log when photos begin to wait, and when they go on; of space tells Space."""
        now, before = self.shown, self._told
        if (now and now.reason) == (before and before.reason):
            return
        self._told = now
        if now is not None and now.reason != "space":
            log.info("Photos wait: %s.", now.words)
        elif now is None and before is not None and before.reason != "space":
            log.info("Photos need not wait any more.")
