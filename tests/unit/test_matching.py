from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.cover import cover
from facewatchd.clustering.matching import match

if TYPE_CHECKING:
    from random import Random


def matched(*faces: tuple[int, str | None]) -> dict[int, str]:
    return match(np.array([label for label, _ in faces], dtype=np.int64), [who for _, who in faces])


def test_a_cluster_keeps_the_person_with_whom_it_shares_most_faces() -> None:
    assert matched((0, "ann"), (0, "ann"), (0, "bob"), (1, None), (-1, "cy")) == {0: "ann"}


def test_a_person_that_falls_apart_stays_with_its_largest_part() -> None:
    assert matched((0, "ann"), (1, "ann"), (1, "ann"), (2, "ann")) == {1: "ann"}


def test_of_two_people_that_become_one_the_larger_stays() -> None:
    assert matched((0, "ann"), (0, "bob"), (0, "bob")) == {0: "bob"}


def test_a_cluster_whose_best_person_is_taken_keeps_its_next() -> None:
    faces = [(0, "ann")] * 5 + [(1, "ann")] * 3 + [(1, "bob")] * 2
    assert matched(*faces) == {0: "ann", 1: "bob"}


def test_of_equal_overlaps_the_larger_share_of_its_cluster_comes_first() -> None:
    assert matched((0, "ann"), (0, None), (1, "ann")) == {1: "ann"}


def test_of_equal_shares_the_lower_label_then_the_lower_person_comes_first() -> None:
    assert matched((1, "ann"), (0, "ann")) == {0: "ann"}
    assert matched((0, "bob"), (0, "ann")) == {0: "ann"}


def test_nothing_matches_nothing() -> None:
    assert match(np.empty(0, dtype=np.int64), []) == {}


@given(
    st.lists(
        st.tuples(st.integers(-1, 5), st.sampled_from([None, "ann", "bob", "cy", "dee"])),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_every_person_and_every_cluster_is_matched_once_and_the_order_of_faces_is_no_matter(
    faces: list[tuple[int, str | None]], chance: Random
) -> None:
    found = matched(*faces)
    assert len(set(found.values())) == len(found)
    assert all((label, person) in faces for label, person in found.items())
    free_clusters = {label for label, _ in faces} - found.keys() - {-1}
    free_people = {person for _, person in faces} - set(found.values()) - {None}
    assert not any(label in free_clusters and who in free_people for label, who in faces)
    shuffled = list(faces)
    chance.shuffle(shuffled)
    assert matched(*shuffled) == found


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_the_same_clusters_again_keep_their_people(labels: list[int]) -> None:
    people = [f"p{label}" for label in labels]
    assert match(np.array(labels, dtype=np.int64), people) == {
        label: f"p{label}" for label in labels
    }


def covered(positions: list[float], qualities: list[float]) -> int:
    encodings = np.array(positions, dtype=np.float32)[:, None]
    return cover(encodings, np.array(qualities))


def test_the_cover_is_the_best_face_near_the_centroid_and_not_the_first() -> None:
    assert covered([0.0, 0.1, -0.1, 0.05], [0.2, 0.3, 0.1, 0.9]) == 3


def test_a_sharp_face_far_from_the_centroid_is_no_cover() -> None:
    assert covered([0.0, 0.1, 5.0, -0.1], [0.2, 0.3, 1.0, 0.1]) == 1


def test_one_face_is_its_own_cover_and_of_two_the_better_one() -> None:
    assert covered([0.3], [0.1]) == 0
    assert covered([0.0, 1.0], [0.1, 0.2]) == 1
    assert covered([0.0, 1.0], [0.2, 0.1]) == 0


def test_of_equal_qualities_the_nearer_face_then_the_first_is_the_cover() -> None:
    assert covered([-3.0, -1.0, 0.0, 1.0, 3.0], [0.5] * 5) == 2
    assert covered([1.0, 1.0, 1.0], [0.5] * 3) == 0


def test_a_person_without_faces_has_no_cover() -> None:
    with pytest.raises(ValueError, match="without faces"):
        cover(np.empty((0, 4), dtype=np.float32), np.empty(0))
