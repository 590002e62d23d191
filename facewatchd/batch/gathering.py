"""The lines of ``GET /v1/report``, gathered as the material of reports."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.errors import ApiError
from facewatchd.plugins import Scale
from facewatchd.reports import Material
from facewatchd.reports.groups import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable

_NOBODY = "doubtful"


def material(lines: Iterable[bytes]) -> Material:
    """Return what the lines tell; ApiError when they are not all there, or make no sense."""
    try:
        told = (json.loads(line) for line in lines)
        gathered = _Gathered(next(told, {"end": False}))
        for each in told:
            if "end" in each:
                return gathered.material()
            gathered.add(each)
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(
            f"The daemon's answer cannot be understood: {error!r}.",
            "Install the same version of facewatchd for both, and restart the daemon.",
        ) from error
    raise ApiError("The daemon's answer broke off.", "Its log says why. Type the same again.")


class _Gathered:
    """What was told until now, column by column: in this form it takes least memory."""

    def __init__(self, head: dict[str, Any]) -> None:
        self._engine: str = head["engine"]
        self._scale = Scale(**head["scale"])
        self._names: tuple[str, ...] = tuple(head["people"].values())
        self._number = {person: number for number, person in enumerate(head["people"])}
        self._photos: list[bytes] = []
        self._captured: list[float] = []
        self._photo: list[int] = []
        self._boxes: list[list[int]] = []
        self._quality: list[float] = []
        self._groups: list[int] = []
        self._similarity: list[float] = []
        self._encodings = bytearray()

    def add(self, photo: dict[str, Any]) -> None:
        """Take in a photo with its faces."""
        self._photos.append(os.fsencode(photo["path"]))
        self._captured.append(_known(photo["captured"]))
        for face in photo["faces"]:
            self._photo.append(len(self._photos) - 1)
            self._boxes.append(face["box"])
            self._quality.append(face["quality"])
            self._groups.append(self._number.get(face["person"], NOBODY))
            self._similarity.append(_known(face["similarity"]))
            self._encodings += base64.b64decode(face["encoding"], validate=True)

    def material(self) -> Material:
        """Return all of it."""
        faces = len(self._photo)
        encodings = np.frombuffer(self._encodings, dtype="<f4").astype(np.float32, copy=False)
        return Material(
            photos=tuple(self._photos),
            captured=np.array(self._captured, dtype=np.float64),
            photo=np.array(self._photo, dtype=np.int64),
            boxes=np.array(self._boxes, dtype=np.int64).reshape(faces, 4),
            quality=np.array(self._quality, dtype=np.float64),
            groups=np.array(self._groups, dtype=np.int64),
            names=self._names,
            similarity=np.array(self._similarity, dtype=np.float64),
            encodings=encodings.reshape(faces, self._scale.dimensions),
            engine=self._engine,
            scale=self._scale,
            nobody=_NOBODY,
        )


def _known(value: float | None) -> float:
    return np.nan if value is None else value
