"""Every algorithm tuned on one half of the people, and all of them reported on the other half.

Half of the labelled people are drawn at random, again and again, with fixed seeds.  On their faces
each algorithm is tried with every setting of its grid; the one with the best mean of four F1s
(pairwise and BCubed, in both settings of bench/scoring.py) is what it is run with on the faces of
the other half, whose measures count.  The default is not tuned: it runs as it comes.  K-Means is
told how many people there are in what it clusters, which no real library can tell.

On all people each algorithm has the setting that is best on all people, and for each measure the
best that any of its settings reaches is given too: more than anybody could know beforehand.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.clusterers import MIN_SAMPLES, cluster, settings_of, warm_up
from bench.former import average_linkage
from bench.scoring import scores
from facewatchd.clustering.dbscan import dbscan
from facewatchd.clustering.labels import without_singles
from facewatchd.config import Recluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.libraries import Library, Mask, Numbers
    from facewatchd.plugins import Scale

DEFAULT = Recluster().clusterer
MEASURES = tuple(
    f"{of} {measure}" for of in ("pairwise", "bcubed") for measure in ("precision", "recall", "F1")
)
# Multiples of the encoder's eps; with dlib's 0.32 they are 0.34 to 0.50, and 0.45 to 0.59, in steps
# of 0.016.
_STEP = 0.05
_NEAR = np.arange(1.05, 1.58, _STEP)
_FAR = np.arange(1.40, 1.88, _STEP)

Setting = dict[str, Any]
Scores = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Contender:
    """An algorithm as the tables show it, what of it is tuned, and over which values."""

    name: str
    cluster: Callable[[Library, Scale, Setting], Numbers]
    grid: Callable[[Scale], list[Setting]]


def _dbscan(library: Library, scale: Scale, setting: Setting) -> Numbers:
    return cluster("dbscan", library, replace(scale, eps=setting["eps"]), {})


def _whispers(library: Library, scale: Scale, setting: Setting) -> Numbers:
    return cluster("chinese_whispers", library, scale, setting)


def _whispers_of_directions(library: Library, scale: Scale, setting: Setting) -> Numbers:
    return cluster("chinese_whispers", library, replace(scale, merge=setting["merge"]), {})


def _hdbscan(library: Library, scale: Scale, setting: Setting) -> Numbers:
    return cluster("hdbscan", library, scale, setting)


def _kmeans(library: Library, scale: Scale, _setting: Setting) -> Numbers:
    return cluster("kmeans", library, scale, {})


def _linkage(library: Library, _scale: Scale, setting: Setting) -> Numbers:
    nobody = np.full(len(library.people), -1)
    return without_singles(average_linkage(library.encodings, nobody, setting["distance"]))


def _cores_and_linkage(library: Library, scale: Scale, setting: Setting) -> Numbers:
    cores = dbscan(library.encodings, scale.eps, MIN_SAMPLES)
    return without_singles(average_linkage(library.encodings, cores, setting["distance"]))


def _default(library: Library, scale: Scale, _setting: Setting) -> Numbers:
    return cluster(DEFAULT, library, scale, {})


def _tuned_default(library: Library, scale: Scale, setting: Setting) -> Numbers:
    return cluster(DEFAULT, library, replace(scale, merge=setting["merge"]), {})


def _merges(scale: Scale) -> list[Setting]:
    return [{"merge": round(share * scale.merge, 4)} for share in (0.9, 0.95, 1.0, 1.05, 1.1)]


def _distances(name: str, multiples: Sequence[float]) -> Callable[[Scale], list[Setting]]:
    return lambda scale: [{name: round(times * scale.eps, 4)} for times in multiples]


def _sizes(_scale: Scale) -> list[Setting]:
    return [
        {"min_cluster_size": size, "min_samples": samples}
        for size, samples in product((2, 3, 4, 5, 8), (2, 3))
    ]


def _as_it_comes(_scale: Scale) -> list[Setting]:
    return [{}]


CONTENDERS = (
    Contender("DBSCAN", _dbscan, _distances("eps", _NEAR.tolist())),
    Contender("Chinese Whispers", _whispers, _distances("distance", _NEAR.tolist())),
    Contender("Chinese Whispers of directions", _whispers_of_directions, _merges),
    Contender("HDBSCAN", _hdbscan, _sizes),
    Contender("K-Means, told how many people", _kmeans, _as_it_comes),
    Contender("average linkage of L2", _linkage, _distances("distance", _FAR.tolist())),
    Contender(
        "DBSCAN, then average linkage of L2",
        _cores_and_linkage,
        _distances("distance", _FAR.tolist()),
    ),
    Contender(f"{DEFAULT}, tuned", _tuned_default, _merges),
    Contender(f"{DEFAULT}, not tuned", _default, _as_it_comes),
)


class Half(NamedTuple):
    """What each contender was set to on one half of the people, and its measures on the other."""

    settings: list[Setting]
    scores: list[Scores]


def halves(people: Numbers, seed: int) -> tuple[Mask, Mask]:
    """Return who has a random half of the people, to tune on, and who has the others, to report."""
    everyone = np.unique(people[people >= 0])
    chosen = np.random.default_rng(seed).permutation(everyone)[: len(everyone) // 2]
    tuning = np.isin(people, chosen)
    return tuning, (people >= 0) & ~tuning


def compare(library: Library, scale: Scale, count: int, processes: int) -> dict[str, Any]:
    """Return the comparison on ``count`` random halves of the people, and on all of them.

    ValueError when nobody has the faces for the album setting.
    """
    known = library.some(library.people >= 0)
    if "album" not in settings_of(known):
        raise ValueError("a comparison needs labels, and somebody with 20 labelled faces or more")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, warm_up) as pool:
        everyone = [
            pool.submit(everyone_tried, known, scale, number) for number in range(len(CONTENDERS))
        ]
        done = [pool.submit(half, known, scale, seed) for seed in range(count)]
        on_halves = [each.result() for each in done]
        on_all = [each.result() for each in everyone]
    return {
        "faces": len(known.people),
        "people": len(np.unique(known.people)),
        "halves": count,
        "algorithms": {
            contender.name: {
                "settings": [each.settings[number] for each in on_halves],
                "halves": _summed([each.scores[number] for each in on_halves]),
                "all people": on_all[number],
            }
            for number, contender in enumerate(CONTENDERS)
        },
    }


def half(library: Library, scale: Scale, seed: int) -> Half:
    """Tune every contender on the half of the people that ``seed`` draws; report on the other."""
    tuning, reporting = (library.some(which) for which in halves(library.people, seed))
    settings = [_tuned(contender, tuning, scale) for contender in CONTENDERS]
    return Half(
        settings,
        [
            measured(contender, reporting, scale, setting)
            for contender, setting in zip(CONTENDERS, settings, strict=True)
        ],
    )


def everyone_tried(library: Library, scale: Scale, number: int) -> dict[str, Any]:
    """Return the best setting of a contender on all people, and the best of each measure."""
    tried = _tried(CONTENDERS[number], library, scale)
    setting, found = _best(tried)
    best = {
        name: {measure: max(of[name][measure] for _, of in tried) for measure in MEASURES}
        for name in found
    }
    return {"setting": setting, "scores": found, "best of each": best}


def measured(contender: Contender, library: Library, scale: Scale, setting: Setting) -> Scores:
    """Return the six measures of a contender in both settings of a fair test."""
    found = {}
    for name, which in settings_of(library).items():
        some = library.some(which)
        found[name] = scores(contender.cluster(some, scale, setting), some.people)
    return found


def _tuned(contender: Contender, library: Library, scale: Scale) -> Setting:
    grid = contender.grid(scale)
    return grid[0] if len(grid) == 1 else _best(_tried(contender, library, scale))[0]


def _tried(contender: Contender, library: Library, scale: Scale) -> list[tuple[Setting, Scores]]:
    grid = contender.grid(scale)
    return [(setting, measured(contender, library, scale, setting)) for setting in grid]


def _best(tried: list[tuple[Setting, Scores]]) -> tuple[Setting, Scores]:
    return max(
        tried,
        key=lambda each: sum(
            of[f"{measure} F1"] for of in each[1].values() for measure in ("pairwise", "bcubed")
        ),
    )


def _summed(found: list[Scores]) -> dict[str, dict[str, dict[str, float]]]:
    """Return mean and worst of each measure over the halves; not every half has an album."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name in ("all", "album"):
        each = [scores[name] for scores in found if name in scores]
        if each:
            table[name] = {
                measure: {
                    "mean": float(np.mean([of[measure] for of in each])),
                    "worst": min(of[measure] for of in each),
                }
                for measure in MEASURES
            }
    return table


