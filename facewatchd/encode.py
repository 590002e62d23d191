"""The faces of a decoded picture: those that a detector finds, and those where the user said.

All boxes, but those of detections, are in the pixels of the upright original.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from facewatchd import checked, plugins
from facewatchd.engines.placed import placed, spared
from facewatchd.engines.quality import quality
from facewatchd.errors import PhotoError
from facewatchd.model import Box, Detection, Face, Told
from facewatchd.orientation import UPRIGHT, lies, turned
from facewatchd.overlap import match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.decode import Picture


class Engine(NamedTuple):
    """A detector and an encoder that are loaded; two engines may share their detector."""

    detector: plugins.Detector
    encoder: plugins.Encoder


def faces(picture: Picture, engines: Sequence[Engine], told: Told) -> list[tuple[Face, ...]]:
    """Return the faces that each of ``engines`` finds, ordered by box, as far as ``told`` has it.

    A shared detector looks once.  ``told`` is in the upright pixels of the original too.
    """
    found = {id(each.detector): each.detector for each in engines}
    never = [_in_decoded(box, picture) for box in told.never if _shows(picture, box)]
    seen = {
        key: spared(checked.detections(one, picture.pixels), never) for key, one in found.items()
    }
    return [
        _encoded(picture, seen[id(each.detector)], told.always, each.encoder) for each in engines
    ]


def faces_at(picture: Picture, boxes: Sequence[Box], engine: Engine) -> tuple[Face, ...]:
    """Return the faces at ``boxes``, in their order; PhotoError when one is not in the picture."""
    for box in boxes:
        if not _shows(picture, box):
            raise PhotoError(
                f"The box {','.join(map(str, box))} is not in the photo, which has"
                f" {picture.width} x {picture.height} pixels.",
                "Undo the decision, and give a box that is.",
            )
    lacks_points = engine.encoder.needs_points
    found = checked.detections(engine.detector, picture.pixels) if lacks_points else []
    return tuple(_encoded_at(picture, boxes, found, engine.encoder))


def told_upright(told: Told, picture: Picture, orientation: int) -> Told:
    """Return in upright pixels what was said in those that a file of ``orientation`` stores."""
    size = (picture.width, picture.height)
    stored = size[::-1] if lies(orientation) else size

    def upright(boxes: tuple[Box, ...]) -> tuple[Box, ...]:
        return tuple(turned(box, stored, UPRIGHT, orientation) for box in boxes)

    return Told(upright(told.always), upright(told.never))


def _encoded(
    picture: Picture, found: list[Detection], always: Sequence[Box], encoder: plugins.Encoder
) -> tuple[Face, ...]:
    """Return the faces that were ``found``, and those at the boxes where ``always`` one is."""
    pixels = picture.pixels
    encodings = checked.encodings(encoder, pixels, found)
    faces = [
        Face(_in_original(each.box, picture), quality(pixels, each), encoding)
        for each, encoding in zip(found, encodings, strict=True)
    ]
    there = match(always, [face.box for face in faces]).values()
    lacking = [
        box for number, box in enumerate(always) if number not in there and _shows(picture, box)
    ]
    faces += _encoded_at(picture, lacking, found, encoder)
    return tuple(sorted(faces, key=lambda face: face.box))


def _encoded_at(
    picture: Picture, boxes: Sequence[Box], found: list[Detection], encoder: plugins.Encoder
) -> list[Face]:
    """Return the faces at ``boxes`` of the original, of which none was ``found``."""
    if not boxes:
        return []
    places = [_in_decoded(box, picture) for box in boxes]
    faces = [placed(place, found, points=encoder.needs_points) for place in places]
    encodings = checked.encodings(encoder, picture.pixels, faces)
    return [
        Face(box, quality(picture.pixels, Detection(place, 1.0)), encoding)
        for box, place, encoding in zip(boxes, places, encodings, strict=True)
    ]


def _in_original(box: Box, picture: Picture) -> Box:
    left, top, right, bottom = (round(edge * picture.scale) for edge in box)
    return Box(left, top, min(right, picture.width), min(bottom, picture.height))


def _in_decoded(box: Box, picture: Picture) -> Box:
    """Return where a box of the original, of which the picture shows something, is decoded."""
    height, width = picture.pixels.shape[:2]
    left, top = int(box.left / picture.scale), int(box.top / picture.scale)
    right, bottom = math.ceil(box.right / picture.scale), math.ceil(box.bottom / picture.scale)
    left, top = min(max(0, left), width - 1), min(max(0, top), height - 1)
    return Box(left, top, max(left + 1, min(right, width)), max(top + 1, min(bottom, height)))


def _shows(picture: Picture, box: Box) -> bool:
    """Whether anything of a box of the original lies in the picture."""
    left, top = max(0, box.left), max(0, box.top)
    return left < min(box.right, picture.width) and top < min(box.bottom, picture.height)
