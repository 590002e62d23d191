"""What looks one person's faces have."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.looks import SMALLEST, looks_of
from tests.support.made_faces import line

MERGE = 0.5


def groups(*places: tuple[float, int]) -> list[list[int]]:
    """Return the looks of a person with so many faces at each place on a line."""
    encodings = line(*(x for x, count in places for x in [x] * count))
    return [look.tolist() for look in looks_of(encodings, MERGE)]


def test_one_tight_group_is_one_look() -> None:
    assert groups((0.0, 5)) == [[0, 1, 2, 3, 4]]


def test_two_tight_groups_are_looks_beside_the_whole() -> None:
    assert groups((0.0, 3), (0.45, 4)) == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 2], [3, 4, 5, 6]]


def test_a_group_that_is_too_small_is_no_look_of_its_own() -> None:
    assert groups((0.0, 4), (0.45, 1)) == [[0, 1, 2, 3, 4], [0, 1, 2, 3]]


def test_one_face_is_one_look() -> None:
    assert groups((0.0, 1)) == [[0]]


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_looks_are_the_whole_and_parts_that_do_not_overlap(count: int, seed: int) -> None:
    encodings = np.random.default_rng(seed).normal(scale=0.2, size=(count, 3)).astype(np.float32)
    whole, *parts = looks_of(encodings, MERGE)
    assert whole.tolist() == list(range(count))
    faces = [face for part in parts for face in part.tolist()]
    assert len(faces) == len(set(faces)) <= count
    assert all(SMALLEST <= len(part) < count for part in parts)
