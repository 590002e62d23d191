from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.assign import Assignment, Looks, assign, candidates
from facewatchd.model import Candidate, Look
from facewatchd.plugins import Scale

DIMENSIONS = 8
SCALE = Scale(DIMENSIONS, 0.68, 0.50, 0.32, 0.52)


def point(*values: float) -> np.ndarray:
    """Return a float32 encoding that begins with these values."""
    whole = np.zeros(DIMENSIONS, dtype=np.float32)
    whole[: len(values)] = values
    return whole


def look(number: int, person: str, *values: float, count: int = 1) -> Look:
    return Look(number, person, point(*values).astype(np.float64), count, 0.0)


def decide(faces: list[np.ndarray], *looks: Look) -> list[Assignment]:
    return assign(np.stack(faces), Looks(looks), SCALE)


def test_a_face_goes_to_the_person_of_its_nearest_look() -> None:
    [found] = decide([point(0.0)], look(1, "ann", 0.2), look(2, "bob", 0.1), look(3, "cy", 0.3))
    assert (found.look, found.person, found.candidates) == (2, "bob", ())
    assert found.similarity == pytest.approx(0.9)


def test_a_face_exactly_at_the_threshold_is_given() -> None:
    looks = Looks([look(1, "ann", 0.25)])
    [at] = assign(np.stack([point(0.0)]), looks, replace(SCALE, similarity=0.75))
    [above] = assign(np.stack([point(-0.001)]), looks, replace(SCALE, similarity=0.75))
    assert at.person == "ann"
    assert above.person is None


def test_a_doubtful_face_has_its_three_nearest_people_by_their_nearest_looks() -> None:
    [found] = decide(
        [point(0.0)],
        look(1, "far", 0.49),
        look(2, "ann", 0.46),
        look(3, "ann", 0.40),
        look(4, "bob", 0.42),
        look(5, "cy", 0.44),
        look(6, "nobody", 0.51),
    )
    assert (found.look, found.person, found.similarity) == (None, None, None)
    assert [candidate.person for candidate in found.candidates] == ["ann", "bob", "cy"]
    assert [candidate.similarity for candidate in found.candidates] == pytest.approx(
        [0.60, 0.58, 0.56]
    )


def test_nobody_below_the_floor_is_a_candidate() -> None:
    assert decide([point(0.0)], look(1, "ann", 0.51)) == [Assignment(None, None, None, ())]


def test_candidates_are_those_of_a_doubtful_face_however_near() -> None:
    looks = Looks([look(1, "ann"), look(2, "bob", 0.4), look(3, "ann", 0.2), look(4, "cy", 0.6)])
    near, far = candidates(np.stack([point(0.0), point(3.0)]), looks, SCALE)
    assert [candidate.person for candidate in near] == ["ann", "bob"]
    assert [candidate.similarity for candidate in near] == pytest.approx([1.0, 0.6])
    assert far == ()


def test_of_two_faces_of_a_photo_only_the_nearer_is_given_to_a_person() -> None:
    further, nearer = decide([point(0.2), point(0.1)], look(1, "ann"), look(2, "bob", 0.6))
    assert nearer.person == "ann"
    assert further.person is None
    assert [candidate.person for candidate in further.candidates] == ["ann", "bob"]


def test_two_looks_of_a_person_do_not_take_two_faces_of_a_photo() -> None:
    first, second = decide([point(0.1), point(0.95)], look(1, "ann"), look(2, "ann", 1.0))
    assert first.person is None
    assert (second.person, second.look) == ("ann", 2)


def test_a_face_that_lost_its_person_is_not_given_to_the_next() -> None:
    first, second = decide([point(0.0), point(0.01)], look(1, "ann"), look(2, "bob", 0.2))
    assert first.person == "ann"
    assert second.person is None


def test_of_equal_faces_the_first_is_given() -> None:
    first, second = decide([point(0.1), point(0.1)], look(1, "ann"))
    assert (first.person, second.person) == ("ann", None)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_equally_near_looks_the_one_of_the_lower_id_wins(order: tuple[int, ...]) -> None:
    looks = [look(4, "zoe", 0.1), look(7, "ann", 0.1), look(9, "bob", 0.1)]
    [found] = decide([point(0.0)], *(looks[index] for index in order))
    assert found.look == 4


def test_without_looks_every_face_is_doubtful() -> None:
    assert decide([point(0.0), point(1.0)]) == [Assignment(None, None, None, ())] * 2