def tables(report: dict[str, Any]) -> Iterator[str]:
    """Yield the comparison as tables of a document."""
    for name in ("all", "album"):
        yield f"\n{name}, {report['halves']} random halves: mean (worst)\n"
        yield from _table(
            (algorithm, [f"{of['mean']:.3f} ({of['worst']:.3f})" for of in row.values()])
            for algorithm, found in report["algorithms"].items()
            if (row := found["halves"].get(name))
        )
    for name in ("all", "album"):
        yield f"\n{name}, all people, the best setting there\n"
        yield from _table(
            (
                f"{algorithm} {_in_words(found['all people']['setting'])}".strip(),
                [f"{value:.3f}" for value in found["all people"]["scores"][name].values()],
            )
            for algorithm, found in report["algorithms"].items()
        )
        yield f"\n{name}, all people, each measure at its own best setting\n"
        yield from _table(
            (algorithm, [f"{of:.3f}" for of in found["all people"]["best of each"][name].values()])
            for algorithm, found in report["algorithms"].items()
        )


def _table(rows: Iterator[tuple[str, list[str]]]) -> Iterator[str]:
    yield f"| algorithm | {' | '.join(MEASURES)} |"
    yield "|---" * (len(MEASURES) + 1) + "|"
    for name, cells in rows:
        yield f"| {name} | {' | '.join(cells)} |"


def _in_words(setting: Setting) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in setting.items())
