"""Which joins are of one person."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.cut import groups_of, limits, one_person
from facewatchd.clustering.tree import Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tree(groups: list[tuple[int, float]], joins: list[tuple[int, int, float, float]]) -> Tree:
    """Make a tree of groups (faces, spread) and joins (one, other, height, spread)."""
    counts = [count for count, _ in groups]
    for one, other, _, _ in joins:
        counts.append(counts[one] + counts[other])
    return Tree(
        joins=np.array([join[:2] for join in joins], dtype=np.int64).reshape(-1, 2),
        heights=np.array([join[2] for join in joins]),
        counts=np.array(counts, dtype=np.int64),
        spreads=np.array([spread for _, spread in groups] + [join[3] for join in joins]),
    )


def joined(one: tuple[int, float], other: tuple[int, float], distance: float) -> bool:
    """Whether two groups so far apart are one person, where 0.4 is the limit of many faces."""
    found: NDArray[np.bool_] = one_person(tree([one, other], [(0, 1, distance**2, 0.1)]), 0.4)
    return bool(found[0])


def test_the_limit_grows_with_the_faces_and_nears_that_of_many() -> None:
    found = limits(np.array([1.0, 4.0, 100.0, 1e12]), 0.6)
    np.testing.assert_allclose(found, [0.5, 0.55, 0.59, 0.6], rtol=1e-6)


def test_two_single_faces_must_be_nearer_than_a_face_and_a_large_group() -> None:
    single, large = (1, 0.0), (100, 0.05)
    assert joined(single, single, 0.333)
    assert not joined(single, single, 0.334)
    assert joined(single, large, 0.393)
    assert joined(large, single, 0.393)
    assert not joined(single, large, 0.394)


def test_two_narrow_groups_beside_each_other_are_two_people() -> None:
    # Variance 0.03 within both: at most (1.25 + 2 / 20) * 0.06 = 0.081 = 0.2846 ^ 2 between them.
    narrow = (20, 0.03 * 19 / 20)
    assert joined(narrow, narrow, 0.2845)
    assert not joined(narrow, narrow, 0.2847)


def test_a_narrow_group_inside_a_wide_one_is_somebody_else() -> None:
    wide, narrow = (229, 0.06), (20, 0.03)
    assert not joined(wide, narrow, 0.36)
    assert joined(wide, (3, 0.03), 0.36)
    assert joined(wide, (20, 0.06), 0.36)


def test_a_join_above_one_of_two_people_is_not_made() -> None:
    far, near = 0.39**2, 0.3**2
    made = tree([(1, 0.0)] * 4, [(0, 1, near, 0.02), (2, 3, far, 0.04), (4, 5, near, 0.05)])
    assert one_person(made, 0.4).tolist() == [True, False, False]


def test_no_groups_and_no_joins_are_no_people() -> None:
    for groups in ([], [(1, 0.0)]):
        alone = tree(groups, [])
        assert one_person(alone, 0.4).tolist() == []
        assert groups_of(alone, np.zeros(0, dtype=np.bool_)).tolist() == list(range(len(groups)))


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_groups_end_where_the_joins_that_are_made_lead(made: list[bool]) -> None:
    """A chain: each join adds one group to all before it, until one is not made."""
    count = len(made) + 1
    nodes = [(0, 1), *((count + k, k + 2) for k in range(len(made) - 1))]
    chain = tree([(1, 0.0)] * count, [(*sorted(pair), 0.01, 0.0) for pair in nodes])
    whole = np.logical_and.accumulate(made)
    ends = groups_of(chain, whole)
    together = int(whole.sum()) + 1
    assert len(set(ends[:together].tolist())) == 1
    assert ends[together:].tolist() == list(range(together, count))


@pytest.mark.parametrize("n", [4, 16, 400])
def test_groups_of_as_many_faces_are_judged_by_their_variance_not_their_spread(n: int) -> None:
    variance = 0.02
    group = (n, variance * (n - 1) / n)
    most = math.sqrt((1.25 + 2 / n) * 2 * variance)
    assert joined(group, group, most - 1e-6)
    assert not joined(group, group, most + 1e-6)
