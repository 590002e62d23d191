"""A library that is read again by another engine, whose encodings are invented too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.model import Box, CaptureDate, DateSource, EngineId, Face, PhotoResult, Quality
from facewatchd.pipeline.adopting import Adopted, adopt
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from tests.support.library import Library

OTHER = EngineId("any", "other", "1")  # three dimensions, where the first has two
OTHER_SCALE = Scale(3, 0.5, 0.3, 0.9, 1.0, metric="cosine")
NEW_A, NEW_B, NEW_C = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
FIRST, SECOND, ELSEWHERE = Box(0, 0, 9, 9), Box(10, 0, 19, 9), Box(50, 50, 59, 59)


def photo_with(*faces: tuple[Box, tuple[float, ...]], orientation: int = 1) -> PhotoResult:
    found = tuple(
        Face(box, Quality(0.5, 0.5, 0.5), np.array(values, np.float32)) for box, values in faces
    )
    date = CaptureDate(0.0, DateSource.EXIF)
    return PhotoResult(b"", 100, 80, date, found, orientation)


def read_again(library: Library, photo: int, *faces: tuple[Box, tuple[float, ...]]) -> None:
    found = photo_with(*faces)
    library.store.rereading.put(photo, found, found.faces)


def switch(library: Library, engine: EngineId = OTHER) -> Adopted:
    """Do what the switch does when all is read."""
    with library.store.transaction():
        library.store.engines.make_current(engine)
        library.placing.scale = OTHER_SCALE
        adopted = adopt(library.store, library.placing, anew=True)
    library.grouping.use(OTHER_SCALE)
    library.publishing.use(OTHER_SCALE)
    return adopted
