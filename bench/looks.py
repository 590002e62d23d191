"""New faces of known people: with one mean a person, and with several looks.

``python -m bench.looks --encodings FILE.npz [--json]``; the file has arrays X (float32 N by D),
photo (int N) and lab (int N, -1 for faces without a label).  For several draws, two photos of
everyone with twelve or more are held back, everyone with five or more photos is clustered together
with 500 people who appear once, and each held-back face is compared with the looks that come out.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.assign import Looks, assign
from facewatchd.clustering.looks import looks_of
from facewatchd.clustering.recipe import group
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_DRAWS = 6
_SCALE = DlibEncoder.scale


def main() -> None:
    """Print the shares of each way, as means over the draws."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encodings", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with np.load(options.encodings) as file:
        faces, photos, labels = file["X"], file["photo"].astype(np.int64), file["lab"]
    draws = [_draw(faces, photos, labels, np.random.default_rng(seed)) for seed in range(_DRAWS)]
    means = {
        way: {name: float(np.mean([draw[way][name] for draw in draws])) for name in draws[0][way]}
        for way in draws[0]
    }
    if options.json:
        print(json.dumps(means, indent=2))
        return
    for way, shares in means.items():
        print(f"{way}: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))


def _draw(
    faces: NDArray[np.float32],
    photos: NDArray[np.int64],
    labels: NDArray[np.int64],
    choice: np.random.Generator,
) -> dict[str, dict[str, float]]:
    counts = Counter(labels[labels >= 0].tolist())
    once = [person for person, count in counts.items() if count == 1]
    people = {person for person, count in counts.items() if count >= 5} | set(once[:500])  # noqa: PLR2004 - as the docstring says
    held = np.concatenate(
        [
            choice.choice(np.flatnonzero(labels == person), 2, replace=False)
            for person, count in counts.items()
            if count >= 12  # noqa: PLR2004 - so that ten stay
        ]
    )
    shown = np.isin(photos, photos[np.isin(labels, list(people))])
    known = np.flatnonzero(shown & ~np.isin(photos, photos[held]))
    clusters = group(
        faces[known],
        photos[known],
        eps=_SCALE.eps,
        min_samples=2,
        merge=_SCALE.merge,
    )
    strangers = np.flatnonzero(np.isin(labels, once[500:]))
    members = [known[clusters == number] for number in range(clusters.max() + 1)]
    ways = {
        "one mean": [[cluster] for cluster in members],
        "looks": [
            [cluster[look] for look in looks_of(faces[cluster], _SCALE.merge)]
            for cluster in members
        ],
    }
    return {
        way: _score(faces, labels, _looks(faces, people_looks), members, held, strangers)
        for way, people_looks in ways.items()
    }


def _looks(faces: NDArray[np.float32], people: Iterable[list[NDArray[np.int64]]]) -> Looks:
    looks = Looks()
    for person, groups in enumerate(people):
        for faces_of_look in groups:
            centroid = faces[faces_of_look].mean(axis=0, dtype=np.float64)
            looks.put(Look(len(looks), str(person), centroid, len(faces_of_look), 0.0))
    return looks


def _score(
    faces: NDArray[np.float32],
    labels: NDArray[np.int64],
    looks: Looks,
    members: list[NDArray[np.int64]],
    held: NDArray[np.int64],
    strangers: NDArray[np.int64],
) -> dict[str, float]:
    whose = [_majority(labels[cluster]) for cluster in members]
    given = [_person(faces[face], looks) for face in held]
    right = [
        p is not None and whose[p] == labels[face] for p, face in zip(given, held, strict=True)
    ]
    wrong = [p is not None and not r for p, r in zip(given, right, strict=True)]
    return {
        "given to the right person": float(np.mean(right)),
        "to a wrong one": float(np.mean(wrong)),
        "strangers taken in": float(
            np.mean([_person(faces[face], looks) is not None for face in strangers])
        ),
        "looks a person": len(looks) / len(members),
    }


def _person(face: NDArray[np.float32], looks: Looks) -> int | None:
    (found,) = assign(face[None], looks, _SCALE)
    return None if found.person is None else int(found.person)


def _majority(labels: NDArray[np.int64]) -> int:
    named = labels[labels >= 0].tolist()
    return Counter(named).most_common(1)[0][0] if named else -1


if __name__ == "__main__":
    main()
