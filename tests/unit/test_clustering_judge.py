"""Which pairs of groups are one person."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facewatchd.clustering.judge import limits, one_person

Group = tuple[int, float]  # faces, spread


def joined(one: Group, other: Group, distance: float) -> bool:
    """Whether two groups so far apart are one person, where 0.4 is the limit of many faces."""
    found = one_person(
        np.array([[one[0], other[0]]]),
        np.array([[one[1], other[1]]]),
        np.array([distance**2]),
        merge=0.4,
    )
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
    # The usual variance is 0.3 * 0.16 = 0.048, as if of 8 faces more: within both it is
    # (19 * 0.03 + 8 * 0.048) / 27 = 0.03533, so at most (1.25 + 2 / 20) * 0.07067 = 0.3089 ^ 2.
    narrow = (20, 0.03 * 19 / 20)
    assert joined(narrow, narrow, 0.3088)
    assert not joined(narrow, narrow, 0.3090)


def test_a_narrow_group_inside_a_wide_one_is_somebody_else() -> None:
    wide, narrow = (229, 0.06), (20, 0.03)
    assert not joined(wide, narrow, 0.37)
    assert joined(wide, (3, 0.03), 0.37)
    assert joined(wide, (20, 0.06), 0.37)


def test_copies_of_two_photos_are_one_person_nearly_as_far_apart_as_two_photos_may_be() -> None:
    # Two single faces may be 0.333 apart; four copies of each have no variance, and say no more.
    assert joined((4, 0.0), (4, 0.0), 0.333)
    assert joined((10, 0.0), (4, 0.0), 0.31)


@pytest.mark.parametrize("n", [6, 16, 400])
def test_groups_of_as_many_faces_are_judged_by_their_variance_not_their_spread(n: int) -> None:
    usual = 0.3 * 0.4**2
    group = (n, 0.02 * (n - 1) / n)
    variance = ((n - 1) * 0.02 + 8 * usual) / (n - 1 + 8)
    most = math.sqrt((1.25 + 2 / n) * 2 * variance)
    assert joined(group, group, most - 1e-6)
    assert not joined(group, group, most + 1e-6)


def test_equal_faces_are_one_person_however_many_and_nobody_is_no_pair() -> None:
    assert joined((1, 0.0), (1, 0.0), 0.0)
    assert joined((500, 0.0), (9, 0.0), 0.0)
    nobody = np.empty((0, 2))
    assert one_person(nobody.astype(np.int64), nobody, np.empty(0), 0.4).shape == (0,)