def test_a_photo_without_faces_has_no_assignments() -> None:
    none = np.empty((0, DIMENSIONS), dtype=np.float32)
    assert assign(none, Looks([look(1, "ann")]), SCALE) == []


def test_a_threshold_below_the_floor_still_counts() -> None:
    [found] = assign(
        np.stack([point(0.6)]), Looks([look(1, "ann")]), replace(SCALE, similarity=0.3)
    )
    assert found.person == "ann"


def test_assigning_leaves_the_looks_as_they_are() -> None:
    looks = Looks([look(1, "ann", count=3)])
    before = looks[1]
    assign(np.stack([point(0.1)]), looks, SCALE)
    assert looks[1] is before


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 80))
def test_assigning_equals_comparing_one_by_one(seed: int, faces: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    encodings = chance.normal(scale=0.15, size=(faces, DIMENSIONS)).astype(np.float32)
    looks = [
        Look(number, f"p{number % 7}", chance.normal(scale=0.15, size=DIMENSIONS), 1, 0.0)
        for number in chance.permutation(count).tolist()
    ]

    found = assign(encodings, Looks(looks), SCALE)

    similar = [
        sorted(
            (-(1.0 - float(np.linalg.norm(face.astype(np.float64) - look.centroid))), look.id)
            for look in looks
        )
        for face in encodings
    ]
    person = {look.id: look.person for look in looks}
    for face, (nearest, assignment) in enumerate(zip(similar, found, strict=True)):
        people: dict[str, float] = {}
        for negative, number in nearest:
            people.setdefault(person[number], -negative)
        wanted = bool(nearest) and -nearest[0][0] >= 0.68
        outdone = wanted and any(
            other[0][0] < nearest[0][0] and person[other[0][1]] == person[nearest[0][1]]
            for index, other in enumerate(similar)
            if index != face
        )
        if wanted and not outdone:
            assert assignment.look == nearest[0][1]
            assert assignment.candidates == ()
        else:
            assert assignment.person is None
            expected = [Candidate(*known) for known in people.items() if known[1] >= 0.5][:3]
            assert [candidate.person for candidate in assignment.candidates] == [
                candidate.person for candidate in expected
            ]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_look_is_the_mean_and_spread_of_the_faces_that_joined(seed: int, joined: int) -> None:
    faces = np.random.default_rng(seed).normal(size=(joined, DIMENSIONS)).astype(np.float32)
    looks = Looks([Look(5, "ann", faces[0].astype(np.float64), 1, 0.0)])
    for face in faces[1:]:
        looks.add(5, face)

    exact = faces.astype(np.float64)
    now = looks[5]
    assert now.count == joined
    np.testing.assert_allclose(now.centroid, exact.mean(axis=0), atol=1e-9)
    spread = ((exact - exact.mean(axis=0)) ** 2).sum(axis=1).mean()
    assert now.spread == pytest.approx(spread, abs=1e-9)


def test_a_face_that_joined_moves_what_the_next_is_compared_with() -> None:
    looks = Looks([look(1, "ann")])
    moved = looks.add(1, point(0.3))
    assert (moved.count, moved.person) == (2, "ann")
    [found] = assign(np.stack([point(0.45)]), looks, SCALE)
    assert found.similarity == pytest.approx(0.7)


def test_a_look_that_was_returned_does_not_change_later() -> None:
    looks = Looks([look(1, "ann")])
    first = looks.add(1, point(0.2))
    looks.add(1, point(0.4))
    assert first.centroid[0] == pytest.approx(0.1)


def test_looks_grow_beyond_their_first_room() -> None:
    looks = Looks()
    for number in range(300):
        looks.put(look(number, f"p{number}", float(number)))
    faces = np.stack([point(float(number)) for number in range(300)])
    found = assign(faces, looks, SCALE)
    assert [assignment.look for assignment in found] == list(range(300))


def test_looks_refuse_what_does_not_belong() -> None:
    looks = Looks([look(1, "ann")])
    with pytest.raises(ValueError, match="there already"):
        looks.put(look(1, "bob"))
    with pytest.raises(ValueError, match="dimensions"):
        looks.put(Look(2, "bob", np.zeros(DIMENSIONS + 1), 1, 0.0))
    with pytest.raises(KeyError):
        looks.add(2, point(0.0))
