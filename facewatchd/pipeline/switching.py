"""From one engine to another, when the user says so and not before.

Known photos are read again in the background, the old people stay in use meanwhile, and new photos
are read by both engines.  When all that can be reached has been read, one transaction does the
switch.  Photos that could not be reached are waited for, a day at most, or as long as the user
wants; then they keep their faces and people, and follow when they return.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from facewatchd import logs
from facewatchd.errors import ApiError, FacewatchError
from facewatchd.pipeline.adopting import adopt
from facewatchd.pipeline.engine import named, resolve, scale_of, worker_settings
from facewatchd.pipeline.readiness import FAILED, REST, Readiness
from facewatchd.pipeline.trial import PHOTOS, Trial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from multiprocessing.connection import Connection

    from facewatchd.config import Settings
    from facewatchd.model import EngineId, Setup
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.encoding import Encoding
    from facewatchd.pipeline.grouping import Grouping
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.store import Store
    from facewatchd.store.engines import Switch

BY_THE_USER = "paused with: facewatchctl engine pause"
_FOLLOW_EVERY = 30.0  # seconds; each time the folders of the people concerned are made anew

log = logging.getLogger(__name__)


class Switching:
    """Begins a switch, halts it, drops it, and does it when everything is ready."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        encoding: Encoding,
        placing: Placing,
        *,
        grouping: Grouping,
        publishing: Publishing,
        clock: Clock,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._encoding = encoding
        self._placing = placing
        self._grouping = grouping
        self._publishing = publishing
        self._clock = clock
        self._readiness = Readiness(store, encoding, clock)
        self._breathe = breathe
        self._outside: set[bytes] = set()
        self._refusals = 0  # of the encoding, when that was looked at last
        self._follow_at = clock.monotonic()
        self.trial: Trial | None = None
        self.last: str | None = None  # what the last switch since the start came to
        switch = store.engines.switch
        if switch is not None:
            self._go_on(switch)

    # -- what the user asks

    def estimate(self, text: str) -> None:
        """Begin to measure what the engine that ``text`` names would take."""
        if self.trial is not None and self.trial.running:
            raise ApiError(
                f"What {self.trial.to.name} would take is being measured.",
                "Wait until that is done; it takes some seconds.",
            )
        to = resolve(text, self._store.engines.current, self._settings.setup)
        self._settle_trial()
        sample = self._store.rereading.sample(PHOTOS, outside=self._outside)
        photos = [self._encoding.told(task) for task in sample]
        settings = worker_settings(self._settings, to)
        self.trial = Trial(to, settings, [*photos], self._settings.limits.seconds)

    def begin(self, text: str) -> None:
        """Begin to switch to the engine that ``text`` names; it must have been tried."""
        to = resolve(text, self._store.engines.current, self._settings.setup)
        under_way = self._store.engines.switch
        if under_way is not None:
            raise ApiError(
                f"The library goes over to {under_way.to.name} already.",
                "Let it come to its end, or: facewatchctl engine abort",
            )
        if self.trial is None or self.trial.to != to or self.trial.measured is None:
            raise ApiError(
                f"{to.name} was not tried on this library yet.",
                f"First: facewatchctl engine switch {to.name} --estimate",
            )
        with self._store.transaction():
            self._store.engines.begin(to)
        log.info("All photos are read again, by %s.", to.name)
        self._restart(to)

    def pause(self) -> None:
        """Read no known photo again until somebody says so; an error that halted it stays."""
        if self._switch().halted is None:
            with self._store.transaction():
                self._store.engines.halt(BY_THE_USER)

    def resume(self, without: Collection[str] = ()) -> None:
        """Go on with a switch that was halted, by the user or for an error.

        ``without`` FAILED it is done without photos that could not be read, which are tried again
        otherwise; without the REST it is done without those that are away.  Such wishes add up,
        and are forgotten when there is none.
        """
        to = self._switch().to
        if (problem := _problem(to, self._settings.setup)) is not None:
            raise problem
        engines = self._store.engines
        wanted = set(without) | {
            each for each in (FAILED, REST) if without and engines.without(each)
        }
        with self._store.transaction():
            engines.halt(None)
            engines.do_without(wanted)
            if FAILED not in wanted:
                engines.retry()
        self._restart(to)

    def abort(self) -> None:
        """Stay with the engine of the library, and delete what the other one found."""
        to = self._switch().to
        with self._store.transaction():
            self._store.engines.abort()
        log.info("The switch to %s was dropped.", to.name)
        self._restart(None)

    # -- what goes on by itself

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what to wait on for news of a trial."""
        return self.trial.connections() if self.trial and self.trial.running else []

    @property
    def measuring(self) -> bool:
        """Whether a trial is under way."""
        return self.trial is not None and self.trial.running

    @property
    def reads_again(self) -> bool:
        """Whether known photos are to be read again."""
        return self._goes_on and not self._encoding.has_reread_all

    @property
    def _goes_on(self) -> bool:
        switch = self._store.engines.switch
        return switch is None or switch.halted is None

    def halt(self, error: FacewatchError) -> bool:
        """Workers cannot load their engines: if one is new, go on without it; else say False."""
        switch = self._store.engines.switch
        if switch is None or self._broken(switch):
            return False
        self._halt(switch, f"{error.title} {error.remedy}")
        return True

    def allow(self, outside: set[bytes], *, paused: bool = False) -> None:
        """Say what may be read again now: what lies below none of the places ``outside``.

        While ``paused`` nothing may.
        """
        self._outside = outside
        self._encoding.reread(outside=outside, allowed=self._goes_on and not paused)

    def step(self, *, paused: bool = False) -> None:
        """Go on with a trial, and take over what was read again.

        That waits while a clustering runs, and while such work is ``paused``.
        """
        if self.trial is not None:
            self.trial.step(self._clock)
        if self._grouping.running or paused:
            return
        switch = self._store.engines.switch
        if switch is None:
            self._follow_now_and_then()
        elif switch.halted is None:
            self._go_over(switch)

    def close(self) -> None:
        """End a trial."""
        if self.trial is not None:
            self.trial.close()

    def _go_over(self, switch: Switch) -> None:
        """Do the switch if everything is ready; halt it if too much could not be read."""
        all_read = self._encoding.has_reread_all
        refusals = self._encoding.refusals
        if not all_read and refusals == self._refusals:
            return
        self._refusals = refusals
        problem = self._readiness.unreadable(all_read=all_read)
        if problem is None and all_read:
            if self._readiness.waits():
                return
            problem = self._readiness.lack_of_space()
        if problem is not None:
            self._halt(switch, problem)
        elif all_read:
            self._do(switch.to)

    def _do(self, to: EngineId) -> None:
        """Switch: one transaction, after which everything is by the new engine."""
        scale = scale_of(to, self._settings, self._store)
        before = self._store.engines.current
        with self._store.transaction():
            self._store.engines.make_current(to)
            self._encoding.use(to)
            self._placing.scale = scale
            adopted = adopt(self._store, self._placing, anew=True, breathe=self._breathe)
            self._grouping.use(scale)
        self._publishing.use(scale)
        self.last = (
            f"From {before.name} to {to.name}: {adopted.photos:,} photos; {adopted.matched:,} faces"
            f" were found again, {adopted.added:,} are new, {adopted.dropped:,} are gone."
        )
        log.info("%s", self.last)
        self._settle_trial()
        self._restart(None)

    def _follow_now_and_then(self) -> None:
        """Take over photos that came back after a switch, many at a time."""
        if not self._store.rereading.has_read():
            return
        if self._clock.monotonic() >= self._follow_at or self._encoding.has_reread_all:
            self._follow()
            self._follow_at = self._clock.monotonic() + _FOLLOW_EVERY

    def _follow(self) -> None:
        photos = self._store.rereading.read_photos()
        near = self._store.faces.people_near
        before = {person for photo in photos for person in near(photo)}
        with self._store.transaction():
            adopted = adopt(self._store, self._placing, anew=False, breathe=self._breathe)
        log.info("%d photos follow to %s.", adopted.photos, self._store.engines.current.name)
        self._encoding.look_again()
        self._publishing.touch(before | {person for photo in photos for person in near(photo)})

    def _go_on(self, switch: Switch) -> None:
        """Take up a switch that was under way when the daemon ended."""
        problem = _problem(switch.to, self._settings.setup)
        if problem is not None and switch.halted is None:
            self._note_halt(switch, f"{problem.title} {problem.remedy}")
        elif problem is None and not self._broken(switch):
            self._restart(switch.to)

    def _halt(self, switch: Switch, reason: str) -> None:
        """Go on without the new engine until the user says otherwise."""
        self._note_halt(switch, reason)
        self._restart(None)

    def _note_halt(self, switch: Switch, reason: str) -> None:
        log.error("The switch to %s is halted: %s", switch.to.name, logs.error(reason))
        with self._store.transaction():
            self._store.engines.halt(reason)

    def _broken(self, switch: Switch) -> bool:
        """Whether an error has halted it, and workers go without its engine."""
        return switch.halted not in {None, BY_THE_USER}

    def _restart(self, second: EngineId | None) -> None:
        current = self._store.engines.current
        self._encoding.restart(worker_settings(self._settings, current, second))

    def _switch(self) -> Switch:
        switch = self._store.engines.switch
        if switch is None:
            raise ApiError(
                "The library does not go over to another engine.",
                "Begin with: facewatchctl engine switch DETECTOR+ENCODER",
            )
        return switch

    def _settle_trial(self) -> None:
        self.close()
        self.trial = None


def _problem(to: EngineId, setup: Setup) -> FacewatchError | None:
    """Return why the engine of a switch cannot be gone on with, None if it can."""
    try:
        found = named(to.detector, to.encoder, setup)
    except FacewatchError as error:
        return error
    if found == to:
        return None
    return ApiError(
        f"{to.encodings} was installed when it began, {found.encodings} is now.",
        f"Begin anew: facewatchctl engine abort && facewatchctl engine switch {to.name}",
    )
