"""How many merge suggestions are right, and how many faces they settle, on LFW.

``python -m bench.suggest [--encodings FILE.npz] [--fit] [--json]``.  The labelled faces are
clustered by the default engine and recipe, nobody is named, and a suggestion is right when most
faces of both clusters are of one person.  The chance in `facewatchd.suggest` was fitted on the
people with even numbers, in the order of lfw.csv; the tables are of those with odd ones, and of
everyone, where half of the people had a part in the fit.  ``--fit`` prints the coefficients:
logistic regression on all pairs within reach, in eight draws of seven tenths of the faces, so that
clusters fall apart in more ways than one.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.encodings import SCALE, add_options, labelled
from bench.scales import Faces
from facewatchd.clustering.looks import looks_of
from facewatchd.clustering.recipe import group
from facewatchd.model import Look
from facewatchd.suggest import Neighbours, Somebody, suggest

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FIRST = (10, 50, 100)
_DRAWS, _SHARE = 8, 0.7
_ALL = 1_000_000  # more pairs than there are
FLOOR = SCALE.distance_at(SCALE.floor)


class Clustered(NamedTuple):
    """What a clustering makes of faces: looks, people, and who each person is for the most part."""

    looks: list[Look]
    people: dict[str, Somebody]
    truth: dict[str, int]


def cluster(faces: Faces) -> Clustered:
    """Cluster ``faces`` as the daemon does."""
    clusters = group(
        faces.encodings,
        faces.photos,
        eps=SCALE.eps,
        min_samples=2,
        merge=SCALE.merge,
    )
    found = Clustered([], {}, {})
    for number in range(clusters.max() + 1):
        person, members = f"{number:05d}", np.flatnonzero(clusters == number)
        encodings = faces.encodings[members]
        for look in looks_of(encodings, SCALE.merge):
            centroid = encodings[look].mean(axis=0, dtype=np.float64)
            found.looks.append(Look(len(found.looks), person, centroid, len(look), 0.0))
        found.people[person] = Somebody(faces.photos[members].tolist(), named=False)
        found.truth[person] = Counter(faces.people[members].tolist()).most_common(1)[0][0]
    return found


def score(faces: Faces) -> dict[str, Any]:
    """Return what the first suggestions come to."""
    found = cluster(faces)
    made = suggest(found.looks, found.people, SCALE, lambda _one, _other: False, _ALL)
    right = np.array([found.truth[each.one] == found.truth[each.other] for each in made])
    settles = np.array([each.settles for each in made])
    chances = np.array([each.chance for each in made])
    people = Counter(found.truth.values())
    return {
        "people": len(np.unique(faces.people)),
        "clusters": len(found.people),
        "pairs of one person": sum(count * (count - 1) // 2 for count in people.values()),
        "pairs within reach": len(made),
        "of one person among them": int(right.sum()),
        "expected among them": float(chances.sum()),
        "first": [
            {
                "suggestions": first,
                "right": float(right[:first].mean()),
                "chance": float(chances[:first].mean()),
                "faces settled": int(settles[:first][right[:first]].sum()),
                "of all": int(settles[right].sum()),
            }
            for first in _FIRST
        ],
    }


def fit(faces: Faces) -> dict[str, float]:
    """Return the coefficients of the chance."""
    choice = np.random.default_rng(0)
    rows, right, rooms = [], [], []
    for _ in range(_DRAWS):
        found = cluster(_some(faces, choice.random(len(faces.people)) < _SHARE))
        near = Neighbours(found.looks, found.people, SCALE)
        truth = np.array([found.truth[person] for person in near.ids])
        number = np.array([len(found.people[person].photos) for person in near.ids])
        for one, other, distances, room in near.pairs():
            fewer = np.log(np.minimum(number[one], number[other]))
            rows.append(np.stack([distances / FLOOR, room / FLOOR, fewer], axis=1))
            right.append(truth[one] == truth[other])
            rooms.append(room / FLOOR)
    same = np.concatenate(right)
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(np.concatenate(rows), same)
    return {
        "at once": float(model.intercept_[0]),
        **dict(zip(("by distance", "by room", "by faces"), model.coef_[0].tolist(), strict=True)),
        "most room": float(np.concatenate(rooms).max()),
        "pairs": len(same),
        "of one person": int(same.sum()),
    }


def _some(faces: Faces, which: NDArray[np.bool_]) -> Faces:
    return Faces(faces.encodings[which], faces.photos[which], faces.people[which])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--fit", action="store_true", help="print the coefficients as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    faces = labelled(options.photos, options.encodings)
    odd = faces.people % 2 == 1
    report = {"people without a part in the fit": score(_some(faces, odd)), "all": score(faces)}
    fitted = fit(_some(faces, ~odd)) if options.fit else None
    if options.json:
        print(json.dumps(report | ({"fit": fitted} if fitted else {}), indent=2))
        return
    for name, result in report.items():
        first = result.pop("first")
        print(f"## {name}\n\n" + ", ".join(f"{what}: {n:.6g}" for what, n in result.items()))
        print("\n| first | right | chance said | faces settled |\n|---|---|---|---|")
        for row in first:
            print(
                f"| {row['suggestions']} | {row['right']:.0%} | {row['chance']:.0%}"
                f" | {row['faces settled']} of {row['of all']} |"
            )
        print()
    if fitted:
        print("fit: " + ", ".join(f"{name} {value:.4g}" for name, value in fitted.items()))


if __name__ == "__main__":
    main()
