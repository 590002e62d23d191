"""How well and how fast the recipe clusters encodings whose people are known.

``--encodings`` is an .npz with X (N, D) float32, and optionally lab (N,), the person of each face
or -1 where that is not known, and photo (N,), the photo of each face.  All faces are clustered,
those with a person are scored, in the two settings of a fair test: ``all``, and ``album``, which
is everyone with 20 faces or more together with 1,000 people who appear once.  A face in no cluster
is a cluster of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.recipe import group

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

_ALBUM_FACES = 20
_ALBUM_STRANGERS = 1000


def scores(clusters: Numbers, people: Numbers) -> dict[str, float]:
    """Return precision, recall and F1 over pairs, and BCubed's (Amigo et al. 2009)."""
    alone = clusters < 0
    clusters = clusters.copy()
    clusters[alone] = clusters.max() + 1 + np.arange(np.count_nonzero(alone))
    both = np.unique(np.stack([clusters, people]), axis=1, return_inverse=True)[1].ravel()
    shared, cluster, person = (
        np.unique(of, return_inverse=True, return_counts=True)[1:]
        for of in (both, clusters, people)
    )
    pairs, in_cluster, in_person = (
        float((counts * (counts - 1)).sum()) for _, counts in (shared, cluster, person)
    )
    common = shared[1][shared[0]]
    found = {
        "pairwise": (pairs / in_cluster, pairs / in_person),
        "bcubed": (
            float((common / cluster[1][cluster[0]]).mean()),
            float((common / person[1][person[0]]).mean()),
        ),
    }
    return {
        f"{measure} {name}": value
        for measure, (precision, recall) in found.items()
        for name, value in (
            ("precision", precision),
            ("recall", recall),
            ("F1", 2 * precision * recall / (precision + recall)),
        )
    }


def album(people: Numbers) -> NDArray[np.bool_]:
    """Mark the faces of the album setting; those of nobody known are left out."""
    numbers, counts = np.unique(people[people >= 0], return_counts=True)
    strangers = numbers[counts == 1][:_ALBUM_STRANGERS]
    return np.isin(people, np.concatenate([numbers[counts >= _ALBUM_FACES], strangers]))


def main() -> None:
    """Cluster, score and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encodings", type=Path, required=True)
    parser.add_argument("--eps", type=float, default=0.32)
    parser.add_argument("--min-samples", type=int, default=2)
    parser.add_argument("--merge", type=float, default=0.52)
    parser.add_argument("--similarity", type=float, default=0.68)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with np.load(options.encodings) as data:
        encodings = data["X"].astype(np.float32)
        photos = data["photo"] if "photo" in data else np.arange(len(encodings))
        people = data["lab"] if "lab" in data else np.full(len(encodings), -1)
    settings = {"all": np.ones(len(encodings), dtype=np.bool_)}
    if (people >= 0).any():
        settings["album"] = album(people)
    report = {}
    for name, chosen in settings.items():
        start = time.perf_counter()
        clusters = group(
            encodings[chosen],
            photos[chosen].astype(np.int64),
            eps=options.eps,
            min_samples=options.min_samples,
            merge=options.merge,
            reach=1.0 - options.similarity,
        )
        seconds = time.perf_counter() - start
        known = people[chosen] >= 0
        report[name] = {
            "faces": float(np.count_nonzero(chosen)),
            "scored": float(np.count_nonzero(known)),
            "clusters": float(clusters.max(initial=-1) + 1),
            "in a cluster": float((clusters >= 0).mean()),
            "seconds": seconds,
            "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            **(scores(clusters[known], people[chosen][known]) if known.any() else {}),
        }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for name, values in report.items():
        print(name)
        for measure, value in values.items():
            print(f"  {measure:20s} {value:10.4g}")


if __name__ == "__main__":
    main()
