"""Faces found and missed, things taken for faces, and time, of every detector that is installed.

Run from the repository: ``python -m bench.detectors [NAME ...] [--lfw N] [--json]``.

A detection is true when its centre lies within half a side of a true face's centre and its side is
between half and twice that face's, and no surer detection was given that face; every other one is
false.  A side is the root of a box's area.  The true faces are:

- groups: those in bench/groups.csv, which we marked by eye: all with both eyes, or one and the
  profile, in sight.  They are looked for at two sizes: as it is, and at 1600 pixels.
- bbt: those in ``photos/bbt/scenes.csv``.
- lfw: the labelled face of N photos drawn with a fixed seed (``photos/lfw.csv``).  One photo in six
  shows further faces, which have no boxes but are counted there: false are only so many detections
  as there are more than that count, so a false one can hide behind a face that was missed.

``other`` are two photographs without people, from scikit-learn.  Milliseconds are those of
``detect`` alone, as processor time, so that other programs disturb them less.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from importlib.metadata import entry_points
from math import hypot
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from facewatchd.errors import PluginError
from facewatchd.model import Box, Detection, Setup
from facewatchd.plugins import Detector, detector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Place = tuple[float, float, float]

_SEED = 1
_LONGEST = 1600
_MARKED = Path(__file__).with_name("groups.csv")
_SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Marked:
    """A photo and the boxes of the true faces in it; ``further`` faces have no box."""

    pixels: NDArray[np.uint8]
    faces: list[Box]
    further: int = 0


@dataclass(slots=True)
class Score:
    """What one detector did on one set of photos."""

    photos: int = 0
    faces: int = 0
    found: int = 0
    false: int = 0
    milliseconds: float = 0.0


def main() -> None:
    """Print a table, a row for each detector and set of photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="detectors; all that are installed if none")
    parser.add_argument("--lfw", type=int, default=300, metavar="N")
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--longest-side", type=int, default=Setup().longest_side)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    names = options.names or sorted(
        each.name for each in entry_points(group="facewatchd.detectors")
    )
    setup = Setup(longest_side=options.longest_side, models=options.shared / "models")
    installed, missing = _load(names, setup)
    scores: dict[str, dict[str, Score]] = {name: defaultdict(Score) for name in installed}
    for kind, photo in photos(options.shared / "photos", options.lfw):
        for name, each in installed.items():
            measure(each, photo, scores[name][kind])
    if options.json:
        rows = {
            name: {kind: asdict(score) for kind, score in kinds.items()}
            for name, kinds in scores.items()
        }
        print(json.dumps({"detectors": rows, "missing": missing}, indent=2))
    else:
        _print(scores, missing)


def photos(folder: Path, lfw: int) -> Iterator[tuple[str, Marked]]:
    """Yield all photos, each with the name of its set."""
    for name, boxes in marked_groups().items():
        picture = Image.open(folder / "groups" / name).convert("RGB")
        yield "groups", Marked(np.asarray(picture), boxes)
        yield "groups 1600", scaled(picture, boxes, _LONGEST)
    for name, boxes in _boxes(folder / "bbt" / "scenes.csv").items():
        yield "bbt", Marked(_pixels(folder / "bbt" / name), boxes)
    with (folder / "lfw.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for number in np.random.default_rng(_SEED).permutation(len(rows))[:lfw]:
        row = rows[number]
        further = int(row["faces_in_image"]) - 1
        yield "lfw", Marked(_pixels(folder / "lfw" / row["file"]), [_box(row)], further)
    for pixels in load_sample_images().images:
        yield "other", Marked(pixels, [])


def marked_groups() -> dict[str, list[Box]]:
    """Return the true faces of the group photos, by file."""
    return _boxes(_MARKED)


def scaled(picture: Image.Image, faces: Iterable[Box], longest: int) -> Marked:
    """Return a photo and its faces with ``longest`` as its longest side."""
    factor = longest / max(picture.size)
    size = (round(picture.width * factor), round(picture.height * factor))
    smaller = picture.resize(size, Image.Resampling.BILINEAR)
    boxes = [Box(*(round(edge * factor) for edge in box)) for box in faces]
    return Marked(np.asarray(smaller), boxes)


def measure(detector: Detector, photo: Marked, score: Score) -> None:
    """Let the detector look at the photo, and add what it found to the score."""
    started = time.process_time()
    detections = detector.detect(photo.pixels)
    spent = (time.process_time() - started) * 1000
    found, false = judged(detections, photo.faces)
    score.milliseconds += (spent - score.milliseconds) / (score.photos + 1)
    score.photos += 1
    score.faces += len(photo.faces)
    score.found += found
    score.false += max(0, false - photo.further)


def judged(detections: Iterable[Detection], faces: Sequence[Box]) -> tuple[int, int]:
    """Return how many of the faces were found, and how many detections are none of them."""
    missed = [_place(box) for box in faces]
    false = 0
    for each in sorted(detections, key=lambda each: -each.confidence):
        x, y, side = _place(each.box)
        near = min(missed, key=lambda face: hypot(x - face[0], y - face[1]), default=None)
        if near is not None and _same(near, (x, y, side)):
            missed.remove(near)
        else:
            false += 1
    return len(faces) - len(missed), false


def _same(face: Place, other: Place) -> bool:
    away = hypot(face[0] - other[0], face[1] - other[1])
    return away < face[2] / 2 and face[2] / 2 < other[2] < face[2] * 2


def _place(box: Box) -> Place:
    """Return the centre and the side of a box."""
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, ((right - left) * (bottom - top)) ** 0.5


def _load(names: list[str], setup: Setup) -> tuple[dict[str, Detector], dict[str, str]]:
    """Return the detectors that can be loaded, and for each other one why it cannot."""
    installed, missing = {}, {}
    for name in names:
        try:
            installed[name] = detector(name)(setup)
        except PluginError as error:
            missing[name] = error.title
    return installed, missing


def _print(scores: dict[str, dict[str, Score]], missing: dict[str, str]) -> None:
    print(f"{'detector':10} {'photos of':12} {'number':>6} {'faces':>6} {'found':>6} {'recall':>7}"
          f" {'false':>6} {'ms a photo':>11}")  # fmt: skip
    for name, kinds in scores.items():
        for kind, score in kinds.items():
            recall = f"{score.found / score.faces:.1%}" if score.faces else ""
            print(
                f"{name:10} {kind:12} {score.photos:6} {score.faces:6} {score.found:6} {recall:>7}"
                f" {score.false:6} {score.milliseconds:11.1f}"
            )
    for name, why in missing.items():
        print(f"{name:10} {why}")


def _boxes(table: Path) -> dict[str, list[Box]]:
    boxes: dict[str, list[Box]] = {}
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            boxes.setdefault(row["file"], []).append(_box(row))
    return boxes


def _box(row: dict[str, str]) -> Box:
    return Box(*(int(row[side]) for side in _SIDES))


def _pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


if __name__ == "__main__":
    main()
