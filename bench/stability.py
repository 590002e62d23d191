"""How many unnamed faces change person when one photo is added.

``python -m bench.stability --encodings FILE.npz [--photos 200] [--seed 0] [--json]``.  For each of
so many random photos: all faces but those of the photo are clustered, and the clusters become
people, as nobody is named.  Then the photo is there too, everything is clustered anew, and clusters
are matched with the people from before, as `facewatchd.regroup` does it for the daemon.  A face
changes person when it had one and has another one now.  Faces that find or lose a person are
counted apart; the faces of the photo itself are not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.clusterers import MIN_SAMPLES
from bench.comparison import DEFAULT
from bench.libraries import Library, load
from bench.report import lines
from facewatchd import plugins
from facewatchd.clustering.matching import Before
from facewatchd.config import DEFAULT_ENCODER
from facewatchd.regroup import Refused, Task, cluster

if TYPE_CHECKING:
    from bench.libraries import Numbers
    from facewatchd.plugins import Scale


class Moved(NamedTuple):
    """What became of the other faces when one photo was added."""

    changed: int
    found: int
    lost: int


def moved(library: Library, scale: Scale, algorithm: str, photo: int) -> Moved:
    """Return what adding the photo numbered ``photo`` does to the faces of the others."""
    there = library.photos != photo
    rest = library.some(there)
    first = _owners(rest, scale, algorithm, Before.nobody(*rest.encodings.shape))
    then = np.full(len(there), -1)
    then[there] = first
    now = _owners(library, scale, algorithm, _unnamed(then, library.encodings.shape[1]))
    return difference(then[there], now[there])


def difference(then: Numbers, now: Numbers) -> Moved:
    """Count the faces whose owner, -1 for nobody, is another one ``now`` than it was ``then``."""
    return Moved(
        int(np.count_nonzero((then >= 0) & (now >= 0) & (then != now))),
        int(np.count_nonzero((then < 0) & (now >= 0))),
        int(np.count_nonzero((then >= 0) & (now < 0))),
    )


def _unnamed(owners: Numbers, dimensions: int) -> Before:
    """Return that the faces belong to ``owners``, of whom the user has not spoken."""
    people = int(owners.max(initial=-1)) + 1
    nobody = Before.nobody(len(owners), dimensions)
    return Before(
        owners=owners,
        persons=np.arange(people),
        kept=np.zeros(people, dtype=np.bool_),
        refused=nobody.refused,
        confirmed=nobody.confirmed,
        looks=nobody.looks,
        centroids=nobody.centroids,
    )


def _owners(library: Library, scale: Scale, algorithm: str, before: Before) -> Numbers:
    grouped = cluster(
        Task(
            library.encodings,
            library.photos,
            eps=scale.eps,
            min_samples=MIN_SAMPLES,
            merge=scale.merge,
            reach=scale.distance_at(scale.similarity),
            clusterer=algorithm,
            before=before,
        )
    )
    if isinstance(grouped, Refused):
        raise RuntimeError(f"re-clustering {grouped.reason}")  # noqa: TRY004 - no wrong argument
    return grouped.owners


def stability(
    library: Library, scale: Scale, algorithm: str, count: int, seed: int, processes: int
) -> dict[str, Any]:
    """Return what adding each of ``count`` random photos did."""
    photos = np.unique(library.photos)
    chosen = np.random.default_rng(seed).permutation(photos)[:count].tolist()
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        runs = [pool.submit(moved, library, scale, algorithm, photo) for photo in chosen]
        found = [run.result() for run in runs]
    changed = Counter(each.changed for each in found)
    return {
        "faces": len(library.people),
        "photos added": len(found),
        "faces that change person, mean": float(np.mean([each.changed for each in found])),
        "most": max(changed),
        "photos that move nobody": changed[0],
        "faces that find a person, mean": float(np.mean([each.found for each in found])),
        "faces that lose theirs, mean": float(np.mean([each.lost for each in found])),
        "photos by faces that change": {str(size): changed[size] for size in sorted(changed)},
    }


def main() -> None:
    """Add photos, count and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encodings", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--algorithm", default=DEFAULT)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        library = load(options.encodings)
    except ValueError as error:
        parser.error(str(error))
    scale = plugins.encoder(DEFAULT_ENCODER).scale
    report = stability(
        library, scale, options.algorithm, options.photos, options.seed, options.processes
    )
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


if __name__ == "__main__":
    main()
