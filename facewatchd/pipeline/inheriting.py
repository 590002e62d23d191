"""A photo that takes the place of another inherits what the user said of the faces of that one.

The picture at a known path has changed: it was cropped, brightened, saved anew.  Which face of the
new photo is one of the former, their places and their encodings tell.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd import logs
from facewatchd.decisions import Kind, Origin
from facewatchd.decisions.replaying import undone_by
from facewatchd.model import Box
from facewatchd.overlap import LEAST, iou
from facewatchd.pipeline.boxes import shown_at
from facewatchd.store.successions import Unfound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from facewatchd.decisions import Decision, Spoken, Spot
    from facewatchd.model import Encoding
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.rules import Rules
    from facewatchd.plugins import Scale
    from facewatchd.store import Store
    from facewatchd.store.lacking import Lying
    from facewatchd.store.successions import Succession

ALIKE = 0.8  # similarity from which a face is the same one, wherever it is

log = logging.getLogger(__name__)


class Place(NamedTuple):
    """Where a face is, and its encoding (D,), None where there is none that compares."""

    box: Box
    encoding: Encoding | None


class Inheriting:
    """Carries decisions over from photos that no file shows any more to those in their place.

    A face of which the user has said something inherits nothing.
    """

    def __init__(
        self, store: Store, deciding: Deciding, rules: Rules, placing: Placing, clock: Clock
    ) -> None:
        self._store = store
        self._deciding = deciding
        self._rules = rules
        self._placing = placing
        self._clock = clock

    def step(self) -> None:
        """Deal with the files whose picture has changed since the last time."""
        for succession in self._store.successions.open():
            unfound = self._carry_over(succession)
            with self._store.transaction():
                self._store.successions.end(succession, unfound, self._clock.time())
            if unfound:
                log.warning(
                    "%s has another picture, in which %d of those that decisions speak of were"
                    " not found again.",
                    logs.photo(succession.path),
                    len(unfound),
                )

    def _carry_over(self, succession: Succession) -> list[Unfound]:
        """Say of the new photo what was said of the former; return what was not found again."""
        former = self._store.lacking.picture(succession.former)
        photo = self._store.lacking.picture(succession.photo)
        decisions = self._about(former)
        if not decisions or self._store.successions.is_shown(succession.former):
            return []
        found = self._found_again(former, photo)
        unfound: dict[Spot | None, Unfound] = {}
        for decision in decisions:
            spots = [spoken.spot for spoken in decision.faces if spoken.spot.photo == former]
            self._inherit(decision, [found[spot] for spot in spots if spot in found])
            for spot in spots:
                if spot not in found:  # the last decision about it counts
                    unfound[spot] = Unfound(decision.id, succession.path, former, spot.box)
            if former in decision.photos and found:
                self._say(decision, photos=(photo,))
            elif former in decision.photos:
                unfound[None] = Unfound(decision.id, succession.path, former, None)
        return list(unfound.values())

    def _about(self, picture: bytes) -> list[Decision]:
        """Return the decisions in effect that speak of faces or people in a picture."""
        undone = undone_by(self._deciding.decisions)
        return [
            each
            for each in self._deciding.decisions
            if each.kind is not Kind.FORGET  # nothing is left to find it by
            and each.id not in undone
            and each.id not in self._rules.said.inert
            and (picture in each.photos or any(s.spot.photo == picture for s in each.faces))
        ]

    def _found_again(self, former: bytes, photo: bytes) -> dict[Spot, int]:
        """Return which face of ``photo`` is the one that each spot in ``former`` speaks of."""
        before, now = self._store.lacking.lying(former), self._store.lacking.lying(photo)
        if before is None or now is None:
            raise AssertionError("a succession goes when one of its photos does")
        old = dict(self._places(before))
        places = [Place(_scaled(each.box, before, now), each.encoding) for each in old.values()]
        new = self._store.successions.seen(now.photo)
        pairs = found_again(
            places, [Place(each.box, each.encoding) for each in new], self._placing.scale
        )
        return {spot: new[pairs[at]].face for at, spot in enumerate(old) if at in pairs}

    def _places(self, lying: Lying) -> Iterator[tuple[Spot, Place]]:
        """Yield where the faces of a photo are, and those that were said to be there."""
        encodings = {each.face: each for each in self._store.successions.seen(lying.photo)}
        spots = set()
        for at in self._store.decisions.at(lying.hash):
            seen, spot = encodings[at.face], self._rules.spot_of(at)
            spots.add(spot)
            yield spot, Place(seen.box, seen.encoding)
        for spot in self._rules.said.spots_in(lying.hash):
            if spot not in spots:
                yield spot, Place(shown_at(spot, lying, lying.orientation), None)

    def _inherit(self, decision: Decision, faces: Sequence[int]) -> None:
        """Let a decision about former faces count for ``faces``, which they are now."""
        own = {
            spoken.spot
            for each in self._deciding.decisions
            if each.origin is not Origin.PHOTO
            for spoken in each.faces
        }
        heirs = tuple(each for each in self._deciding.spoken(faces) if each.spot not in own)
        if heirs and (decision.kind is not Kind.COVER or self._is_cover(decision)):
            self._say(decision, faces=heirs)

    def _is_cover(self, decision: Decision) -> bool:
        """Whether what a decision made a cover is one still."""
        said = self._rules.said
        person = said.people.get(said.root(str(decision.person)))
        return person is not None and person.cover == decision.faces[0].spot

    def _say(
        self, decision: Decision, faces: tuple[Spoken, ...] = (), photos: tuple[bytes, ...] = ()
    ) -> None:
        """Take the heir of a decision, unless that was done before an end that came too soon."""
        of = decision.of if decision.origin is Origin.PHOTO else decision.id
        said = {
            what
            for each in self._deciding.decisions
            if each.of == of
            for what in (*(spoken.spot for spoken in each.faces), *each.photos)
        }
        faces = tuple(each for each in faces if each.spot not in said)
        photos = tuple(each for each in photos if each not in said)
        if faces or photos:
            self._deciding.say(
                decision.kind,
                origin=Origin.PHOTO,
                of=of,
                person=decision.person,
                other=decision.other,
                faces=faces,
                photos=photos,
            )


def found_again(old: Sequence[Place], new: Sequence[Place], scale: Scale) -> dict[int, int]:
    """Return by the index of a face in ``old`` the index of the same one in ``new``.

    First those that overlap by an IoU of 0.3 or more and are not as unlike as two strangers (the
    scale's floor), the largest overlap first; then those that are alike by 0.8 or more, the most
    similar first.  Overlap counts alone where an encoding is missing.
    """
    pairs: dict[int, int] = {}
    overlapping, alike = [], []
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            overlap, similarity = iou(one.box, other.box), _similarity(one, other, scale)
            if overlap >= LEAST and (similarity is None or similarity >= scale.floor):
                overlapping.append((-overlap, i, j))
            if similarity is not None and similarity >= ALIKE:
                alike.append((-similarity, i, j))
    for _, i, j in [*sorted(overlapping), *sorted(alike)]:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _similarity(one: Place, other: Place, scale: Scale) -> float | None:
    if one.encoding is None or other.encoding is None:
        return None
    return scale.similarity_at(float(np.linalg.norm(one.encoding - other.encoding)))


def _scaled(box: Box, before: Lying, now: Lying) -> Box:
    """Return where a box is when its picture has the size that it has now."""
    across, down = now.size[0] / before.size[0], now.size[1] / before.size[1]
    left, top, right, bottom = box
    return Box(round(left * across), round(top * down), round(right * across), round(bottom * down))
