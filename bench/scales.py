"""What similarity means for each encoder: its scale, on the labelled photos of LFW.

``python -m bench.scales --photos FOLDER [--models FOLDER] [--encoder NAME ...] [--json]``.  The
tables have, for each encoder whose weights are there,

- similarities of two faces of one person, and of different people;
- for thresholds: the share of known faces that go to the right person and to a wrong one, and the
  share of strangers that are taken in.  Known is everyone with ten photos or more; each of their
  faces is compared with the mean of that person's others and with the means of the other people.
  Strangers are 1,000 people who appear once;
- the F1 of the recipe with DBSCAN's eps and merge distances around those of the scale, in the two
  settings of bench/scoring.py, pairwise and BCubed.

``--save FOLDER`` writes the encodings of each encoder as bench/clustering.py and bench/looks.py
read them, and takes them from there when they are there.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.scoring import album, scores
from facewatchd import plugins
from facewatchd.clustering.recipe import group
from facewatchd.decode import Photo
from facewatchd.errors import PluginError
from facewatchd.model import Setup
from tests.support.lfw import Labelled, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Detection

    Table = dict[str, dict[str, float]]

_KNOWN = 10
_STRANGERS = 1000
_SAME = (5, 25, 50, 75, 95)
_DIFFERENT = (99, 99.9, 99.99, 99.999)
_BELOW, _ABOVE, _STEP = 0.15, 0.10, 0.05  # thresholds around the scale's
_FACTORS = (0.9, 1.0, 1.1)  # of the scale's distances


class Faces(NamedTuple):
    """Encodings (n, D), and the photo and the person of each; -1 is a face without a label."""

    encodings: NDArray[np.float32]
    photos: NDArray[np.int64]
    people: NDArray[np.int64]


def encode(photos: Path, detector: plugins.Detector, encoder: plugins.Encoder) -> Faces:
    """Return all faces of the photos of LFW."""
    encodings, of_photo, of_person = [], [], []
    people: dict[str, int] = {}
    for number, label in enumerate(read(photos)):
        pixels = Photo((photos / "lfw" / label.file).read_bytes(), 250).picture(1600).pixels
        faces = detector.detect(pixels)
        encodings.append(encoder.encode(pixels, faces))
        person = people.setdefault(label.person, len(people))
        labelled = _labelled(faces, label)
        of_photo += [number] * len(faces)
        of_person += [person if face == labelled else -1 for face in range(len(faces))]
    return Faces(np.concatenate(encodings), np.array(of_photo), np.array(of_person))


def _labelled(faces: Sequence[Detection], label: Labelled) -> int | None:
    """Return the face whose centre is nearest to the labelled one's."""
    x, y = label.centre
    away = [
        ((face.box.left + face.box.right) / 2 - x) ** 2
        + ((face.box.top + face.box.bottom) / 2 - y) ** 2
        for face in faces
    ]
    return int(np.argmin(away)) if away else None


def pairs(faces: Faces, scale: plugins.Scale) -> Table:
    """Return percentiles of the similarity of two labelled faces."""
    encodings, people = _of_known(faces)
    first, second = np.triu_indices(len(people), 1)
    products = encodings @ encodings.T
    squares = np.diag(products)
    distances = np.sqrt(
        np.maximum(squares[first] + squares[second] - 2 * products[first, second], 0)
    )
    similarities = scale.similarity_at(distances)
    same = people[first] == people[second]
    return {
        name: {f"{at:g} %": float(np.percentile(similarities[which], at)) for at in percentiles}
        for name, which, percentiles in (
            ("same person", same, _SAME),
            ("different people", ~same, _DIFFERENT),
        )
    }


