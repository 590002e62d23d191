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
    from collections.abc import Iterable, Sequence

    from facewatchd.decisions import Spot
    from facewatchd.model import Box

_STAY = {Kind.FORGET, Kind.UNDO}  # they hold no names, and no faces that are not forgotten anyway


@dataclass(slots=True)
class Gone:
    """What has been forgotten: ``people`` with whom they were in the end, photos, and faces.

    ``pictures`` are the hashes of all photos in which anything was forgotten.
    """

    people: dict[str, str] = field(default_factory=dict)
    pictures: set[bytes] = field(default_factory=set)
    _whole: set[bytes] = field(default_factory=set)
    _boxes: dict[bytes, list[Box]] = field(default_factory=lambda: defaultdict(list))

    def add(self, decision: Decision, people: set[str]) -> None:
        """Add what a decision to forget speaks of; ``people`` are who its person was."""
        self.people |= dict.fromkeys(people, str(decision.person))
        self.add_places(decision.photos, (spoken.spot for spoken in decision.faces))

    def add_places(self, photos: Iterable[bytes], spots: Iterable[Spot]) -> None:
        """Add whole photos, by their hash, and single faces."""
        for photo in photos:
            self._whole.add(photo)
            self.pictures.add(photo)
        for spot in spots:
            self._boxes[spot.photo].append(spot.box)
            self.pictures.add(spot.photo)

    def holds(self, spot: Spot) -> bool:
        """Whether a face is forgotten: its photo is, or it lies on one (IoU of 0.3 or more)."""
        boxes = self._boxes.get(spot.photo, ())
        return spot.photo in self._whole or any(iou(spot.box, box) >= LEAST for box in boxes)

    def holds_all_of(self, photo: bytes) -> bool:
        """Whether a whole photo is forgotten."""
        return photo in self._whole


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
        else:
            left[at] = _without(decision, gone)
    return left


def _people(decisions: Sequence[Decision], at: int) -> set[str]:
    """Return everyone who was the person that decision ``at`` forgets: those merged into it too."""
    person = decisions[at].person
    if person is None:
        return set()
    merges = (each for each in decisions[:at] if each.kind is Kind.MERGE)
    if not any(person in {each.person, each.other} for each in merges):
        return {person}  # the first merge into somebody names this one
    said = replay(decisions[:at])
    return {person, *(each for each in said.people if said.root(each) == person)}


def _without(decision: Decision, gone: Gone) -> Decision:
    if decision.erased or decision.kind in _STAY or not _may_concern(decision, gone):
        return decision
    faces = tuple(
        Spoken(spot, None if was in gone.people else was)
        for spot, was in decision.faces
        if not gone.holds(spot)
    )
    photos = tuple(photo for photo in decision.photos if not gone.holds_all_of(photo))
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
        # Whom it made stays, and so does that it was this one: else what was said of somebody whom
        # an undone decision had made would come to have an effect.
        if decision.kind is Kind.SPLIT:
            return left
        return replace(left, kind=Kind.NAME) if decision.new else _erased(decision)
    return decision if left == decision else left


def _may_concern(decision: Decision, gone: Gone) -> bool:
    """Whether a decision names anybody, or a photo, of whom anything was forgotten.

    Most do not, and this takes a tenth of the time of looking closer.
    """
    people, pictures = gone.people, gone.pictures
    return (
        _names(decision, gone)
        or not people.keys().isdisjoint(decision.anchors)
        or not pictures.isdisjoint(decision.photos)
        or any(spot.photo in pictures or was in people for spot, was in decision.faces)
        or any(spot.photo in pictures for spots in decision.anchors.values() for spot in spots)
    )


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
