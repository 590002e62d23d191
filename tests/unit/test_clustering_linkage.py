from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from facewatchd.clustering.directions import mean_directions, numbered
from facewatchd.clustering.heights import within
from facewatchd.clustering.linkage import average_linkage, grow
from facewatchd.clustering.near import Near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.clustering.merging import Judge
    from facewatchd.clustering.tree import Tree

ALONE = -1


class Faces(NamedTuple):
    encodings: NDArray[np.float32]
    labels: NDArray[np.int64]
    apart: NDArray[np.int64] | None


@st.composite
def faces(draw: st.DrawFn) -> Faces:
    """Draw faces of a few people, some the same, some in groups, some apart by marks."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, dimensions = draw(st.integers(1, 36)), draw(st.integers(1, 12))
    places = chance.normal(size=(draw(st.integers(1, 6)), dimensions))
    spread = chance.normal(scale=draw(st.sampled_from([0.0, 0.1, 0.5])), size=(count, dimensions))
    encodings = places[chance.integers(len(places), size=count)] + spread
    if draw(st.booleans()):
        encodings = np.round(encodings)  # many are equally near, and some are zero
    labels = chance.integers(-1, draw(st.integers(0, 8)), size=count)
    apart = None
    if draw(st.booleans()):
        marks = chance.integers(draw(st.integers(1, count)), size=count)
        apart = np.stack([chance.integers(count, size=count), marks], axis=1)
    return Faces(encodings.astype(np.float32), labels, apart)


limits = st.sampled_from([0.1, 0.5, 1.0, 1.5, 3.0])


def rounded(heights: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(np.round(np.asarray(heights) * 2.0**40) / 2.0**40)


def directions(encodings: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = encodings.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    return np.asarray(exact / np.where(norms == 0, 1, norms))


def joined_one_pair_at_a_time(
    given_faces: Faces, limit: float
) -> list[tuple[float, frozenset[int]]]:
    """Say what average linkage is: join the two nearest groups that may be, again and again."""
    units = directions(given_faces.encodings)
    squared = 2.0 - 2.0 * units @ units.T
    start = numbered(given_faces.labels)
    groups = {number: np.flatnonzero(start == number) for number in np.unique(start).tolist()}
    marks: dict[int, set[int]] = {number: set() for number in groups}
    for face, mark in [] if given_faces.apart is None else given_faces.apart.tolist():
        marks[int(start[face])].add(mark)
    joins: list[tuple[float, frozenset[int]]] = []
    while True:
        near = [
            (float(rounded(squared[np.ix_(groups[one], groups[other])].mean())), one, other)
            for one in groups
            for other in groups
            if one < other and not marks[one] & marks[other]
        ]
        if not near or min(near)[0] > rounded(limit**2):
            return joins
        height, one, other = min(near)
        groups[one] = np.concatenate([groups[one], groups.pop(other)])
        marks[one] |= marks.pop(other)
        joins.append((height, frozenset(groups[one].tolist())))


def faces_of_nodes(tree: Tree, labels: NDArray[np.int64]) -> list[frozenset[int]]:
    start = numbered(labels)
    nodes = [frozenset(np.flatnonzero(start == group).tolist()) for group in np.unique(start)]
    for one, other in tree.joins.tolist():
        nodes.append(nodes[one] | nodes[other])
    return nodes


def joins_of(tree: Tree, labels: NDArray[np.int64]) -> list[tuple[float, frozenset[int]]]:
    nodes = faces_of_nodes(tree, labels)
    return list(zip(tree.heights.tolist(), nodes[len(nodes) - len(tree.joins) :], strict=True))


def apart_from_each_other(
    joins: list[tuple[float, frozenset[int]]],
) -> set[tuple[float, frozenset[int]]]:
    """Leave out the joins of equal faces, whose order means nothing."""
    return {(round(height, 9), group) for height, group in joins if height > 0}


def same(one: Tree, other: Tree) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("joins", "heights", "counts", "spreads")
    )


def lists_of(given_faces: Faces, limit: float, width: int) -> Near:
    means, _ = mean_directions(given_faces.encodings, numbered(given_faces.labels))
    return Near.of(means, within(limit), width)


def partition(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def people(seed: int, count: int, spread: float = 0.05) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    places = chance.normal(size=(max(count // 8, 1), 32)) * 0.15 + chance.normal(size=32)
    noise = chance.normal(size=(count, 32)) * spread
    return (places[chance.integers(len(places), size=count)] + noise).astype(np.float32)


@settings(deadline=None)
@given(faces(), limits, st.sampled_from([1, 2, 3, 12]))
def test_the_tree_is_what_joining_one_pair_at_a_time_makes_whatever_the_length_of_the_lists(
    drawn: Faces, limit: float, width: int
) -> None:
    near = lists_of(drawn, limit, width)
    found = grow(drawn.encodings, drawn.labels, limit, apart=drawn.apart, near=near)
    wanted = joined_one_pair_at_a_time(drawn, limit)
    assert len(found.joins) == len(wanted)
    assert apart_from_each_other(joins_of(found, drawn.labels)) == apart_from_each_other(wanted)


def one_of_few_or_near(
    counts: NDArray[np.int64], spreads: NDArray[np.float64], heights: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Judge by all that a judge is told; some that are near are refused, too."""
    near = heights <= 0.3 + 0.2 * np.sqrt(counts.max(axis=1))
    alike = np.abs(spreads[:, 0] - spreads[:, 1]) < 0.2
    return np.asarray((heights == 0) | near & alike & (counts.sum(axis=1) != 5))


