"""HDBSCAN, as scikit-learn has it, without its N x N matrix."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN

from facewatchd.clustering.hdbscan import Hdbscan
from tests.support.made_faces import line, made, partition

if TYPE_CHECKING:
    from numpy.typing import NDArray


def grouped(encodings: NDArray[np.float32], hdbscan: Hdbscan | None = None) -> NDArray[np.int64]:
    return (hdbscan or Hdbscan()).group(encodings, np.arange(len(encodings)))


def test_made_people_are_found_and_numbered_by_their_first_face() -> None:
    encodings, people = made(seed=1, people=8, photos=12, strangers=0)
    labels = grouped(encodings, Hdbscan(min_cluster_size=6))
    assert partition(labels) == partition(people)
    first = [int(np.flatnonzero(labels == label)[0]) for label in range(8)]
    assert first == sorted(first)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_cluster_size": 5},
        {"cluster_selection_method": "leaf"},
        {"allow_single_cluster": True},
    ],
)
def test_clusters_are_those_of_the_whole_matrix(seed: int, options: dict[str, int]) -> None:
    # With more samples many distances are equal, and both of scikit-learn's ways break ties alike
    # only by chance.
    chance = np.random.default_rng(seed)
    encodings = chance.normal(size=(400, 6)).astype(np.float32)
    encodings[:200] *= 0.3
    own = Hdbscan(min_samples=1, **options)  # type: ignore[arg-type]  # a mapping of several types
    settings = {"min_cluster_size": 3, "min_samples": 1, **options}
    reference = HDBSCAN(**settings, algorithm="brute", copy=True).fit(encodings)
    assert partition(grouped(encodings, own)) == partition(reference.labels_)


def test_fewer_faces_than_a_cluster_has_are_in_none() -> None:
    assert grouped(np.empty((0, 128), dtype=np.float32)).shape == (0,)
    assert grouped(line(0.3)).tolist() == [-1]
    assert grouped(line(0.0, 0.1, 0.2, 0.3), Hdbscan(min_cluster_size=5)).tolist() == [-1] * 4
    assert grouped(line(0.0, 0.1, 0.2), Hdbscan(min_samples=4)).tolist() == [-1] * 3


def test_all_faces_are_one_cluster_only_where_that_is_allowed() -> None:
    one = np.random.default_rng(0).normal(scale=0.01, size=(30, 8)).astype(np.float32)
    assert len(partition(grouped(one, Hdbscan(allow_single_cluster=True)))) == 1
    assert partition(grouped(one)) != {frozenset(range(30))}


def test_equal_faces_are_no_crash() -> None:
    same = np.full((20, 8), 0.1, dtype=np.float32)
    allowed = Hdbscan(allow_single_cluster=True)
    assert set(grouped(same, allowed).tolist()) <= {0, -1}
    twice = np.concatenate([same, same + np.float32(5)])
    assert partition(grouped(twice)) == {frozenset(range(20)), frozenset(range(20, 40))}


def test_wrong_input_is_refused() -> None:
    wrong = line(0.0, 0.1, 0.2)
    wrong[0, 2] = np.nan
    with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 0"):
        grouped(wrong)
    with pytest.raises(ValueError, match=r"\(2, 8\) and \(3,\)"):
        Hdbscan().group(line(0.0, 0.1), np.arange(3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_cluster_size": 1}, "min_cluster_size is 1, but must be a whole number of 2 or more"),
        ({"min_samples": 0}, "min_samples is 0, but must be a whole number of 1 or more"),
        (
            {"cluster_selection_method": "best"},
            "cluster_selection_method is 'best', but must be one of: eom, leaf",
        ),
        ({"allow_single_cluster": 1}, "allow_single_cluster is 1, but must be true or false"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        Hdbscan(**options)  # type: ignore[arg-type]  # wrong on purpose


def test_memory_does_not_grow_with_the_square_of_the_faces() -> None:
    program = """
import resource
import numpy as np
from sklearn.cluster import HDBSCAN
from facewatchd.clustering.hdbscan import Hdbscan

faces = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
Hdbscan().group(faces[:100], np.arange(100))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
Hdbscan().group(faces, np.arange(6000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert int(ended.stdout) < 6000 * 6000 * 8 / 1024 / 4, "KiB; a quarter of the matrix"
