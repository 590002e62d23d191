from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, pdist

from facewatchd.clustering.linkage import average_linkage

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_LABELS = -1


def partition(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def faces(seed: int, count: int, people: int, dimensions: int = 16) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    centres = chance.normal(scale=0.12, size=(people, dimensions))
    spread = chance.normal(scale=0.05, size=(count, dimensions))
    return (centres[chance.integers(people, size=count)] + spread).astype(np.float32)


def joined_one_pair_at_a_time(
    encodings: NDArray[np.float32], labels: NDArray[np.int64], limit: float
) -> set[frozenset[int]]:
    """Say what average linkage is: join the two nearest groups until none are near enough."""
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])]
    groups += [np.array([single]) for single in np.flatnonzero(labels < 0)]
    squared = cdist(encodings.astype(np.float64), encodings.astype(np.float64), "sqeuclidean")
    while len(groups) > 1:
        mean, one, other = min(
            (squared[np.ix_(a, b)].mean(), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups[:i])
        )
        if mean > limit**2:
            break
        groups[other] = np.concatenate([groups[other], groups.pop(one)])
    return {frozenset(group.tolist()) for group in groups}


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 150), st.integers(1, 30), st.floats(0.05, 1.0))
def test_joining_single_faces_is_upgma_on_squared_distances(
    seed: int, count: int, people: int, limit: float
) -> None:
    encodings = faces(seed, count, people)
    found = average_linkage(encodings, np.full(count, NO_LABELS), limit)
    tree = linkage(pdist(encodings.astype(np.float64), "sqeuclidean"), "average")
    assert partition(found) == partition(fcluster(tree, limit**2, "distance"))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 6), st.floats(0.05, 1.0))
def test_groups_that_exist_are_joined_as_the_definition_says(
    seed: int, count: int, people: int, limit: float
) -> None:
    encodings = faces(seed, count, people)
    labels = np.random.default_rng(seed).integers(-1, 4, size=count)
    found = average_linkage(encodings, labels, limit)
    assert partition(found) == joined_one_pair_at_a_time(encodings, labels, limit)


def test_groups_exactly_at_the_limit_are_joined() -> None:
    encodings = np.array([[0.0], [0.5], [2.0]], dtype=np.float32)
    found = average_linkage(encodings, np.full(3, NO_LABELS), 0.5)
    assert partition(found) == {frozenset({0, 1}), frozenset({2})}


def test_the_distance_of_groups_counts_their_spread() -> None:
    encodings = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 0.0]], dtype=np.float32)
    labels = np.array([0, 0, -1])
    assert len(partition(average_linkage(encodings, labels, 0.99))) == 2
    assert len(partition(average_linkage(encodings, labels, 1.01))) == 1


@pytest.mark.parametrize("count", [1, 2, 500])
def test_equal_faces_become_one_group(count: int) -> None:
    encodings = np.full((count, 16), 0.1, dtype=np.float32)
    assert len(partition(average_linkage(encodings, np.full(count, NO_LABELS), 0.5))) == 1


def test_a_grid_full_of_ties_ends_and_gives_the_same_again() -> None:
    axis = np.arange(12, dtype=np.float32) * np.float32(0.1)
    encodings = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    single = np.full(len(encodings), NO_LABELS)
    first = average_linkage(encodings, single, 0.3)
    assert 1 < len(partition(first)) < len(encodings)
    np.testing.assert_array_equal(first, average_linkage(encodings, single, 0.3))


def test_no_faces_have_no_groups() -> None:
    found = average_linkage(np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64), 0.5)
    assert found.shape == (0,)
