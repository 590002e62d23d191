"""What every clusterer refuses, in words, and what it takes as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facewatchd.clustering.checks import check
from facewatchd.clustering.chinese_whispers import ChineseWhispers
from facewatchd.clustering.cores import Cores
from facewatchd.clustering.dbscan import Dbscan
from facewatchd.clustering.hdbscan import Hdbscan
from facewatchd.clustering.kmeans import KMeans
from facewatchd.clustering.progress import silent
from facewatchd.clustering.recipe import Recipe
from tests.support.made_faces import made

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.clustering.progress import Progress

CLUSTERERS: list[Any] = [Recipe(), Dbscan(), ChineseWhispers(), Hdbscan(), KMeans(1)]


def grouped(
    clusterer: Any, encodings: NDArray[np.float32], progress: Progress = silent
) -> NDArray[np.int64]:
    photos = np.arange(len(encodings))
    found: NDArray[np.int64] = clusterer.group(
        encodings, photos, eps=0.32, min_samples=2, merge=0.4, reach=0.32, progress=progress
    )
    return found


def test_encodings_of_no_dimension_are_refused_unless_there_are_none() -> None:
    with pytest.raises(ValueError, match=r"\(5, 0\)"):
        check(np.empty((5, 0), dtype=np.float32), np.arange(5))
    check(np.empty((0, 0), dtype=np.float32), np.arange(0))


def test_what_no_float32_can_hold_is_named() -> None:
    encodings = np.zeros((4, 8))
    encodings[2] = 1e308
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match="1 encodings are not finite, the first is number 2"),
    ):
        check(encodings, np.arange(4))  # type: ignore[arg-type]  # what is to be seen


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda one: str(one.name))
def test_how_encodings_lie_in_memory_changes_no_cluster(clusterer: Any) -> None:
    encodings, _ = made(seed=2, people=3, photos=6, strangers=2)
    wanted = grouped(clusterer, encodings)
    for other in (np.asfortranarray(encodings), np.repeat(encodings, 2, axis=0)[::2]):
        np.testing.assert_array_equal(grouped(clusterer, other), wanted)


@pytest.mark.parametrize("clusterer", CLUSTERERS, ids=lambda one: str(one.name))
@pytest.mark.parametrize("count", [1, 20])
def test_every_run_tells_its_end(clusterer: Any, count: int) -> None:
    encodings, _ = made(seed=2, people=4, photos=5, strangers=0)
    told: list[float] = []
    grouped(clusterer, encodings[:count], told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_where_more_samples_are_asked_for_than_there_are_faces_all_is_noise() -> None:
    encodings, _ = made(seed=2, people=3, photos=6, strangers=2)
    assert (grouped(Dbscan(min_samples=10**12), encodings) == -1).all()


def test_cores_of_few_faces_and_many_samples_are_those_of_a_full_run() -> None:
    encodings = np.repeat(made(seed=2, people=2, photos=6, strangers=2)[0], 2, axis=0)
    chance = np.random.default_rng(0)
    for samples in (5, 12, 40):
        known, there = Cores.of(encodings[:0], 0.6, samples), np.empty(0, dtype=np.int64)
        for _ in range(30):
            now = np.flatnonzero(chance.random(len(encodings)) < chance.random())
            known = known.after(
                encodings[now], np.where(np.isin(now, there), np.searchsorted(there, now), -1)
            )
            anew = Cores.of(encodings[now], 0.6, samples)
            for name in ("counts", "near", "component"):
                np.testing.assert_array_equal(getattr(known, name), getattr(anew, name))
            there = now
