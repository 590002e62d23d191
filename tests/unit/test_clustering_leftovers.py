"""Which face of a photo a cluster keeps, and where faces go that are in no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.clustering import leftovers
from facewatchd.clustering.leftovers import one_face_a_photo, with_leftovers
from tests.support.made_faces import line

if TYPE_CHECKING:
    from numpy.typing import NDArray


def given(
    positions: list[float], labels: list[int], photos: list[int], merge: float = 0.4
) -> list[int]:
    faces = line(*positions)
    found: NDArray[np.int64] = with_leftovers(faces, np.array(labels), np.array(photos), merge)
    return [int(label) for label in found]


def test_a_face_left_over_goes_to_the_nearest_cluster_without_moving_it() -> None:
    # Of two faces the limit is 0.353; if one of the two moved the cluster, the other was too far.
    assert given([0.0, 0.01, 0.34, -0.33], [0, 0, -1, -1], [0, 1, 2, 3]) == [0, 0, 0, 0]
    assert given([0.0, 0.01, 0.37, -0.36], [0, 0, -1, -1], [0, 1, 2, 3]) == [0, 0, -1, -1]


def test_a_large_cluster_takes_in_what_a_small_one_does_not() -> None:
    many = [0.0] * 100
    assert given([*many, 0.38], [0] * 100 + [-1], list(range(101)))[-1] == 0
    assert given([0.0, 0.0, 0.38], [0, 0, -1], [0, 1, 2])[-1] == -1


def test_a_face_too_far_from_a_cluster_goes_there_when_two_of_its_faces_are_close() -> None:
    # The limit of twelve faces is 0.381, two within 0.343 are company, and nobody is beyond 0.42.
    crowd, labels, photos = [0.0] * 10, [0] * 12, list(range(13))
    assert given([*crowd, 0.06, 0.07, 0.40], [*labels, -1], photos)[-1] == 0
    assert given([*crowd, 0.05, 0.07, 0.40], [*labels, -1], photos)[-1] == -1
    assert given([*crowd, 0.2, 0.2, 0.47], [*labels, -1], photos)[-1] == -1
    assert given([*crowd, 0.06, 0.07, 0.40], [*labels, -1], [*photos[:-1], 3])[-1] == -1


def test_a_face_left_over_stays_out_where_its_photo_has_a_face() -> None:
    assert given([0.0, 0.01, 0.1], [0, 0, -1], [0, 1, 1]) == [0, 0, -1]


def test_of_two_faces_left_over_from_one_photo_the_nearer_goes() -> None:
    assert given([0.0, 0.01, 0.2, 0.1], [0, 0, -1, -1], [0, 1, 2, 2]) == [0, 0, -1, 0]


def test_a_run_can_be_cancelled_between_two_blocks_of_those_left_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leftovers, "_PRODUCTS", 2)
    told: list[float] = []

    def cancel(share: float) -> None:
        told.append(share)
        if share >= 0.5:
            raise KeyboardInterrupt

    labels, photos = np.array([0, 0, -1, -1, -1, -1, -1, -1]), np.arange(8)
    with pytest.raises(KeyboardInterrupt):
        with_leftovers(line(*[0.0] * 8), labels, photos, 0.4, cancel)
    assert told == [2 / 6, 4 / 6]


def test_where_nobody_is_left_or_nobody_is_in_a_cluster_nothing_changes() -> None:
    assert given([0.0, 0.1], [0, 0], [0, 1]) == [0, 0]
    assert given([0.0, 0.1], [-1, -1], [0, 1]) == [-1, -1]
    assert given([], [], []) == []


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(3)
    faces = chance.normal(size=(200, 16)).astype(np.float32)
    labels = np.where(np.arange(200) < 60, np.arange(200) % 20, -1)
    whole = with_leftovers(faces, labels, np.arange(200), 1.3)
    assert 80 < (whole >= 0).sum() < 200
    with monkeypatch.context() as without:
        without.setattr(leftovers, "_COMPANY", 100)
        assert (with_leftovers(faces, labels, np.arange(200), 1.3) != whole).any()
    monkeypatch.setattr(leftovers, "_PRODUCTS", 2)
    np.testing.assert_array_equal(with_leftovers(faces, labels, np.arange(200), 1.3), whole)


def test_a_cluster_keeps_of_each_photo_the_face_nearest_to_its_mean() -> None:
    faces = line(0.0, 0.02, 0.3, 2.0, 2.1, 2.05)
    photos = np.array([0, 1, 1, 0, 0, 1])
    found = one_face_a_photo(faces, np.array([0, 0, 0, 1, 1, 1]), photos)
    assert found.tolist() == [0, 0, -1, 1, -1, 1]


def test_of_equally_near_faces_of_a_photo_the_first_stays() -> None:
    found = one_face_a_photo(line(0.1, 0.1, 0.1), np.array([0, 0, 0]), np.array([5, 5, 5]))
    assert found.tolist() == [0, -1, -1]


def test_faces_in_no_cluster_are_not_rivals() -> None:
    labels = np.array([0, -1, -1])
    assert one_face_a_photo(line(0.0, 0.0, 0.0), labels, np.zeros(3, np.int64)).tolist() == [
        0,
        -1,
        -1,
    ]
