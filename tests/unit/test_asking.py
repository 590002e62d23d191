from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.asking import Doubt, Misgiving, Question, first_to_name, questions
from facewatchd.model import Candidate
from facewatchd.plugins import Scale
from tests.support.made_faces import line

SCALE = Scale(8, 0.68, 0.50, 0.32, 0.52)
ANN, BOB, CY = Candidate("ann", 0.6), Candidate("bob", 0.55), Candidate("cy", 0.51)


def doubt(
    face: int, at: float, *candidates: Candidate, photo: int | None = None, refused: str = ""
) -> Doubt:
    encoding = line(at)[0]
    of_photo = face if photo is None else photo
    return Doubt(face, of_photo, encoding, candidates, frozenset(refused.split()))


def test_faces_that_look_the_same_are_one_question() -> None:
    [both, single] = questions([doubt(1, 0, BOB), doubt(2, 3, ANN), doubt(3, 0.1, BOB)], [], SCALE)
    assert both == Question((1, 3), (BOB,), 0.55, None)
    assert single == Question((2,), (ANN,), 0.6, None)


def test_two_faces_of_one_photo_are_never_one_question() -> None:
    asked = questions(
        [
            doubt(1, 0.0, ANN, photo=7),
            doubt(2, 0.01, ANN, photo=8),
            doubt(3, 0.2, ANN, photo=7),
        ],
        [],
        SCALE,
    )
    assert [question.faces for question in asked] == [(1, 2), (3,)]


def test_of_equally_many_faces_the_surest_answer_comes_first() -> None:
    asked = questions([doubt(1, 0, CY), doubt(2, 3, ANN), doubt(3, 4.5, BOB)], [], SCALE)
    assert [question.faces for question in asked] == [(2,), (3,), (1,)]


def test_a_face_without_the_candidate_counts_as_at_the_floor() -> None:
    [asked] = questions([doubt(1, 0, ANN, CY), doubt(2, 0.1, BOB, CY)], [], SCALE)
    assert [each.person for each in asked.candidates] == ["ann", "bob", "cy"]
    assert [each.similarity for each in asked.candidates] == pytest.approx([0.55, 0.525, 0.51])
    assert asked.margin == pytest.approx(0.025)


def test_a_face_without_a_candidate_is_asked_about_with_those_that_look_the_same() -> None:
    [asked] = questions([doubt(1, 0, ANN), doubt(2, 0.1), doubt(3, 5)], [], SCALE)
    assert asked.faces == (1, 2)


def test_whom_the_user_refused_for_one_face_is_not_asked_for_the_others() -> None:
    [asked] = questions([doubt(1, 0, ANN, BOB), doubt(2, 0.1, BOB, refused="ann")], [], SCALE)
    assert (asked.faces, asked.candidates) == ((1, 2), (BOB,))
    assert questions([doubt(1, 0, ANN, refused="ann")], [], SCALE) == []


def test_what_may_be_wrong_in_a_person_is_asked_last() -> None:
    wrong = [Misgiving(8, "ann", "bob", 0.7), Misgiving(9, "ann", None, 0.8)]
    asked = questions([doubt(1, 0, CY)], wrong, SCALE)
    assert asked == [
        Question((1,), (CY,), 0.51, None),
        Question((9,), (), 0.8, None, "ann"),
        Question((8,), (Candidate("bob", 0.7),), 0.7, None, "ann"),
    ]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40))
def test_every_face_is_asked_once_and_more_faces_come_first(seed: int, number: int) -> None:
    chosen = np.random.default_rng(seed)
    doubts = [
        Doubt(
            face,
            int(chosen.integers(10)),
            chosen.normal(size=4).astype(np.float32) * 0.4,
            (Candidate(str(chosen.integers(5)), float(chosen.uniform(0.5, 0.68))),),
        )
        for face in range(number)
    ]
    asked = questions(doubts, [], SCALE)
    assert sorted(face for question in asked for face in question.faces) == list(range(number))
    sizes = [len(question.faces) for question in asked]
    assert sizes == sorted(sizes, reverse=True)
    for question in asked:
        photos = [doubts[face].photo for face in question.faces]
        assert len(photos) == len(set(photos))
        assert question.margin is None or question.margin >= 0
    assert questions(doubts[::-1], [], SCALE) == asked


def test_the_people_with_most_faces_are_named_first() -> None:
    people = [("ann", 50, False), ("bob", 20, True), ("cy", 30, False)]
    assert first_to_name(people) == (("ann", "cy"), 0.8)


def test_whoever_has_few_of_the_faces_is_not_asked_for_first() -> None:
    assert first_to_name([("ann", 996, False), ("bob", 4, False)]) == (("ann",), 0.996)
    assert first_to_name([("ann", 0, False)]) == ((), 0.0)
    assert first_to_name([]) == ((), 0.0)


@given(st.lists(st.tuples(st.uuids().map(str), st.integers(0, 500), st.booleans()), max_size=40))
def test_up_to_ten_are_named_first_and_nobody_twice(people: list[tuple[str, int, bool]]) -> None:
    first, share = first_to_name(people)
    faces = {person: number for person, number, named in people if not named}
    left = [number for person, number in faces.items() if person not in first]
    assert len(first) <= 10
    assert len(first) == len(set(first))
    assert 0 <= share <= 1
    if left and first:
        assert min(faces[person] for person in first) >= max(left)
