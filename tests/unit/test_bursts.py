"""The frames of a burst are one moment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.bursts import moments
from facewatchd.plugins import Scale

SCALE = Scale(2, 0.68, 0.50, 0.32, 0.52)
FACE, OTHER_LOOK = (0.0, 0.0), (0.3, 0.0)


def count(*photos: tuple[float, tuple[float, float]]) -> int:
    times, encodings = zip(*photos, strict=True)
    return moments(np.array(times), np.array(encodings, np.float32), SCALE)


def test_a_burst_is_one_moment() -> None:
    assert count((0.0, FACE), (1.0, FACE), (2.5, FACE)) == 1


def test_the_same_pose_later_is_another_moment() -> None:
    assert count((0.0, FACE), (2.1, FACE)) == 2


def test_another_face_at_the_same_time_is_another_moment() -> None:
    assert count((0.0, FACE), (0.0, OTHER_LOOK)) == 2


def test_nothing_is_no_moment() -> None:
    assert moments(np.empty(0), np.empty((0, 2), np.float32), SCALE) == 0


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from([FACE, OTHER_LOOK])), min_size=1))
def test_there_are_at_most_as_many_moments_as_photos(
    photos: list[tuple[float, tuple[float, float]]],
) -> None:
    assert 1 <= count(*sorted(photos)) <= len(photos)
