"""How near our engines come to dlib's own: encodings, and the boxes of its CNN face detector.

``python -m bench.fidelity --photos DIR [--faces N] [--json]``; DIR has lfw/ and lfw.csv, bbt/ and
groups/.  Needs the extra ``dlib``.

Encodings: "dlib" and "face_recognition" get the same labelled boxes of all (or N) photos of lfw/,
and each pair's L2 distance counts.  Boxes: every photo of groups/ and the scenes of bbt/, scaled to
800 pixels, and every hundredth photo of lfw/, scaled up to 500, are searched by "cnn" and by dlib's
own code; each of dlib's boxes is matched with the one of ours that covers it best.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

import dlib
import numpy as np
from PIL import Image

from facewatchd.engines.cnn import CnnDetector
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.face_recognition import FaceRecognitionEncoder
from facewatchd.engines.scaling import fitted
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.model import Box, Detection, Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_NEAR = 0.02  # L2 distance
_COVERED = 0.9  # intersection over union
_SIDES = ("left", "top", "right", "bottom")


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=Path("../shared/photos"))
    parser.add_argument("--faces", type=int, help="Compare only so many encodings.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = {
        "encodings": _encodings(options.photos, options.faces),
        "boxes": _boxes(options.photos),
    }
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for what, figures in found.items():
        print(f"{what}: " + ", ".join(f"{name} {figure:.6g}" for name, figure in figures.items()))


def _encodings(photos: Path, limit: int | None) -> dict[str, float]:
    ours, theirs = DlibEncoder(Setup()), FaceRecognitionEncoder(Setup())
    distances = []
    with (photos / "lfw.csv").open(newline="") as file:
        for row in list(csv.DictReader(file))[:limit]:
            pixels = _pixels(photos / "lfw" / row["file"])
            faces = [Detection(Box(*(int(float(row[side])) for side in _SIDES)), 1.0)]
            apart = ours.encode(pixels, faces) - theirs.encode(pixels, faces)
            distances.append(float(np.linalg.norm(apart)))
    values = np.array(distances)
    return {
        "count": len(values),
        "median": float(np.median(values)),
        "99th percentile": float(np.percentile(values, 99)),
        "largest": float(values.max()),
        f"share within {_NEAR}": float((values <= _NEAR).mean()),
    }


def _boxes(photos: Path) -> dict[str, float]:
    ours = CnnDetector(Setup())
    weights = packaged("mmod_human_face_detector.dat", DLIB_MODELS, "bench")
    theirs = dlib.cnn_face_detection_model_v1(str(weights))
    overlaps: list[float] = []
    away: list[float] = []
    more = 0
    for picture in _pictures(photos):
        boxes, scores = ours.windows(picture)
        faces = theirs(picture, 0)
        more += max(0, len(boxes) - len(faces))
        for face in faces:
            box = np.array([getattr(face.rect, side)() for side in _SIDES])
            covered = _intersection_over_union(boxes, box)
            overlaps.append(float(covered.max(initial=0)))
            if len(boxes):
                away.append(abs(float(scores[covered.argmax()]) - face.confidence))
    values = np.array(overlaps)
    return {
        "count": len(values),
        "median overlap": float(np.median(values)),
        "smallest overlap": float(values.min()),
        f"share of at least {_COVERED}": float((values >= _COVERED).mean()),
        "more than dlib's": more,
        "largest difference of a score": max(away, default=0.0),
    }


def _pictures(photos: Path) -> Iterator[NDArray[np.uint8]]:
    for path in sorted([*(photos / "groups").glob("*.jpg"), *(photos / "bbt").glob("*.jpg")]):
        yield fitted(_pixels(path), 800)[0]
    for path in sorted((photos / "lfw").glob("*.jpg"))[::100]:
        yield fitted(_pixels(path), 500, most=2.0)[0]


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def _intersection_over_union(
    boxes: NDArray[np.int64], box: NDArray[np.int64]
) -> NDArray[np.float64]:
    common = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]) + 1
    shared = common.clip(0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2] + 1).prod(axis=1)
    found: NDArray[np.float64] = shared / (areas + (box[2:] - box[:2] + 1).prod() - shared)
    return found


if __name__ == "__main__":
    main()
