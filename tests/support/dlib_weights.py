"""The weights and photos that dlib's engines are tried with."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from facewatchd.decode import Photo
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.model import Box, Detection

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


LANDMARKS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
MMOD = "mmod_human_face_detector.dat"
SIDES = ("left", "top", "right", "bottom")


def weights_of(name: str) -> Path:
    return packaged(name, DLIB_MODELS, "test")


def pixels_of(path: Path) -> Pixels:
    return Photo(path.read_bytes(), 250).picture(1600).pixels


def labelled(photos: Path, step: int) -> list[tuple[Pixels, Detection]]:
    """Return every ``step``-th photo of lfw/ with its labelled face."""
    with (photos / "lfw.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::step]
    boxes = [Box(*(int(float(row[side])) for side in SIDES)) for row in rows]
    return [
        (pixels_of(photos / "lfw" / row["file"]), Detection(box, 1.0))
        for row, box in zip(rows, boxes, strict=True)
    ]
