from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from facewatchd.clustering.dbscan import dbscan
from facewatchd.clustering.recipe import group
from tests.support.made_faces import line

if TYPE_CHECKING:
    from numpy.typing import NDArray


def clusters(
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64] | None = None,
    *,
    eps: float = 0.32,
    merge: float = 0.40,
) -> NDArray[np.int64]:
    own = np.arange(len(encodings)) if photos is None else photos
    return group(encodings, own, eps=eps, min_samples=2, merge=merge)


def album(seed: int, count: int, photos: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Make faces as dlib's are: of one person 0.44 apart, of two 0.9, with norms of 1.4."""
    chance = np.random.default_rng(seed)
    who = chance.zipf(1.7, size=count) % 20
    centres = 1.3 / np.sqrt(128) + chance.normal(scale=0.05, size=(20, 128))
    encodings = centres[who] + chance.normal(scale=0.0275, size=(count, 128))
    return encodings.astype(np.float32), chance.integers(photos, size=count)


def partition(labels: NDArray[np.int64], names: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(names[labels == label].tolist()) for label in np.unique(labels[labels >= 0])}


def test_people_far_apart_become_clusters_numbered_by_their_first_face() -> None:
    found = clusters(line(5.0, 0.0, 0.1, 5.1, 9.0, 0.2))
    assert found.tolist() == [0, 1, 1, 0, -1, 1]


def test_pairs_too_far_for_a_core_are_joined_by_their_mean_distance() -> None:
    positions = line(0.0, 0.1, 0.3, 0.4)
    assert clusters(positions, eps=0.15).tolist() == [0, 0, 0, 0]
    assert clusters(positions, eps=0.15, merge=0.3).tolist() == [0, 0, 1, 1]


def test_of_two_faces_of_a_photo_the_one_nearer_to_the_mean_stays() -> None:
    photos = np.array([0, 1, 2, 2])
    assert clusters(line(0.0, 0.01, 0.3, 0.02), photos).tolist() == [0, 0, -1, 0]


def test_two_faces_that_only_share_a_photo_are_no_cluster() -> None:
    assert clusters(line(0.0, 0.1, 2.0), np.array([4, 4, 5])).tolist() == [-1, -1, -1]


def test_how_long_an_encoding_is_does_not_part_it_from_its_person() -> None:
    positions = line(0.0, 0.01, 1.5, 1.51)
    longer = np.array([[1.0], [1.5], [1.0], [1.5]], dtype=np.float32)
    assert clusters(positions * longer).tolist() == [0, 0, 1, 1]


def test_equal_faces_of_many_photos_are_one_cluster() -> None:
    same = np.full((50, 128), 0.1, dtype=np.float32)
    assert clusters(same).tolist() == [0] * 50
    assert clusters(same, np.arange(50) // 2).tolist() == [0, -1] * 25
    assert clusters(same, np.zeros(50, dtype=np.int64)).tolist() == [-1] * 50


def test_no_face_and_one_face_have_no_cluster() -> None:
    assert clusters(np.empty((0, 128), dtype=np.float32)).shape == (0,)
    assert clusters(line(0.3)).tolist() == [-1]


def test_an_encoding_that_is_not_finite_is_refused() -> None:
    for wrong in (np.nan, np.inf):
        encodings = line(0.0, 0.1, 0.2)
        encodings[1, 3] = wrong
        with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 1"):
            clusters(encodings)


def test_photos_must_be_as_many_as_faces() -> None:
    with pytest.raises(ValueError, match=r"\(3, 8\) and \(2,\)"):
        clusters(line(0.0, 0.1, 0.2), np.array([0, 1]))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(1, 150))
def test_every_cluster_has_two_faces_or_more_and_never_two_of_a_photo(
    seed: int, count: int, photos: int
) -> None:
    encodings, photo = album(seed, count, photos)
    labels = clusters(encodings, photo)
    for label in range(labels.max() + 1):
        members = photo[labels == label]
        assert len(members) >= 2
        assert len(np.unique(members)) == len(members)
    np.testing.assert_array_equal(labels, clusters(encodings, photo))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 200), st.integers(1, 150))
def test_the_order_of_the_faces_changes_no_cluster(seed: int, count: int, photos: int) -> None:
    encodings, photo = album(seed, count, photos)
    order = np.random.default_rng(seed).permutation(count)
    straight = partition(clusters(encodings, photo), np.arange(count))
    assert partition(clusters(encodings[order], photo[order]), order) == straight


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.floats(0.1, 0.6))
def test_dbscan_with_two_samples_finds_what_is_connected_within_eps(
    seed: int, count: int, eps: float
) -> None:
    encodings, _ = album(seed, count, count)
    exact = encodings.astype(np.float64)
    number, component = connected_components(cdist(exact, exact) <= eps)
    several = np.bincount(component, minlength=number)[component] > 1
    labels = dbscan(encodings, eps, 2)
    np.testing.assert_array_equal(labels >= 0, several)
    assert partition(labels, np.arange(count)) == partition(
        np.where(several, component, -1), np.arange(count)
    )


@pytest.mark.parametrize(
    "module", ["clustering.matching", "clustering.cover", "assign", "planning", "regroup"]
)
def test_what_the_daemon_uses_needs_no_scikit_learn(module: str) -> None:
    program = (
        f"import sys, facewatchd.{module}; "
        "sys.exit(any(name in sys.modules for name in ('sklearn', 'scipy')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
