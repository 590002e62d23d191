"""Faces that are where the user said, and that no detector found: encoded at the user's boxes.

Which ones lack follows from what was said and what the store holds.  It is looked at anew where
either has changed, and never stored.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.decisions import Kind
from facewatchd.model import EncodeFaces
from facewatchd.pipeline.boxes import Boxes, shown_at
from facewatchd.pipeline.looks import remake

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from facewatchd.decisions import Spot
    from facewatchd.model import EngineId, Face, Told
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.rules import Rules
    from facewatchd.store import Store
    from facewatchd.store.decisions import At
    from facewatchd.store.lacking import Readable

TRIES = 2
_VAIN_FOR = 10.0  # seconds in which a search that found no photo to read is not made again

log = logging.getLogger(__name__)


class Adding:
    """Hands out the faces that lack, photo by photo, and enters what the workers make of them.

    ``failures`` says of spots why no face could be encoded there.
    """

    def __init__(
        self,
        store: Store,
        deciding: Deciding,
        rules: Rules,
        placing: Placing,
        publishing: Publishing,
    ) -> None:
        self.boxes = Boxes(rules)
        self._store = store
        self._deciding = deciding
        self._rules = rules
        self._placing = placing
        self._publishing = publishing
        self._heard = 0  # decisions
        self._changed: set[bytes] = set()  # pictures that are to be looked at anew
        self._added: dict[bytes, set[Spot]] = defaultdict(set)  # ever, by picture
        self._lacking: dict[int, bytes] = {}  # pictures, by photo
        self._busy: dict[int, tuple[Spot, ...]] = {}
        self._resting: dict[int, float] = {}
        self._tries: Counter[Spot] = Counter()
        self._vain: tuple[frozenset[bytes], float] | None = None
        self._now = 0.0
        self.failures: dict[Spot, str] = {}

    # -- what changes

    def look_at(self, picture: bytes) -> None:
        """The photo with this picture hash has other faces or files now."""
        if self._rules.said.spots_in(picture) or picture in self._added:
            self._changed.add(picture)

    def look_at_all(self) -> None:
        """Every photo may have other faces now."""
        self._changed |= {spot.photo for spot in self._rules.said.faces}
        self._changed |= self._added.keys()

    def retry(self) -> None:
        """Try again what could not be encoded."""
        self._changed |= {spot.photo for spot in self._tries}
        self._tries.clear()
        self.failures.clear()

    def step(self) -> None:
        """Take in what was said since the last time, and look at what has changed."""
        decisions = self._deciding.decisions
        for decision in islice(decisions, self._heard, None):
            spots = {spoken.spot for spoken in decision.faces}
            self._changed |= {spot.photo for spot in spots}
            if decision.kind is Kind.ADD_FACE:
                for spot in spots:
                    self._added[spot.photo].add(spot)
            elif decision.kind is Kind.UNDO:  # others may have or lose their effect with it
                self.look_at_all()
        self._heard = len(decisions)
        changed, self._changed = self._changed, set()
        for picture in changed:
            self._look_at(picture)
            self._vain = None

    def _look_at(self, picture: bytes) -> None:
        lying = self._store.lacking.lying(picture)
        if lying is None:
            return
        self._take_away(picture)
        self._give(lying.photo, picture)
        lacking = self.boxes.lacking(picture, self._store.decisions.at(picture))
        for spot in [s for s in self.failures if s.photo == picture and s not in lacking]:
            del self.failures[spot]  # it was taken back, or is there by now
        if self._wanted(picture):
            self._lacking[lying.photo] = picture
        else:
            self._lacking.pop(lying.photo, None)

    def _take_away(self, picture: bytes) -> None:
        """Delete faces at boxes that were the user's alone, and of which nothing is said now."""
        taken_back = {s for s in self._added.get(picture, ()) if s not in self._rules.said.faces}
        for at in self._store.decisions.at(picture) if taken_back else ():
            if at.spot in taken_back:
                self._delete(at)

    def _delete(self, at: At) -> None:
        near = self._store.faces.people_near(at.photo)
        with self._store.transaction():
            self._store.faces.remove(at.face)
            if at.owner is not None:
                remake(self._store, self._placing.scale, at.owner)
                if not self._store.faces.has_faces(at.owner):
                    self._store.people.remove(at.owner)
        self._placing.read_looks()
        self._publishing.touch(near)

    def _give(self, photo: int, picture: bytes) -> None:
        """Give faces that are nobody's yet to whom the user said they are.

        After a switch of the engine new faces wait for everything to be clustered.
        """
        nobodys = [at.face for at in self._store.decisions.at(picture) if at.owner is None]
        said = self._rules.of(nobodys)
        self._place(photo, [face for face, each in said.items() if each.person is not None])

    def _place(self, photo: int, faces: list[int]) -> None:
        if faces:
            with self._store.transaction():
                self._placing.place_again(photo, faces)
            self._publishing.touch(self._store.faces.people_near(photo))

    def _wanted(self, picture: bytes) -> list[Spot]:
        """Return the spots of a picture at which a face lacks and may still be tried."""
        lacking = self.boxes.lacking(picture, self._store.decisions.at(picture))
        return [spot for spot in lacking if self._tries[spot] < TRIES]

    # -- what is to be done

    def told(self, picture: bytes) -> Told:
        """Return what a worker is told that reads a picture; not what failed before."""
        return self.boxes.told(picture, without=+self._tries)

    def waits(self, outside: Collection[bytes]) -> bool:
        """Whether a face is being encoded, or could be from a file below none of ``outside``."""
        return bool(self._busy) or self._search(list(self._lacking), outside) is not None

    def next_due(self) -> float | None:
        """Return when a photo has rested long enough."""
        return min(self._resting.values(), default=None)

    def next(self, now: float, outside: Collection[bytes]) -> EncodeFaces | None:
        """Take out faces of one photo, to be encoded from a file below none of ``outside``.

        What failed once is tried alone.
        """
        self._now = now
        self._resting = {photo: until for photo, until in self._resting.items() if until > now}
        passed_over = self._busy.keys() | self._resting.keys()
        while found := self._search([p for p in self._lacking if p not in passed_over], outside):
            photo, picture = found.lying.photo, found.lying.hash
            spots = self._wanted(picture)
            if not spots:
                del self._lacking[photo]
                continue
            fresh = tuple(spot for spot in spots if not self._tries[spot])
            self._busy[photo] = fresh or (spots[0],)
            boxes = (shown_at(each, found.lying, found.orientation) for each in self._busy[photo])
            return EncodeFaces(photo, picture, found.stat, tuple(boxes))
        return None

    def _search(self, photos: list[int], outside: Collection[bytes]) -> Readable | None:
        """Return the first of ``photos`` that can be read; looks for none only now and then."""
        places = frozenset(outside)
        if not photos or (self._vain and self._vain[0] == places and self._now < self._vain[1]):
            return None
        found = self._store.lacking.readable(photos, outside)
        if found is None and len(photos) == len(self._lacking):
            self._vain = places, self._now + _VAIN_FOR
        return found

    # -- what became of it

    def put(self, task: EncodeFaces, faces: Sequence[Face], engine: EngineId) -> None:
        """Enter the faces that ``engine`` encoded, as far as they still lack."""
        lying = self._store.lacking.lying(task.hash)
        if lying is None or lying.photo != task.photo:
            return
        wanted = self._wanted(task.hash)
        entered = [
            replace(face, box=shown_at(spot, lying, lying.orientation))
            for spot, face in zip(self._busy[task.photo], faces, strict=True)
            if spot in wanted
        ]
        with self._store.transaction():
            numbers = self._store.faces.add(task.photo, entered, engine)
            self._placing.place_again(task.photo, numbers)
        self._placing.new_faces += len(numbers)
        self._publishing.touch(self._store.faces.people_near(task.photo))

    def fail(self, task: EncodeFaces, reason: str) -> None:
        """Count a try that came to nothing; the second one is the last."""
        for spot in self._busy[task.photo]:
            self._tries[spot] += 1
            if self._tries[spot] == TRIES:
                self.failures[spot] = reason
                box = ",".join(map(str, spot.box))
                log.warning(
                    "No face could be encoded at the user's box %s: %s", box, logs.error(reason)
                )

    def suspect(self, picture: bytes) -> None:
        """A picture could not be read: maybe because of a box of the user's."""
        for spot in self.boxes.theirs(picture):
            self._tries[spot] = max(1, self._tries[spot])

    def release(self, task: EncodeFaces, rest_until: float | None = None) -> None:
        """``task`` is under way no more, and its photo is left alone for a while."""
        self._busy.pop(task.photo, None)
        self.look_at(task.hash)
        if rest_until is not None:
            self._resting[task.photo] = rest_until