def judged_one_pair_at_a_time(
    given_faces: Faces, limit: float, judge: Judge
) -> list[tuple[float, frozenset[int]]]:
    """Say what a judge does: the two nearest are joined, or both take no more part."""
    units = directions(given_faces.encodings)
    squared = 2.0 - 2.0 * units @ units.T
    start = numbered(given_faces.labels)
    groups = {number: np.flatnonzero(start == number) for number in np.unique(start).tolist()}
    joins: list[tuple[float, frozenset[int]]] = []
    while True:
        near = [
            (float(rounded(squared[np.ix_(groups[one], groups[other])].mean())), one, other)
            for one in groups
            for other in groups
            if one < other
        ]
        if not near or min(near)[0] > rounded(limit**2):
            return joins
        height, one, other = min(near)
        pair = [groups[one], groups.pop(other)]
        counts = np.array([[len(group) for group in pair]])
        means = [units[group].mean(axis=0) for group in pair]
        spreads = np.array([[max(1.0 - float(mean @ mean), 0.0) for mean in means]])
        if not judge(counts, spreads, np.array([height]))[0]:
            del groups[one]
            continue
        groups[one] = np.concatenate(pair)
        joins.append((height, frozenset(groups[one].tolist())))


@settings(deadline=None)
@given(faces(), limits, st.sampled_from([1, 2, 12]))
def test_two_that_the_judge_refuses_take_no_more_part(
    drawn: Faces, limit: float, width: int
) -> None:
    alone = drawn._replace(apart=None)
    near = lists_of(alone, limit, width)
    found = grow(alone.encodings, alone.labels, limit, near=near, judge=one_of_few_or_near)
    wanted = judged_one_pair_at_a_time(alone, limit, one_of_few_or_near)
    assert len(found.joins) == len(wanted)
    assert apart_from_each_other(joins_of(found, alone.labels)) == apart_from_each_other(wanted)


