"""Faces that do not exist, in any number, with the statistics of distance of labelled ones.

``python -m bench.synthetic --encodings FILE.npz --count N [--seed S] [--siblings 50]
[--save OUT.npz]`` makes N faces from the labelled faces of FILE.npz, and prints percentiles of the
distances of two faces of one person, and of different people, beside those of FILE.npz.

How a face is made.  Its person has a centroid, and a model: a real person with five photos or more,
who says how far the faces of this one scatter.  Its deviation from the centroid has a direction
that is mixed of the deviations of three real faces, and the length of one of them; so the tails are
those of real faces, and no two deviations are equal.  Centroids are mixed alike of those of real
people, stretched so that their covariance is that of real centroids without what the deviations
add to it: for people of n photos the covariance of means is between + within / n.  No two people
with 20 photos or more are nearer than siblings are: of those in LFW none is within 0.45.

How a library is made.  A share of the faces are people who appear once; the others are a family
and its friends, whose photos fall with their rank as a power law, the first having a twentieth of
all, but not more than 20,000.  A photo shows two to four people.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.libraries import Library, load
from bench.report import lines

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Matrix = NDArray[np.float32]

SIBLINGS_APART = 0.35
_SAME = (5, 25, 50, 75, 95)
_DIFFERENT = (0.001, 0.01, 0.1, 1)
_MODEL_PHOTOS = 5
SIBLING_PHOTOS = (20, 300)
_SINGLES = 0.3
_LARGEST = (0.05, 20_000)
_SMALLEST = 2
_IN_PHOTO = (2, 4)
_MIXED = 3
_TRIES = 1000
_BLOCK = 1 << 15
_SAME_PAIRS = 200_000
_DIFFERENT_FACES = 6000
_ROWS = 500


class Made(NamedTuple):
    """A made library, and the pairs (M, 2) of people who are siblings."""

    library: Library
    siblings: Numbers


class Statistics:
    """What is known of real faces: how people differ, and how the faces of one scatter."""

    def __init__(self, encodings: Matrix, people: Numbers) -> None:
        """Learn from ``encodings`` (n, D) of ``people`` (n,), of whom some have five photos."""
        person, counts = np.unique(people, return_inverse=True, return_counts=True)[1:]
        if (counts < _MODEL_PHOTOS).all():
            raise ValueError(f"nobody has {_MODEL_PHOTOS} labelled faces, which models need")
        sums = np.zeros((len(counts), encodings.shape[1]))
        np.add.at(sums, person, encodings)
        centroids = sums / counts[:, None]
        of_model = counts[person] >= _MODEL_PHOTOS
        away = (encodings - centroids[person])[of_model]
        # A mean of n is nearer to its faces than the true centroid is, by this factor.
        away *= np.sqrt(counts / np.maximum(counts - 1, 1))[person[of_model], None]
        model = np.unique(person[of_model], return_inverse=True)[1]
        squares = np.bincount(model, np.einsum("nd,nd->n", away, away)) / np.bincount(model)
        self.spreads = np.sqrt(squares)
        self.weights = np.bincount(model) / len(model)
        self.deviations = (away / self.spreads[model, None]).astype(np.float32)
        self.mean: Matrix = centroids.mean(axis=0).astype(np.float32)
        within = away.T @ away / len(away)
        self.centroids = _without_noise(centroids - self.mean, within * (1 / counts).mean())

    def people(self, count: int, chance: np.random.Generator) -> Matrix:
        """Return ``count`` centroids."""
        return self.mean + mixed(self.centroids, count, chance)

    def scatter(self, spreads: NDArray[np.float64], chance: np.random.Generator) -> Matrix:
        """Return a deviation for each of ``spreads`` (n,)."""
        return mixed(self.deviations, len(spreads), chance) * spreads[:, None].astype(np.float32)


def _without_noise(found: NDArray[np.float64], noise: NDArray[np.float64]) -> Matrix:
    """Return ``found`` (n, D), centred, mapped so that its covariance is less by ``noise``."""
    covariance = found.T @ found / len(found)
    values, vectors = np.linalg.eigh(covariance)
    whitened = (vectors / np.sqrt(np.maximum(values, values.max() * 1e-9))) @ vectors.T
    values, vectors = np.linalg.eigh(covariance - noise)
    coloured = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return np.asarray(found @ whitened @ coloured, dtype=np.float32)


def mixed(real: Matrix, count: int, chance: np.random.Generator) -> Matrix:
    """Return ``count`` vectors, each between three of ``real``, and as long as one of them."""
    chosen = chance.integers(len(real), size=(_MIXED, count))
    shares = np.abs(chance.standard_normal((_MIXED, count, 1), dtype=np.float32))
    found = np.zeros((count, real.shape[1]), dtype=np.float32)
    for rows, share in zip(chosen, shares, strict=True):
        found += share * real[rows]
    length = np.linalg.norm(found, axis=1, keepdims=True)
    wanted = np.linalg.norm(real[chosen[0]], axis=1, keepdims=True)
    return np.asarray(found * (wanted / np.maximum(length, 1e-12)), dtype=np.float32)


def sizes_of(count: int, singles: float = _SINGLES) -> Numbers:
    """Return how many faces each person has, falling, ``count`` in all."""
    largest = min(int(_LARGEST[0] * count), _LARGEST[1])
    family = int(count * (1 - singles))
    if largest < _SMALLEST:
        return np.ones(count, dtype=np.int64)
    ranks = np.arange(1, count // _SMALLEST + 1, dtype=np.float64)
    low, high = 0.0, 10.0
    for _ in range(60):
        exponent = (low + high) / 2
        sizes = (largest * ranks**-exponent).astype(np.int64)
        if int(sizes[sizes >= _SMALLEST].sum()) > family:
            low = exponent
        else:
            high = exponent
    sizes = (largest * ranks**-high).astype(np.int64)
    sizes = sizes[sizes >= _SMALLEST]
    return np.concatenate([sizes, np.ones(count - int(sizes.sum()), dtype=np.int64)])


def make(
    real: Library, count: int, *, seed: int = 0, siblings: int = 0, singles: float = _SINGLES
) -> Made:
    """Return ``count`` faces made from the labelled ones of ``real``.

    ``singles`` is the share of faces of people who appear once.  ``siblings`` pairs of people have
    20 to 300 photos each, and centroids (the means of their faces) that are 0.35 apart.
    """
    chance = np.random.default_rng(seed)
    known = real.people >= 0
    statistics = Statistics(real.encodings[known], real.people[known])
    paired = chance.integers(SIBLING_PHOTOS[0], SIBLING_PHOTOS[1] + 1, size=2 * siblings)
    if paired.sum() > count:
        raise ValueError(f"{siblings} pairs of siblings have more than {count} faces")
    sizes = np.concatenate([paired, sizes_of(count - int(paired.sum()), singles)])
    centroids = statistics.people(len(sizes), chance)
    _draw_siblings(centroids[: 2 * siblings], statistics, chance)
    often = int(np.count_nonzero(sizes >= SIBLING_PHOTOS[0]))  # they come first
    _keep_apart(centroids[:often], siblings, statistics, chance)
    spreads = chance.choice(statistics.spreads, len(sizes), p=statistics.weights)
    order = chance.permutation(count)
    people = np.repeat(np.arange(len(sizes)), sizes)[order]
    encodings = np.empty((count, centroids.shape[1]), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        own = people[start : start + _BLOCK]
        encodings[start : start + _BLOCK] = centroids[own] + statistics.scatter(
            spreads[own], chance
        )
    of_siblings = np.flatnonzero(people < 2 * siblings)
    _centre(encodings, of_siblings, people[of_siblings], centroids[: 2 * siblings])
    photos = _photos(people, chance)
    pairs = np.arange(2 * siblings).reshape(-1, 2)
    return Made(Library(encodings, photos, people), pairs)


def _draw_siblings(centroids: Matrix, statistics: Statistics, chance: np.random.Generator) -> None:
    """Move every second of ``centroids`` so that it is 0.35 from the one before it."""
    steps = mixed(statistics.centroids, len(centroids) // 2, chance)
    steps *= SIBLINGS_APART / np.linalg.norm(steps, axis=1, keepdims=True)
    centroids[1::2] = centroids[::2] + steps


def _keep_apart(
    centroids: Matrix, siblings: int, statistics: Statistics, chance: np.random.Generator
) -> None:
    """Draw people anew who are nearer than siblings to one before them, but to their sibling."""
    for person in range(1, len(centroids)):
        first = person - 1 if person < 2 * siblings and person % 2 else person
        tries = 0
        while _nearest(centroids[:first], centroids[person]) < SIBLINGS_APART:
            if tries == _TRIES:
                raise ValueError(f"no room for {len(centroids)} people with 20 photos or more")
            if first < person:
                _draw_siblings(centroids[first : person + 1], statistics, chance)
            else:
                centroids[person] = statistics.people(1, chance)[0]
            tries += 1


def _nearest(centroids: Matrix, centroid: Matrix) -> float:
    return float(np.linalg.norm(centroids - centroid, axis=1).min(initial=np.inf))


def _centre(encodings: Matrix, faces: Numbers, people: Numbers, centroids: Matrix) -> None:
    """Move ``faces`` of ``people`` 0, 1, … so that the mean of each person's is its centroid."""
    if len(faces) == 0:
        return
    sums = np.zeros(centroids.shape)
    np.add.at(sums, people, encodings[faces])
    off = sums / np.bincount(people)[:, None] - centroids
    encodings[faces] -= off[people].astype(np.float32)


