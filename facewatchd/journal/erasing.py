"""Pure: what is left of the decisions when people, photos and faces have been forgotten.

A decision to forget is a promise: whoever reads the journal erases what it speaks of from all
decisions before it.  Doing that again changes nothing, so it may be cut short at any moment.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from facewatchd.decisions import Decision, Kind, Spoken, replay
from facewatchd.overlap import LEAST, iou

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.decisions import Spot
    from facewatchd.model import Box

_STAY = {Kind.FORGET, Kind.UNDO}  # they hold no names, and no faces that are not forgotten anyway


@dataclass(slots=True)
class Gone:
    """What has been forgotten: ``people`` with whom they were in the end, photos by their hash."""

    people: dict[str, str] = field(default_factory=dict)
    photos: set[bytes] = field(default_factory=set)
    boxes: dict[bytes, list[Box]] = field(default_factory=lambda: defaultdict(list))

    def add(self, decision: Decision, people: set[str]) -> None:
        """Add what a decision to forget speaks of; ``people`` are who its person was."""
        self.people |= dict.fromkeys(people, str(decision.person))
        self.photos.update(decision.photos)
        for spoken in decision.faces:
            self.boxes[spoken.spot.photo].append(spoken.spot.box)

    def holds(self, spot: Spot) -> bool:
        """Whether a face is forgotten: its photo is, or it lies on one (IoU of 0.3 or more)."""
        boxes = self.boxes.get(spot.photo, ())
        return spot.photo in self.photos or any(iou(spot.box, box) >= LEAST for box in boxes)


def without_forgotten(decisions: Sequence[Decision]) -> list[Decision]:
    """Return ``decisions``, ordered by number, without what they said of what was forgotten later.

    One that names a forgotten person, or speaks only of forgotten faces and photos, keeps nothing
    but its place.  From the others forgotten faces are taken out; one by which somebody was made
    who stays goes on making that one.
    """
    left, gone = list(decisions), Gone()
    for at in reversed(range(len(left))):
        decision = left[at]
        if decision.kind is Kind.FORGET:
            gone.add(decision, _people(decisions, at))
        elif gone.people or gone.photos or gone.boxes:
            left[at] = _without(decision, gone)
    return left


def _people(decisions: Sequence[Decision], at: int) -> set[str]:
    """Return everyone who was the person that decision ``at`` forgets: those merged into it too."""
    person = decisions[at].person
    if person is None:
        return set()
    if not any(each.kind is Kind.MERGE and not each.erased for each in decisions[:at]):
        return {person}
    said = replay(decisions[:at])
    return {person, *(each for each in said.people if said.root(each) == person)}


def _without(decision: Decision, gone: Gone) -> Decision:
    if decision.erased or decision.kind in _STAY:
        return decision
    faces = tuple(
        Spoken(spot, None if was in gone.people else was)
        for spot, was in decision.faces
        if not gone.holds(spot)
    )
    photos = tuple(photo for photo in decision.photos if photo not in gone.photos)
    anchors = {
        person: spots
        for person, every in decision.anchors.items()
        if person not in gone.people
        and (spots := tuple(spot for spot in every if not gone.holds(spot)))
    }
    left = replace(decision, faces=faces, photos=photos, anchors=anchors)
    if _names(decision, gone):
        if decision.kind is not Kind.SPLIT or decision.other in gone.people:
            return _erased(decision)
        left = replace(left, person=gone.people[str(decision.person)])
    if (decision.faces or decision.photos) and not (faces or photos):
        if decision.kind is Kind.IS and decision.new and decision.name is not None:
            return replace(left, kind=Kind.NAME, new=False)
        return _erased(decision)
    return decision if left == decision else left


def _names(decision: Decision, gone: Gone) -> bool:
    return decision.person in gone.people or decision.other in gone.people


def _erased(decision: Decision) -> Decision:
    return Decision(
        id=decision.id,
        number=decision.number,
        at=decision.at,
        kind=decision.kind,
        origin=decision.origin,
        erased=True,
    )
