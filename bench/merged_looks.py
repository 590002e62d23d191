"""Whether merging costs a person faces: two looks, against one averaged centroid, on LFW.

``python -m bench.merged_looks [--encodings FILE.npz] [--json]``.  Everyone with ten photos or more
is paired with the nearest other who is still free; the pair stands in for one person at two ages.
A third of the faces of each half is held back, in each of several draws.  Of the rest everybody's
looks are made as re-clustering makes them, each held-back face is compared with all looks, and it
is right when it goes to the pair.  *Before* the merge: to its own half.  *Merged*: the looks of
both halves are one person's.  *Averaged*: the pair has one look, the mean of all its faces.  Faces
that are given join the look, as in the daemon, in the same random order each time.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.encodings import SCALE, add_options, labelled
from facewatchd.assign import Looks, assign
from facewatchd.clustering.looks import looks_of
from facewatchd.model import Look

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bench.scales import Faces

_DRAWS = 6
_FACES = 10
_HELD = 1 / 3
_WAYS = ("before", "merged", "averaged")


class Half(NamedTuple):
    """One of the two people of a pair: the faces known, and those held back, as indices."""

    pair: int
    known: NDArray[np.int64]
    held: NDArray[np.int64]


def pairs(faces: Faces) -> dict[tuple[int, int], float]:
    """Return people with ten faces or more in pairs, nearest first, and how far their means are."""
    people = np.flatnonzero(np.bincount(faces.people) >= _FACES)
    means = np.stack([faces.encodings[faces.people == p].mean(axis=0) for p in people])
    away = np.linalg.norm(means[:, None] - means, axis=2)
    one, other = np.triu_indices(len(people), 1)
    free, found = set(range(len(people))), {}
    for at in np.argsort(away[one, other], kind="stable"):
        a, b = int(one[at]), int(other[at])
        if {a, b} <= free:
            free -= {a, b}
            found[int(people[a]), int(people[b])] = float(away[a, b])
    return found


def draw(
    faces: Faces, paired: Iterable[tuple[int, int]], seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return for each way, pair by pair, the shares that go to (the pair, somebody else)."""
    choice = np.random.default_rng(seed)
    halves = []
    for pair, people in enumerate(paired):
        for person in people:
            own = choice.permutation(np.flatnonzero(faces.people == person))
            cut = round(len(own) * _HELD)
            halves.append(Half(pair, np.sort(own[cut:]), own[:cut]))
    asked = [(half, int(face)) for half in range(len(halves)) for face in halves[half].held]
    order = choice.permutation(len(asked))
    return {way: _shares(faces, halves, [asked[at] for at in order], way) for way in _WAYS}


def _shares(
    faces: Faces, halves: list[Half], asked: list[tuple[int, int]], way: str
) -> NDArray[np.float64]:
    looks = _looks(faces, halves, way)
    counts = np.zeros((len(halves) // 2, 3))
    for half, face in asked:
        encoding = faces.encodings[face]
        (found,) = assign(encoding[None], looks, SCALE)
        right = _person(halves, half, way)
        counts[halves[half].pair] += (found.person == right, found.person not in (None, right), 1)
        if found.look is not None:
            looks.add(found.look, encoding)
    return counts


def _person(halves: list[Half], half: int, way: str) -> str:
    return f"half {half}" if way == "before" else f"pair {halves[half].pair}"


def _looks(faces: Faces, halves: list[Half], way: str) -> Looks:
    looks = Looks()
    if way == "averaged":
        for pair in range(len(halves) // 2):
            both = np.concatenate([half.known for half in halves if half.pair == pair])
            mean = faces.encodings[both].mean(axis=0, dtype=np.float64)
            looks.put(Look(pair, f"pair {pair}", mean, len(both), 0.0))
        return looks
    for number, half in enumerate(halves):
        encodings = faces.encodings[half.known]
        for members in looks_of(encodings, SCALE.merge):
            mean = encodings[members].mean(axis=0, dtype=np.float64)
            looks.put(Look(len(looks), _person(halves, number, way), mean, len(members), 0.0))
    return looks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    faces = labelled(options.photos, options.encodings)
    paired = pairs(faces)
    draws = [draw(faces, paired, seed) for seed in range(_DRAWS)]
    counts = {way: np.sum([each[way] for each in draws], axis=0) for way in _WAYS}
    before = counts["before"][:, 0]
    report: dict[str, Any] = {
        "pairs": len(paired),
        "distance of the halves": np.percentile(list(paired.values()), (5, 50, 95)).tolist(),
        "held-back faces": int(counts["before"][:, 2].sum()),
        "ways": {
            way: {
                "given to the right person": float(table[:, 0].sum() / table[:, 2].sum()),
                "to a wrong one": float(table[:, 1].sum() / table[:, 2].sum()),
                "pairs with fewer than before": int((table[:, 0] < before).sum()),
            }
            for way, table in counts.items()
        },
    }
    if options.json:
        print(json.dumps(report, indent=2))
        return
    low, median, high = report["distance of the halves"]
    print(
        f"{report['pairs']} pairs, {report['held-back faces']} held-back faces; means of the halves"
    )
    print(
        f"are {median:.2f} apart in the median, {low:.2f} to {high:.2f} for nine tenths of them\n"
    )
    print("| | given to the right person | to a wrong one | pairs with fewer than before |")
    print("|---|---|---|---|")
    for way, row in report["ways"].items():
        right, wrong, fewer = row.values()
        print(f"| {way} | {right:.1%} | {wrong:.1%} | {fewer} |")


if __name__ == "__main__":
    main()
