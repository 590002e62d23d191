"""Where a picture and its smaller copies lie for dlib's CNN face detector."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.engines.mmod_pyramid import layout

sides = st.integers(1, 2500)


@given(width=sides, height=sides)
def test_copies_lie_apart_and_inside(width: int, height: int) -> None:
    plan = layout(width, height)
    covered = np.zeros((plan.height, plan.width), np.uint8)
    for place in plan.places:
        assert place.left >= 11
        assert place.top >= 11
        assert place.left + place.width <= plan.width - 11
        assert place.top + place.height <= plan.height - 11
        covered[place.top : place.top + place.height, place.left : place.left + place.width] += 1
    assert covered.max() == 1
    assert plan.places[0] == (11, 11, width, height)


@given(width=sides, height=sides)
def test_each_copy_has_five_sixths_of_the_size(width: int, height: int) -> None:
    places = layout(width, height).places
    for before, copy in pairwise(places):
        assert before.width * 5 // 6 - 1 <= copy.width <= before.width * 5 / 6
        assert before.height * 5 // 6 - 1 <= copy.height <= before.height * 5 / 6


@given(width=sides, height=sides, x=st.floats(0, 1), y=st.floats(0, 1), copy=st.integers(0, 40))
def test_a_box_in_a_copy_is_found_in_the_picture(
    width: int, height: int, x: float, y: float, copy: int
) -> None:
    plan = layout(width, height)
    copy %= len(plan.places)
    place = plan.places[copy]
    centre = np.array([place.left + x * (place.width - 1), place.top + y * (place.height - 1)])
    box = np.concatenate([centre - 39.5, centre + 39.5])
    (found,) = plan.in_picture(box[None])
    grown = 1.2**copy
    assert found[2] - found[0] == pytest.approx(79 * grown)
    assert found[3] - found[1] == pytest.approx(79 * grown)
    # 0.3 pixels a step, which grow as well: 0.3 (1.2 ** n - 1) / 0.2 in the end.
    shift = 1.5 * (grown - 1)
    middle = (found[:2] + found[2:]) / 2
    assert middle == pytest.approx((centre - place[:2]) * grown + shift)
