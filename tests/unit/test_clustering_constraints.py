"""Decisions as a second step after any clusterer."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from facewatchd.clustering import constraints
from facewatchd.clustering.constraints import constrained
from facewatchd.clustering.labels import without_singles
from facewatchd.clustering.linkage import average_linkage
from tests.support.made_faces import line

if TYPE_CHECKING:
    from numpy.typing import NDArray

MERGE = 0.52


class Album(NamedTuple):
    encodings: NDArray[np.float32]
    photos: NDArray[np.int64]
    labels: NDArray[np.int64]
    settled: NDArray[np.int64]
    refused: list[tuple[int, int]]


def done(album: Album, merge: float = MERGE) -> NDArray[np.int64]:
    return constrained(
        album.encodings,
        album.photos,
        album.labels,
        settled=album.settled,
        refused=album.refused,
        merge=merge,
    )


def on_a_line(
    positions: list[float],
    settled: list[int],
    refused: list[tuple[int, int]] | None = None,
    photos: list[int] | None = None,
) -> list[int]:
    """Return what becomes of one cluster with so many faces on a line."""
    count = len(positions)
    own = np.arange(count) if photos is None else np.array(photos)
    labels = np.zeros(count, dtype=np.int64)
    album = Album(line(*positions), own, labels, np.array(settled), refused or [])
    return [int(label) for label in done(album)]


def clusters(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {
        frozenset(np.flatnonzero(labels == label).tolist())
        for label in np.unique(labels[labels >= 0])
    }


def breaks(faces: frozenset[int], album: Album) -> bool:
    """Whether these faces may not be in one cluster, by the rules as they are told."""
    people = {album.settled[face] for face in faces} - {-1}
    shared = [
        (one, other)
        for one, other in combinations(sorted(faces), 2)
        if album.photos[one] == album.photos[other]
        and -1 in (album.settled[one], album.settled[other])
    ]
    hurt = [
        pair
        for pair in album.refused
        if pair[0] in faces and pair[1] in people and album.settled[pair[0]] != pair[1]
    ]
    return len(people) > 1 or bool(shared) or bool(hurt)


def test_two_people_in_one_cluster_part_and_each_keeps_the_faces_nearer_to_it() -> None:
    assert on_a_line([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [0, -1, -1, -1, -1, 1]) == [0, 0, 0, 1, 1, 1]


def test_a_face_leaves_the_person_whom_it_refuses_and_takes_nobody_along() -> None:
    assert on_a_line([0.0, 0.01, 0.3, 0.02], [4, 4, -1, -1], [(2, 4)]) == [0, 0, -1, 0]


def test_faces_that_refuse_a_person_are_one_cluster_of_their_own() -> None:
    positions = [0.0, 0.01, 0.2, 0.21, 0.22]
    found = on_a_line(positions, [0, 0, -1, -1, -1], [(2, 0), (3, 0), (4, 0)])
    assert found == [0, 0, 1, 1, 1]


def test_a_face_that_refuses_a_person_does_not_keep_out_those_who_are_nearest_to_it() -> None:
    # 0.3 and 0.31 are nearest to each other, and 0.3 refuses whom both are near to.
    assert on_a_line([0.0, 0.1, 0.3, 0.31], [4, 4, -1, -1], [(2, 4)]) == [0, 0, -1, 0]


def test_most_who_refuse_a_person_keep_out_who_is_nearest_to_them() -> None:
    positions = [0.0, 0.1, 0.3, 0.31, 0.32]
    assert on_a_line(positions, [4, 4, -1, -1, -1], [(2, 4), (3, 4)]) == [0, 0, 1, 1, 1]


def test_a_face_that_refuses_a_person_stays_with_those_who_are_not_that_person_anyway() -> None:
    positions = [0.0, 3.0, 0.7, 0.71, 0.72]
    assert on_a_line(positions, [4, 5, -1, -1, -1], [(3, 4)]) == [-1, -1, 0, 0, 0]


def test_a_refusal_of_somebody_who_is_not_in_the_cluster_changes_nothing() -> None:
    assert on_a_line([0.0, 0.1, 0.2], [0, -1, -1], [(1, 3)]) == [0, 0, 0]


def test_two_settled_faces_of_a_photo_are_the_users_wish() -> None:
    assert on_a_line([0.0, 0.1, 0.2], [0, 0, -1], photos=[7, 7, 8]) == [0, 0, 0]


def test_a_face_does_not_join_a_settled_one_of_its_photo() -> None:
    assert on_a_line([0.0, 0.3, 0.02], [0, -1, -1], photos=[7, 7, 8]) == [0, -1, 0]


def test_the_settled_faces_of_a_person_stay_one_group_however_far_apart_they_are() -> None:
    assert on_a_line([0.0, 5.0, 0.1, 2.5], [0, 0, 1, -1]) == [0, 0, -1, -1]


def test_what_is_too_far_from_everyone_is_in_no_cluster() -> None:
    assert on_a_line([0.0, 0.1, 2.0, 2.1, 4.0], [0, 1, -1, -1, -1]) == [-1, -1, 0, 0, -1]


def test_faces_in_no_cluster_stay_in_none_whoever_they_are_settled_in() -> None:
    album = Album(
        line(0.0, 0.0, 0.0, 0.0),
        np.arange(4),
        np.array([-1, 0, 0, -1]),
        np.array([0, -1, -1, 1]),
        [(1, 0)],
    )
    assert done(album).tolist() == [-1, 0, 0, -1]


def test_no_faces_break_nothing() -> None:
    none = np.empty(0, dtype=np.int64)
    assert done(Album(np.empty((0, 8), dtype=np.float32), none, none, none, [])).shape == (0,)


@st.composite
def albums(draw: st.DrawFn) -> Album:
    """Draw faces of a few people, clustered too eagerly, some settled and some at odds."""
    seed, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 60))
    people, photos = draw(st.integers(1, 4)), draw(st.integers(1, 60))
    chance = np.random.default_rng(seed)
    who = chance.integers(6, size=count)
    places = 0.2 + chance.normal(scale=0.08, size=(6, 16))
    encodings = (places[who] + chance.normal(scale=0.06, size=(count, 16))).astype(np.float32)
    own = chance.integers(photos, size=count)
    limit = draw(st.sampled_from([0.4, 0.6, 5.0]))
    one_a_photo = np.stack([np.arange(count), own], axis=1)
    labels = without_singles(average_linkage(encodings, np.full(count, -1), limit, one_a_photo))
    settled = np.where(
        chance.random(count) < draw(st.floats(0, 0.6)), chance.integers(people, size=count), -1
    )
    refused = [
        (int(face), int(person))
        for face, person in zip(
            chance.integers(count, size=5), chance.integers(people, size=5), strict=True
        )
    ]
    return Album(encodings, own, labels, settled, refused[: draw(st.integers(0, 5))])


@settings(deadline=None)
@given(albums())
def test_no_rule_is_broken_and_who_broke_none_stays(album: Album) -> None:
    found = done(album)
    assert found.dtype == np.int64
    assert not any(breaks(faces, album) for faces in clusters(found))
    assert {f for f in clusters(album.labels) if not breaks(f, album)} <= clusters(found)
    assert all(any(part <= whole for whole in clusters(album.labels)) for part in clusters(found))
    numbers = np.unique(found[found >= 0])
    np.testing.assert_array_equal(numbers, np.arange(len(numbers)))
    np.testing.assert_array_equal(found, done(album))


@settings(deadline=None)
@given(albums())
def test_settled_faces_that_were_together_stay_together(album: Album) -> None:
    found = done(album)
    for faces in clusters(album.labels):
        for person in {album.settled[face] for face in faces} - {-1}:
            assert len({found[face] for face in faces if album.settled[face] == person}) == 1


@settings(deadline=None)
@given(albums(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_faces_changes_no_cluster(album: Album, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(album.labels))
    place = np.argsort(order)
    other = Album(
        album.encodings[order],
        album.photos[order],
        album.labels[order],
        album.settled[order],
        [(int(place[face]), person) for face, person in album.refused],
    )
    found = {frozenset(order[sorted(faces)].tolist()) for faces in clusters(done(other))}
    assert found == clusters(done(album))


def joined_one_pair_at_a_time(faces: list[int], album: Album) -> set[frozenset[int]]:
    """Say what the rule is: join the two nearest groups that may be joined, again and again."""
    whose = {face: album.settled[face] for face in faces}
    groups = [frozenset(f for f in faces if whose[f] == who) for who in set(whose.values()) - {-1}]
    groups += [frozenset([face]) for face in faces if whose[face] == -1]
    exact = album.encodings.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    squared = cdist(exact, exact, "sqeuclidean")
    while True:
        near = [
            (squared[np.ix_(sorted(one), sorted(other))].mean(), i, j)
            for i, one in enumerate(groups)
            for j, other in enumerate(groups[:i])
            if not breaks(one | other, album) or (breaks(one, album) or breaks(other, album))
        ]
        if not near or min(near)[0] > MERGE**2:
            return {each for each in groups if len(each) > 1}
        _, one, other = min(near)
        groups[other] |= groups.pop(one)


@settings(deadline=None, max_examples=60)
@given(albums())
def test_a_broken_cluster_is_joined_anew_nearest_first(album: Album) -> None:
    album = album._replace(refused=[])
    found = clusters(done(album))
    for faces in clusters(album.labels):
        if breaks(faces, album):
            wanted = joined_one_pair_at_a_time(sorted(faces), album)
            assert {part for part in found if part <= faces} == wanted


@settings(deadline=None, max_examples=40)
@given(albums())
def test_joining_in_blocks_breaks_no_rule_either(album: Album) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constraints, "BLOCK", 7)
        found = done(album)
    assert not any(breaks(faces, album) for faces in clusters(found))
    assert {f for f in clusters(album.labels) if not breaks(f, album)} <= clusters(found)