@settings(deadline=None)
@given(faces(), limits)
def test_a_tree_is_in_order_and_says_how_many_and_how_wide_its_nodes_are(
    drawn: Faces, limit: float
) -> None:
    found = grow(drawn.encodings, drawn.labels, limit, apart=drawn.apart)
    groups = len(found.counts) - len(found.joins)
    assert (found.joins[:, 0] < found.joins[:, 1]).all()
    assert (found.joins[:, 1] < groups + np.arange(len(found.joins))).all()
    assert (np.diff(found.heights) >= 0).all()
    assert (np.bincount(found.joins.ravel(), minlength=1) <= 1).all()
    units = directions(drawn.encodings)
    for node, own in enumerate(faces_of_nodes(found, drawn.labels)):
        assert found.counts[node] == len(own)
        mean = units[sorted(own)].mean(axis=0)
        np.testing.assert_allclose(found.spreads[node], max(1 - mean @ mean, 0), atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(2, 400), st.floats(0.05, 0.6))
def test_joining_single_faces_is_upgma_on_squared_distances(
    seed: int, count: int, limit: float
) -> None:
    encodings = people(seed, count)
    found = average_linkage(encodings, np.full(count, ALONE), limit)
    wanted = linkage(pdist(directions(encodings), "sqeuclidean"), "average")
    assert partition(found) == partition(fcluster(wanted, limit**2, "distance"))


def test_the_length_of_an_encoding_does_not_matter() -> None:
    encodings = people(3, 100)
    longer = encodings * np.linspace(0.5, 2, 100, dtype=np.float32)[:, None]
    alone = np.full(100, ALONE)
    np.testing.assert_array_equal(
        average_linkage(encodings, alone, 0.2), average_linkage(longer, alone, 0.2)
    )


def test_groups_exactly_at_the_limit_are_joined() -> None:
    encodings = np.array([[1, 0], [0, 3], [-1, 0]], dtype=np.float32)
    alone = np.full(3, ALONE)
    assert partition(average_linkage(encodings, alone, np.sqrt(2.0))) == {
        frozenset({0, 1}),
        frozenset({2}),
    }


def test_the_distance_of_groups_counts_their_spread() -> None:
    encodings = np.array([[1, 1], [1, -1], [1, 0]], dtype=np.float32)
    labels = np.array([0, 0, ALONE])
    # Each face of the pair is 2 - sqrt(2) from the third, though their mean points to it.
    assert len(partition(average_linkage(encodings, labels, np.sqrt(0.58)))) == 2
    assert len(partition(average_linkage(encodings, labels, np.sqrt(0.59)))) == 1


def test_a_face_without_a_direction_is_two_from_everybody() -> None:
    encodings = np.array([[0, 0], [0, 1]], dtype=np.float32)
    assert len(grow(encodings, np.full(2, ALONE), 1.41).joins) == 0
    assert grow(encodings, np.full(2, ALONE), 1.42).heights.tolist() == [2.0]


@pytest.mark.parametrize("count", [1, 2, 500, 5000])
def test_equal_faces_become_one_group_one_after_the_other(count: int) -> None:
    encodings = np.tile(people(1, 1), (count, 1))
    found = grow(encodings, np.full(count, ALONE), 0.5)
    assert (found.heights == 0).all()
    assert found.counts[count:].tolist() == list(range(2, count + 1))
    assert len(np.unique(found.roots())) == 1


def test_one_who_takes_in_thousands_is_joined_in_their_order() -> None:
    chance = np.random.default_rng(4)
    centre = 4 * np.ones(32)
    around = centre + chance.uniform(0.1, 1.2, size=(1500, 1)) * chance.normal(size=(1500, 32))
    encodings = np.concatenate([centre + 0.05 * chance.normal(size=(40, 32)), around])
    encodings = encodings.astype(np.float32)
    labels = np.append(np.zeros(40, dtype=np.int64), np.full(1500, ALONE))
    found = grow(encodings, labels, 0.25)
    assert found.counts.max() > 500
    narrow = Faces(encodings, labels, None)
    assert same(found, grow(encodings, labels, 0.25, near=lists_of(narrow, 0.25, 3)))
    assert same(found, grow(encodings, labels, 0.25, near=lists_of(narrow, 0.25, 60)))