def _photos(people: Numbers, chance: np.random.Generator) -> Numbers:
    """Put two to four faces that follow each other into a photo; who is there twice gets his own.

    Photos are numbered in the order of their faces.
    """
    shown = chance.integers(_IN_PHOTO[0], _IN_PHOTO[1] + 1, size=len(people) // _IN_PHOTO[0] + 1)
    photos = np.repeat(np.arange(len(shown)), shown)[: len(people)]
    order = np.lexsort((people, photos))
    again = np.zeros(len(people), dtype=np.bool_)
    again[order[1:]] = (np.diff(photos[order]) == 0) & (np.diff(people[order]) == 0)
    photos[again] = len(shown) + np.arange(np.count_nonzero(again))
    first = np.unique(photos, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first[1]))[first[2]].astype(np.int64)


def percentiles(encodings: Matrix, people: Numbers, seed: int = 0) -> dict[str, dict[str, float]]:
    """Return percentiles of the distance of two faces of one person, and of different people.

    The first are of 200,000 faces of people with two or more, each with another one of its person;
    the others of all pairs among 6,000 faces.
    """
    chance = np.random.default_rng(seed)
    return {
        "same person": _at(_SAME, _same(encodings, people, chance)),
        "different people": _at(_DIFFERENT, _different(encodings, people, chance)),
    }


