from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bench.scoring import album, has_album, joined_people, scores, wrong_pairs

LABELS = arrays(np.int64, st.shared(st.integers(1, 40), key="n"), elements=st.integers(-1, 6))
PEOPLE = arrays(np.int64, st.shared(st.integers(1, 40), key="n"), elements=st.integers(0, 6))


def numbers(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def test_the_measures_of_five_faces_are_those_counted_by_hand() -> None:
    # Pairs together: (0, 1), (2, 3); of one person: (0, 1), (0, 2), (1, 2), (3, 4); right: (0, 1).
    found = scores(numbers(0, 0, 1, 1, -1), numbers(7, 7, 7, 9, 9))
    assert found["pairwise precision"] == 1 / 2
    assert found["pairwise recall"] == 1 / 4
    assert found["pairwise F1"] == pytest.approx(1 / 3)
    # By face: precision 1, 1, 1/2, 1/2, 1; recall 2/3, 2/3, 1/3, 1/2, 1/2.
    assert found["bcubed precision"] == pytest.approx(4 / 5)
    assert found["bcubed recall"] == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)


def test_faces_in_no_cluster_are_not_together() -> None:
    found = scores(numbers(-1, -1, -1), numbers(0, 0, 1))
    assert (found["pairwise precision"], found["pairwise recall"]) == (1.0, 0.0)
    assert found["pairwise F1"] == 0.0
    assert found["bcubed precision"] == 1.0


@given(LABELS, PEOPLE)
def test_the_measures_agree_with_their_definition(
    clusters: np.ndarray[tuple[int], np.dtype[np.int64]],
    people: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> None:
    n = len(people)
    together = (clusters[:, None] == clusters) & (clusters >= 0) | np.eye(n, dtype=np.bool_)
    same = people[:, None] == people
    found = scores(clusters, people)
    assert found["bcubed precision"] == pytest.approx(
        float(((together & same).sum(axis=1) / together.sum(axis=1)).mean())
    )
    assert found["bcubed recall"] == pytest.approx(
        float(((together & same).sum(axis=1) / same.sum(axis=1)).mean())
    )
    pairs = np.triu_indices(n, 1)
    right = np.count_nonzero((together & same)[pairs])
    assert found["pairwise precision"] * np.count_nonzero(together[pairs]) == pytest.approx(
        right if together[pairs].any() else 0
    )
    assert found["pairwise recall"] * np.count_nonzero(same[pairs]) == pytest.approx(
        right if same[pairs].any() else 0
    )
    assert wrong_pairs(clusters, people) == np.count_nonzero((together & ~same)[pairs])


def test_the_album_is_who_has_twenty_faces_and_a_thousand_who_appear_once() -> None:
    people = np.concatenate(
        [np.repeat([0, 1], [20, 19]), np.arange(2, 1202), np.full(5, -1)], dtype=np.int64
    )
    chosen = album(people)
    assert np.bincount(people[chosen], minlength=1202).tolist() == [20, 0] + [1] * 1000 + [0] * 200
    assert has_album(people)
    assert not has_album(people[1:])
    assert not has_album(numbers(-1, -1))


def test_two_people_are_joined_where_both_have_five_faces_and_a_twentieth_of_theirs() -> None:
    people = np.repeat(numbers(0, 1, 2, 3), [20, 200, 20, 19])

    def joined(of_0: int, of_1: int, of_2: int = 0, of_3: int = 0) -> list[tuple[int, int]]:
        clusters = np.full(len(people), -1)
        for person, count in enumerate((of_0, of_1, of_2, of_3)):
            clusters[np.flatnonzero(people == person)[:count]] = 3
        return joined_people(clusters, people)

    assert joined(5, 10) == [(0, 1)]
    assert joined(4, 10) == []
    assert joined(5, 9) == []  # 4.5 % of 200
    assert joined(20, 200, 20) == [(0, 1), (0, 2), (1, 2)]
    assert joined(20, 0, 0, 19) == []  # who has fewer than 20 photos does not count


def test_two_people_in_clusters_of_their_own_are_not_joined() -> None:
    people = np.repeat(numbers(0, 1), 30)
    assert joined_people(people, people) == []
    assert joined_people(np.full(60, -1), people) == []
    assert joined_people(np.zeros(60, dtype=np.int64), np.full(60, -1)) == []