def test_equal_faces_that_are_apart_stay_so() -> None:
    encodings = np.tile(people(1, 1), (300, 1))
    marks = np.stack([np.arange(300), np.arange(300) % 100], axis=1)  # three of each mark
    found = average_linkage(encodings, np.full(300, ALONE), 0.5, marks)
    assert sorted(len(group) for group in partition(found)) == [100, 100, 100]
    for group in partition(found):
        assert len({face % 100 for face in group}) == 100


def test_thousands_that_are_apart_from_each_other_are_not_joined() -> None:
    encodings = people(5, 3000, spread=0.01)
    marks = np.stack([np.arange(3000), np.zeros(3000, dtype=np.int64)], axis=1)
    assert len(grow(encodings, np.full(3000, ALONE), 0.5, apart=marks).joins) == 0


def test_more_faces_than_a_block_has_are_joined_as_upgma_joins_them() -> None:
    encodings = people(7, 2600)
    found = grow(encodings, np.full(2600, ALONE), 0.2)
    wanted = linkage(pdist(directions(encodings), "sqeuclidean"), "average")
    heights = wanted[:, 2][wanted[:, 2] <= 0.2**2]
    np.testing.assert_allclose(found.heights, heights, atol=1e-12)
    assert partition(found.roots()) == partition(fcluster(wanted, 0.2**2, "distance"))


def test_a_crowd_around_one_face_is_joined_as_upgma_joins_it() -> None:
    chance = np.random.default_rng(2)
    centre = chance.normal(size=32)
    around = centre + 0.2 * chance.normal(size=(700, 32))
    encodings = np.concatenate([centre[None], around]).astype(np.float32)
    found = grow(encodings, np.full(701, ALONE), 1.0)
    wanted = linkage(pdist(directions(encodings), "sqeuclidean"), "average")
    np.testing.assert_allclose(found.heights, wanted[:, 2], atol=1e-12)


def test_a_tree_of_ties_is_the_same_with_any_lists() -> None:
    axis = np.arange(1, 13, dtype=np.float32)
    encodings = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    drawn = Faces(encodings, np.full(len(encodings), ALONE), None)
    trees = [
        grow(encodings, drawn.labels, 0.3, near=lists_of(drawn, 0.3, width)) for width in (1, 4, 30)
    ]
    assert 0 < len(trees[0].joins) < len(encodings) - 1
    assert same(trees[0], trees[1])
    assert same(trees[0], trees[2])


def test_no_faces_have_no_groups() -> None:
    none, nobody = np.empty((0, 4), dtype=np.float32), np.empty(0, dtype=np.int64)
    assert average_linkage(none, nobody, 0.5).shape == (0,)
    found = grow(none, nobody, 0.5)
    assert found.joins.shape == (0, 2)
    assert found.roots().shape == (0,)


def test_lists_for_another_limit_are_refused() -> None:
    drawn = Faces(people(1, 9), np.full(9, ALONE), None)
    with pytest.raises(ValueError, match="lists"):
        grow(drawn.encodings, drawn.labels, 0.5, near=lists_of(drawn, 0.4, 4))


def test_progress_goes_from_start_to_end_and_never_falls() -> None:
    told: list[float] = []
    grow(people(2, 5000), np.full(5000, ALONE), 0.2, progress=told.append)
    assert len(told) > 5
    assert told == sorted(told)
    assert 0 <= told[0] < 0.8
    assert told[-1] == 1.0


@pytest.mark.parametrize("when", [0.0, 0.3, 0.85])
def test_what_progress_raises_cancels_the_run(when: float) -> None:
    class Enough(Exception):  # noqa: N818 - it is no error
        pass

    def stop(share: float) -> None:
        if share >= when:
            raise Enough

    with pytest.raises(Enough):
        grow(people(2, 5000), np.full(5000, ALONE), 0.2, progress=stop)
