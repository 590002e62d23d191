"""K-Means: so many clusters as were asked for."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.cluster import KMeans as Reference

from facewatchd.clustering.kmeans import KMeans
from tests.support.made_faces import line, made, partition

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grouped(encodings: NDArray[np.float32], clusters: int, seed: int = 0) -> NDArray[np.int64]:
    return KMeans(clusters, seed).group(encodings, np.arange(len(encodings)))


def spread(encodings: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the sum of squared distances to the means."""
    return sum(
        float(((own - own.mean(axis=0)) ** 2).sum())
        for label in range(labels.max() + 1)
        for own in [encodings[labels == label].astype(np.float64)]
    )


def test_clusters_are_numbered_by_their_first_face() -> None:
    assert grouped(line(5.0, 0.0, 0.1, 5.1, 9.0, 0.2), 3).tolist() == [0, 1, 1, 0, 2, 1]


def test_no_other_way_to_divide_a_few_faces_is_tighter() -> None:
    encodings = np.random.default_rng(4).normal(size=(8, 2)).astype(np.float32)
    found = grouped(encodings, 3)
    ways = (np.array(way) for way in itertools.product(range(3), repeat=8) if len(set(way)) == 3)
    assert spread(encodings, found) == pytest.approx(min(spread(encodings, way) for way in ways))


def test_made_people_are_found_as_well_as_scikit_learn_finds_them() -> None:
    encodings, people = made(seed=1, people=8, photos=25, strangers=0)
    labels = grouped(encodings, 8)
    assert partition(labels) == partition(people)
    reference = Reference(8, n_init=10, random_state=3).fit(encodings)
    assert spread(encodings, labels) <= reference.inertia_ * 1.0001


def test_every_face_is_in_a_cluster_even_alone() -> None:
    encodings, _ = made(seed=2, people=2, photos=10, strangers=3)
    labels = grouped(encodings, 5)
    assert labels.min() == 0
    assert sorted(np.bincount(labels)) == [1, 1, 1, 10, 10]


def test_a_seed_gives_the_same_every_time() -> None:
    encodings = np.random.default_rng(0).normal(size=(3000, 128)).astype(np.float32)
    first = grouped(encodings, 40, seed=5)
    for _ in range(3):
        np.testing.assert_array_equal(grouped(encodings, 40, seed=5), first)
    assert (grouped(encodings, 40, seed=6) != first).any()


def test_no_faces_have_no_cluster_and_one_cluster_has_all() -> None:
    assert grouped(np.empty((0, 128), dtype=np.float32), 3).shape == (0,)
    assert grouped(line(0.3), 1).tolist() == [0]
    assert grouped(np.full((7, 8), 0.1, dtype=np.float32), 1).tolist() == [0] * 7


@pytest.mark.parametrize(
    ("encodings", "words"),
    [
        (line(0.0, 0.1, 0.2), "clusters is 4, but there are only 3 different faces"),
        (line(0.0, 0.1, 0.1, 0.1, 0.1), "clusters is 4, but there are only 2 different faces"),
    ],
)
def test_more_clusters_than_different_faces_are_an_error_with_both_numbers(
    encodings: NDArray[np.float32], words: str
) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        grouped(encodings, 4)


def test_wrong_input_is_refused() -> None:
    wrong = line(0.0, 0.1)
    wrong[0, 2] = np.inf
    with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 0"):
        grouped(wrong, 2)
    with pytest.raises(ValueError, match=r"\(2, 8\) and \(3,\)"):
        KMeans(1).group(line(0.0, 0.1), np.arange(3))


@pytest.mark.parametrize("clusters", [0, -1, 2.0, "2", True, None])
def test_clusters_must_be_a_whole_number(clusters: int) -> None:
    with pytest.raises(ValueError, match=r"^clusters is .*, but must be a whole number"):
        KMeans(clusters)


def test_progress_tells_of_each_start_and_what_it_raises_passes() -> None:
    encodings = line(0.0, 0.1, 5.0, 5.1)
    told: list[float] = []
    KMeans(2).group(encodings, np.arange(4), progress=told.append)
    assert told == pytest.approx(np.arange(1, 11) / 10)

    def cancel(share: float) -> None:
        raise InterruptedError(share)

    with pytest.raises(InterruptedError):
        KMeans(2).group(encodings, np.arange(4), progress=cancel)