def thresholds(faces: Faces, scale: plugins.Scale) -> Table:
    """Return what each similarity threshold would do with known faces and with strangers."""
    encodings, people = _of_known(faces)
    counts = np.bincount(people)
    known = np.flatnonzero(counts >= _KNOWN)
    strangers = np.isin(people, np.flatnonzero(counts == 1)[:_STRANGERS])
    sums = np.stack([encodings[people == person].sum(axis=0) for person in known])
    number = counts[known][:, None]

    def best(face: NDArray[np.float64], own: NDArray[np.bool_]) -> tuple[float, int]:
        means = np.where(own[:, None], (sums - face) / (number - 1), sums / number)
        away = np.linalg.norm(means - face, axis=1)
        return scale.similarity_at(float(away.min())), int(away.argmin())

    found = [
        (*best(face, known == person), person)
        for face, person in zip(encodings, people, strict=True)
        if person in known
    ]
    similarity = np.array([near for near, _, _ in found])
    right = np.array([known[to] == person for _, to, person in found])
    nobody = np.zeros(len(known), bool)
    of_strangers = np.array([best(face, nobody)[0] for face in encodings[strangers]])
    return {
        f"{threshold:.2f}": {
            "right person": float((right & (similarity >= threshold)).mean()),
            "wrong person": float((~right & (similarity >= threshold)).mean()),
            "strangers taken in": float((of_strangers >= threshold).mean()),
        }
        for threshold in _steps(scale.similarity)
    }


def _steps(similarity: float) -> NDArray[np.float64]:
    return np.arange(similarity + _ABOVE, similarity - _BELOW - _STEP / 2, -_STEP)


def _of_known(faces: Faces) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    labelled = faces.people >= 0
    return faces.encodings[labelled].astype(np.float64), faces.people[labelled]


def clusterings(faces: Faces, scale: plugins.Scale) -> Table:
    """Return the F1 of the recipe with distances around those of the scale."""
    everyone = np.ones(len(faces.people), np.bool_)
    of_album = np.isin(faces.photos, faces.photos[album(faces.people)])
    table: Table = {}
    for eps in np.array(_FACTORS) * scale.eps:
        for merge in np.array(_FACTORS) * scale.merge:
            row = table[f"eps {eps:.2f}, merge {merge:.2f}"] = {}
            for name, chosen in (("all", everyone), ("album", of_album)):
                found = group(
                    faces.encodings[chosen],
                    faces.photos[chosen],
                    eps=float(eps),
                    min_samples=2,
                    merge=float(merge),
                )
                people = faces.people[chosen]
                score = scores(found[people >= 0], people[people >= 0])
                row |= {f"{name} {kind}": score[f"{kind} F1"] for kind in ("pairwise", "bcubed")}
    return table


def main() -> None:
    """Encode, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--encoder", action="append", help="only this one (may be repeated)")
    parser.add_argument("--detector", default="scrfd")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    setup = Setup(models=options.models)
    every = sorted(entry.name for entry in entry_points(group="facewatchd.encoders"))
    report = {}
    for name in options.encoder or every:
        try:
            encoder = plugins.encoder(name)(setup)
            detector = plugins.detector(options.detector)(setup)
        except PluginError as error:
            print(f"{name} is left out. {error.title}", file=sys.stderr)
            continue
        faces = _kept(options.save, options.photos, detector, encoder)
        report[name] = {
            "pairs": pairs(faces, encoder.scale),
            "thresholds": thresholds(faces, encoder.scale),
            "clusterings": clusterings(faces, encoder.scale),
        }
    print(json.dumps(report, indent=2) if options.json else "\n".join(_lines(report)))


def _kept(
    folder: Path | None, photos: Path, detector: plugins.Detector, encoder: plugins.Encoder
) -> Faces:
    path = folder / f"{detector.name}-{encoder.name}.npz" if folder else None
    if path and path.exists():
        with np.load(path) as data:
            return Faces(data["X"], data["photo"], data["lab"])
    faces = encode(photos, detector, encoder)
    if path:
        np.savez(path, X=faces.encodings, photo=faces.photos, lab=faces.people)
    return faces


def _lines(report: dict[str, dict[str, Table]]) -> Iterator[str]:
    """Yield the tables as they go into a document; a row of percentiles has columns of its own."""
    for name, tables in report.items():
        yield f"## {name}"
        for title, table in tables.items():
            columns: list[str] = []
            for row, values in table.items():
                if list(values) != columns:
                    columns = list(values)
                    yield f"\n| {title} | {' | '.join(columns)} |"
                    yield "|---" * (len(columns) + 1) + "|"
                yield f"| {row} | " + " | ".join(f"{value:.4f}" for value in values.values()) + " |"
        yield ""


if __name__ == "__main__":
    main()
