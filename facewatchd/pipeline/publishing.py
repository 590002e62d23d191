"""Keeps the output tree equal to the store: who has a folder, and what is in it."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.config import COPIES
from facewatchd.errors import OutputError
from facewatchd.organise import Record, apply, plan, reconcile
from facewatchd.organise.portions import portions
from facewatchd.pipeline.covers import Covers
from facewatchd.pipeline.entitled import DOUBTFUL, Entitled, doubtful
from facewatchd.pipeline.obstacles import Obstacles
from facewatchd.pipeline.styling import Styling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from facewatchd.config import Settings
    from facewatchd.model import CropFace, Entry
    from facewatchd.organise import Operation
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.copying import Copying
    from facewatchd.pipeline.rules import Rules
    from facewatchd.pipeline.styling import CopyingLook, StyleLook
    from facewatchd.plugins import Scale
    from facewatchd.store import Store

_GATHER = 0.5  # seconds in which changes are gathered into one plan
_LEISURE = 10.0  # a plan that took long is not followed by the next one before so many times that
_AGAIN_AFTER_ERROR = 30.0
_HELD = "output_held"  # a fact of a store that is made anew

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """A plan under way: what is left of it, and what it takes care of."""

    portions: deque[list[Operation]]
    folders: dict[str, bytes]
    touched: set[str]
    all: bool
    covers: set[bytes]


class Publishing:
    """Plans and applies the difference for the people that changed."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        rules: Rules,
        clock: Clock,
        scale: Scale,
        photos: Copying,
    ) -> None:
        self._output = os.fsencode(settings.output.path)
        self._store = store
        self._record = Record(store.links, settings.output.path / COPIES)
        self._styling = Styling(settings, store)
        self._covers = Covers(store, rules)
        self._entitled = Entitled(store, self._covers, clock, scale, settings.people.min_photos)
        self._clock = clock
        self._photos = photos
        self._obstacles = Obstacles(clock)
        self._touched: set[str] = set()
        self._all = True
        self._published: dict[str, bytes] = {}  # everyone's folder when the tree was last made
        self._due = clock.monotonic()
        self._work: _Work | None = None
        self.error: OutputError | None = None
        self.held = False  # whether the tree stays as another store left it

    @property
    def conflicts(self) -> dict[bytes, str]:
        """What stands in the way in OUTPUT and is not ours: path -> what was found."""
        return self._obstacles.conflicts

    @property
    def waiting(self) -> dict[bytes, str]:
        """The photos that could not be copied yet: path in OUTPUT -> why."""
        return self._obstacles.waiting

    @property
    def style(self) -> StyleLook | None:
        """By which way photos are shown, None as long as OUTPUT cannot be written."""
        return self._styling.look

    @property
    def copying(self) -> CopyingLook | None:
        """What is still to be copied, None if that is nothing."""
        return self._styling.copying(chain.from_iterable(self._work.portions if self._work else ()))

    @property
    def idle(self) -> bool:
        """Whether the tree shows what the store holds, but for covers that wait for a worker."""
        return not (self._all or self._touched or self._work or self._covers.in_work)

    @property
    def at_rest(self) -> bool:
        """Whether no process is left that copies, or could."""
        return self._photos.at_rest

    def start(self, breathe: Callable[[], None] = lambda: None) -> None:
        """Find out what of the tree is still as it was made; raises OutputError.

        Meanwhile ``breathe`` is called again and again.
        """
        self._tell_of_former_output()
        self._take_in()
        manner = self._styling.manner
        self._obstacles.note(reconcile(self._output, self._record, self._photos, manner, breathe))

    def _take_in(self) -> None:
        """Know again what was made there by a store that was lost, or after a backup of it.

        As long as a store without a photo learns what that one knew, the tree stays as it is.
        """
        taken = self._record.take_in(self._output, self._photos)
        if taken:
            log.info("The record in the output knows of %d things that the store did not.", taken)
            if not self._store.faces.count():
                self._store.set_fact(_HELD, "until all photos have been read")
        self.held = self._store.fact(_HELD) is not None

    def release(self) -> None:
        """All photos have been read: make the tree what it should be again."""
        self._store.forget_fact(_HELD)
        self.held = False
        self.touch_all()

    def forget_traces(self) -> None:
        """Leave in the record of the tree no trace of what is not in it any more."""
        self._record.write_anew()

    def _tell_of_former_output(self) -> None:
        here = os.fsdecode(self._output)
        before = self._store.fact("output")
        if before not in {None, here}:
            log.warning("The output was %r and is %r now; the old tree stays.", before, here)
        with self._store.transaction():
            self._store.set_fact("output", here)

    def use(self, scale: Scale) -> None:
        """The library is encoded by another engine from now on: everything may have changed."""
        self._entitled.scale = scale
        self.touch_all()

    def touch(self, people: Iterable[str]) -> None:
        """What the folders of ``people`` show may have changed."""
        if self.idle:
            self._due = max(self._due, self._clock.monotonic() + _GATHER)
        self._touched.update(people)

    def touch_all(self) -> None:
        """Everything may have changed."""
        self._all = True
        self._due = max(self._due, self._clock.monotonic())

    def next_due(self) -> float | None:
        """Return when the next plan is due, or the end of a process that has nothing to do."""
        times = [self._photos.next_due(), None if self.held else self._next_plan()]
        return min((due for due in times if due is not None), default=None)

    def _next_plan(self) -> float | None:
        if self._all or self._touched or self._work:
            return self._due
        return self._obstacles.next_due()

    def wanted_cover(self, outside: Collection[bytes] = ()) -> CropFace | None:
        """Take out a cover for a worker to make whose photo lies below none of ``outside``."""
        return self._covers.next(outside)

    def give_back(self, task: CropFace) -> None:
        """A cover was taken out and not made: a worker is to make it later."""
        self._covers.give_back(task)

    def take_cover(self, task: CropFace, jpeg: bytes | None) -> None:
        """A worker made a cover, or could not: then the folder keeps the one that it has."""
        if (person := self._covers.take(task, jpeg)) is not None:
            self._touched.add(person)

    def step(self) -> None:
        """Make the tree what it should be, when that is due."""
        self._make()
        self._photos.rest(self._clock.monotonic())

    def close(self) -> None:
        """End the process that copies."""
        self._photos.close()

    def _make(self) -> None:
        if self._obstacles.are_due():
            self.touch_all()
        started = self._clock.monotonic()
        if self.held or not (self._all or self._touched or self._work) or started < self._due:
            return
        before, self.error = self.error, None
        try:
            self._publish()
        except OutputError as error:
            self.error = error
            self._styling.doubt(error)
            self._give_up()
            self._due = self._clock.monotonic() + _AGAIN_AFTER_ERROR
        if self.error is not None:
            if before is None:
                log.error("%s", logs.error(self.error))
            return
        finished = self._clock.monotonic()
        self._due = finished if self._work else finished + _LEISURE * (finished - started)

    def _publish(self) -> None:
        """Plan, if nothing is planned, and do a portion; what takes long is told of first."""
        if self._work is None:
            self._work = self._planned()
            if len(self._work.portions) > 1:
                self._styling.tell(self.copying)
                return
        work = self._work
        manner = self._styling.manner
        self._obstacles.note(
            apply(work.portions[0], self._output, self._record, self._photos, manner)
        )
        work.portions.popleft()
        if not work.portions:
            self._published = work.folders
            self._covers.written(work.covers)
            self._work = None

    def _give_up(self) -> None:
        """What a plan was to take care of is left for the next one."""
        if self._work is not None:
            self._touched |= self._work.touched
            self._all |= self._work.all
            self._work = None

    def _planned(self) -> _Work:
        self._photos.begin()
        style = self._styling.style()
        with self._store.transaction():
            self._entitled.give_numbers()
        folders = self._store.people.folders()
        left = self._left(folders)
        people = folders.keys() if self._all else (self._touched | left.keys()) & folders.keys()
        wanted = self._entitled.folders(people, folders)
        if self._all:
            self._obstacles.forget()
            manifest = self._store.links.entries()
        else:
            manifest = self._manifest({folders[person] for person in people}.union(left.values()))
            if not any(folder.path.startswith(DOUBTFUL + b"/") for folder in wanted):
                manifest.pop(DOUBTFUL, None)  # others may have photos there
        markers = self._markers(manifest) if self._all else {}
        operations = plan(wanted, self._output, manifest, style, markers)
        work = _Work(
            deque(portions(operations)), folders, self._touched, self._all, self._covers.made
        )
        self._touched, self._all = set(), False
        return work

    def _markers(self, manifest: dict[bytes, Entry]) -> dict[bytes, bytes]:
        """Return the marker files that are ours to make: the user's own do as well."""
        return {
            name: content
            for name, content in self._styling.markers.items()
            if name in manifest or not os.path.lexists(os.path.join(self._output, name))
        }

    def _left(self, folders: dict[str, bytes]) -> dict[str, bytes]:
        """Return the folders that people left since the tree was made, and touch who follows.

        Where somebody comes or goes, a doubtful face is shown with another of its candidates.
        """
        changed = self._published.keys() ^ folders.keys()
        if all(self._store.people.is_known(person) for person in changed):
            self._touched.update(changed, self._store.people.beside(changed))
        else:
            self._all = True
        return {
            person: folder
            for person, folder in self._published.items()
            if folders.get(person) != folder
        }

    def _manifest(self, names: set[bytes]) -> dict[bytes, Entry]:
        """Return what was made in these folders, and in those of the same names for doubtful."""
        above = self._store.links.at(DOUBTFUL)
        made = self._store.links.within(path for name in names for path in (name, doubtful(name)))
        return made if above is None else made | {DOUBTFUL: above}
