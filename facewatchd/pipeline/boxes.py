"""What the user said of places in pictures: where faces are, and where none is known any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import Told
from facewatchd.orientation import UPRIGHT, lies, turned
from facewatchd.overlap import LEAST, iou, match

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from facewatchd.decisions import Spot
    from facewatchd.model import Box, Face, PhotoResult
    from facewatchd.pipeline.rules import Rules
    from facewatchd.store.decisions import At
    from facewatchd.store.lacking import Lying


class Boxes:
    """Finds by the hash of a picture what was said of it; boxes are in its stored pixels."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def is_forgotten(self, picture: bytes) -> bool:
        """Whether nothing of a picture is to be known any more."""
        return picture in self._rules.said.forgotten_photos

    def told(self, picture: bytes, without: Container[Spot] = ()) -> Told:
        """Return what a worker is told that reads the picture, but of no spot in ``without``.

        It finds again whatever was said of, and every face of people of whom the user has spoken:
        no detector takes a face from these.
        """
        never = self._never(picture)
        settled = (s for s in self._rules.settled_in(picture) if not _is_on(s.box, never))
        spots = dict.fromkeys([*self.theirs(picture), *settled])
        return Told(tuple(spot.box for spot in spots if spot not in without), never)

    def theirs(self, picture: bytes) -> list[Spot]:
        """Return the spots of which it was said whose they are, and that were not forgotten."""
        said, never = self._rules.said, self._never(picture)
        return [
            spot
            for spot in said.spots_in(picture)
            if said.faces[spot].person is not None and not _is_on(spot.box, never)
        ]

    def lacking(self, picture: bytes, there: Sequence[At]) -> list[Spot]:
        """Return those of ``theirs`` at which none of the faces lies that are ``there``."""
        spots = list(self._rules.said.spots_in(picture))
        pairs = match([spot.box for spot in spots], [at.spot.box for at in there])
        found = {spots[old] for old in pairs.values()}
        return [spot for spot in self.theirs(picture) if spot not in found]

    def spared(self, result: PhotoResult, faces: Sequence[Face]) -> tuple[Face, ...]:
        """Return those of ``faces`` of a result that were not forgotten while it was read."""
        size = (result.width, result.height)
        never = [
            turned(box, _stored(size, result.orientation), UPRIGHT, result.orientation)
            for box in self._never(result.hash)
        ]
        return tuple(face for face in faces if not _is_on(face.box, never))

    def _never(self, picture: bytes) -> tuple[Box, ...]:
        forgotten = self._rules.said.forgotten
        return tuple(sorted(spot.box for spot in forgotten if spot.photo == picture))


def shown_at(spot: Spot, lying: Lying, orientation: int) -> Box:
    """Return where a spot is in the upright pixels of a file of EXIF ``orientation``."""
    return turned(spot.box, _stored(lying.size, lying.orientation), UPRIGHT, orientation)


def _stored(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Return width and height as they are stored, of a picture that is upright by these."""
    return size[::-1] if lies(orientation) else size


def _is_on(box: Box, others: Sequence[Box]) -> bool:
    return any(iou(box, other) >= LEAST for other in others)
