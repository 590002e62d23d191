"""What a face's quality says about its encoding: where `engine.min_quality` should stand.

Run from the repository: ``python -m bench.quality [--detector NAME] [--json]``.  Everyone in LFW
with six photos or more is known by the centroid of half of them.  The other half, and people who
appear once, are looked at as they are, made small (so that the face is as many pixels wide as a
face in the background is), and blurred.  By the score of the quality: how many faces there are, for
how many the nearest centroid is the right person's, how many would be given to the right and to a
wrong person at the encoder's threshold, and how many strangers would be taken for somebody.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from facewatchd import plugins
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.engines.quality import quality
from facewatchd.model import Setup
from tests.support import lfw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facewatchd.model import Detection, Encoding

_KNOWN_FROM = 6
_SIDES = (None, 60, 40, 32, 24, 20)  # of the face, in pixels; None: as it is
_BLURS = (2.0, 4.0)  # pixels of a Gaussian's deviation, at LFW's size
_LFW_FACE = 105  # the side of a face in LFW, in the median
_BINS = (0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 1.0)


class Probe(NamedTuple):
    """A face that was looked at: whose it is (None: a stranger's), and how well it is seen."""

    person: str | None
    score: float
    encoding: Encoding


class Engine:
    """A detector and an encoder."""

    def __init__(self, detector: str, encoder: str) -> None:
        self._detector = plugins.detector(detector)(Setup())
        self._encoder = plugins.encoder(encoder)(Setup())
        self.scale = self._encoder.scale

    def see(self, picture: Image.Image) -> tuple[float, Encoding] | None:
        """Return quality and encoding of the face nearest to the middle, None if there is none."""
        pixels = np.array(picture.convert("RGB"))
        faces = self._detector.detect(pixels)
        if not faces:
            return None
        face = min(faces, key=lambda each: _from_the_middle(each, pixels))
        return quality(pixels, face).score, self._encoder.encode(pixels, [face])[0]


def _from_the_middle(face: Detection, pixels: NDArray[np.uint8]) -> float:
    box, (height, width) = face.box, pixels.shape[:2]
    return float(np.hypot(box.left + box.right - width, box.top + box.bottom - height))


def views(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield the picture as it is, smaller and smaller, and blurred."""
    for side in _SIDES:
        factor = 1.0 if side is None else side / _LFW_FACE
        size = (round(picture.width * factor), round(picture.height * factor))
        yield picture.resize(size, Image.Resampling.LANCZOS) if side else picture
    for blur in _BLURS:
        yield picture.filter(ImageFilter.GaussianBlur(blur))


def look(photos: Path, engine: Engine, people: int) -> dict[str, Any]:
    """Return the table, and how many faces were not found at all."""
    labels = lfw.read(photos)
    counts = Counter(label.person for label in labels)
    known = sorted(person for person, count in counts.items() if count >= _KNOWN_FROM)[:people]
    by_person = defaultdict(list)
    for label in labels:
        by_person[label.person].append(photos / "lfw" / label.file)
    centroids = []
    probes: list[Probe] = []
    missed = 0
    for person in known:
        files = by_person[person][:20]
        seen = [engine.see(Image.open(path)) for path in files[::2]]
        centroids.append(np.mean([each[1] for each in seen if each is not None], axis=0))
        for path in files[1::2]:
            missed += _probe(engine, path, person, probes)
    strangers = sorted(person for person, count in counts.items() if count == 1)[: 2 * people]
    for person in strangers:
        missed += _probe(engine, by_person[person][0], None, probes)
    return {"not found": missed, "by score": _table(probes, known, np.array(centroids), engine)}


def _probe(engine: Engine, path: Path, person: str | None, probes: list[Probe]) -> int:
    """Add what is seen of the face in ``path``; return how many views showed no face."""
    missed = 0
    with Image.open(path) as picture:
        for view in views(picture.convert("RGB")):
            seen = engine.see(view)
            if seen is None:
                missed += 1
            else:
                probes.append(Probe(person, *seen))
    return missed


def _table(
    probes: list[Probe], known: list[str], centroids: NDArray[np.float64], engine: Engine
) -> list[dict[str, float]]:
    within = engine.scale.distance_at(engine.scale.similarity)
    table = []
    for low, high in pairwise(_BINS):
        own = [each for each in probes if low <= each.score < high and each.person]
        strange = [each for each in probes if low <= each.score < high and not each.person]
        right = given = wrong = 0
        for probe in own:
            away = np.linalg.norm(centroids - probe.encoding, axis=1)
            nearest = int(away.argmin())
            right += known[nearest] == probe.person
            if away[nearest] <= within:
                given += known[nearest] == probe.person
                wrong += known[nearest] != probe.person
        taken = sum(
            bool(np.linalg.norm(centroids - probe.encoding, axis=1).min() <= within)
            for probe in strange
        )
        table.append(
            {
                "from": low,
                "to": high,
                "faces": len(own),
                "nearest is right": right / max(1, len(own)),
                "given, right": given / max(1, len(own)),
                "given, wrong": wrong / max(1, len(own)),
                "strangers": len(strange),
                "strangers taken in": taken / max(1, len(strange)),
            }
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    shared = os.environ.get("FACEWATCHD_SHARED", "../shared")
    parser.add_argument("--photos", type=Path, default=Path(shared) / "photos", help="test photos")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--people", type=int, default=60, help="known people; twice the strangers")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = look(options.photos, Engine(options.detector, options.encoder), options.people)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    print(f"no face found in {report['not found']} views")
    columns = list(report["by score"][0])
    print(" | ".join(columns))
    for row in report["by score"]:
        print(" | ".join(f"{row[name]:{len(name)}.3g}" for name in columns))


if __name__ == "__main__":
    main()