def _at(percents: tuple[float, ...], distances: Matrix) -> dict[str, float]:
    values = np.percentile(distances, percents)
    return {f"{at:g} %": float(value) for at, value in zip(percents, values, strict=True)}


def _same(encodings: Matrix, people: Numbers, chance: np.random.Generator) -> Matrix:
    order = np.argsort(people, kind="stable")
    starts, counts = np.unique(people[order], return_index=True, return_counts=True)[1:]
    several = counts > 1
    starts, counts = starts[several], counts[several]
    if len(counts) == 0:
        return np.zeros(1, dtype=np.float32)
    of = chance.choice(len(counts), _SAME_PAIRS, p=counts / counts.sum())
    one = chance.integers(counts[of])
    other = (one + chance.integers(1, counts[of])) % counts[of]
    distances = np.empty(_SAME_PAIRS, dtype=np.float32)
    for start in range(0, _SAME_PAIRS, _BLOCK):
        block = slice(start, start + _BLOCK)
        first, second = (encodings[order[starts[of[block]] + each[block]]] for each in (one, other))
        distances[block] = np.linalg.norm(first - second, axis=1)
    return distances


def _different(encodings: Matrix, people: Numbers, chance: np.random.Generator) -> Matrix:
    some = chance.permutation(len(people))[:_DIFFERENT_FACES]
    faces = encodings[some] - encodings[some].mean(axis=0)
    squares = np.einsum("nd,nd->n", faces, faces)
    found = []
    for start in range(0, len(some), _ROWS):
        rows, rest = slice(start, start + _ROWS), slice(start, None)
        away = squares[rows, None] + squares[rest] - 2 * (faces[rows] @ faces[rest].T)
        other = np.triu(people[some[rows], None] != people[some[rest]], 1)
        found.append(away[other])
    return np.asarray(np.sqrt(np.maximum(np.concatenate(found), 0)), dtype=np.float32)


def main() -> None:
    """Make faces, compare them with the real ones, and keep them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encodings", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--siblings", type=int, default=0, help="pairs of people 0.35 apart")
    parser.add_argument("--singles", type=float, default=_SINGLES, help="share of people met once")
    parser.add_argument("--save", type=Path, metavar="OUT.npz")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        real = load(options.encodings)
        made = make(
            real,
            options.count,
            seed=options.seed,
            siblings=options.siblings,
            singles=options.singles,
        )
    except ValueError as error:
        parser.error(str(error))
    if options.save:
        save(made, options.save)
    report = described(made)
    known = real.some(real.people >= 0)
    for name, library in (("made", made.library), ("real", known)):
        report[name] = percentiles(library.encodings, library.people)
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


def save(made: Made, path: Path) -> None:
    """Write a made library as the benches read it, with its siblings."""
    encodings, photos, people = made.library
    np.savez(path, X=encodings, photo=photos, lab=people, siblings=made.siblings)


def described(made: Made) -> dict[str, Any]:
    """Return how many of what there is."""
    sizes = np.bincount(made.library.people)
    return {
        "faces": len(made.library.people),
        "photos": len(np.unique(made.library.photos)),
        "people": len(sizes),
        "people with one face": int(np.count_nonzero(sizes == 1)),
        "people with 20 faces": int(np.count_nonzero(sizes >= SIBLING_PHOTOS[0])),
        "most faces of one person": int(sizes.max()),
        "pairs of siblings": len(made.siblings),
    }


if __name__ == "__main__":
    main()
