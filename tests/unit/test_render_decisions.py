from __future__ import annotations

from typing import Any

import pytest

from facewatchd import render
from facewatchd.decisions import Kind
from facewatchd.render import Field

ID = "0123456789abcdef"
OTHER = "fedcba9876543210"


def decision(kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "number": 7,
        "id": "d7",
        "at": 1_700_000_000.0,
        "kind": kind,
        "origin": "command",
        "person": ID,
        "person_called": "Ann",
        "other": None,
        "other_called": None,
        "name": None,
        "faces": 0,
        "photos": 0,
        "of": None,
        "inert": None,
        **fields,
    }


BEN = {"other": OTHER, "other_called": "Ben"}
WORDS = [
    (decision("name", name="Ann"), "01234567 is called Ann"),
    (decision("name"), "01234567 has no name"),
    (decision("merge", **BEN, name="Ann"), "Ann and Ben are one person, called Ann"),
    (decision("merge", **BEN), "Ann and Ben are one person"),
    (
        decision("merge", **BEN | {"other_called": "Ann"}, name="Ann"),
        "01234567 and Ann are one person, called Ann",
    ),
    (decision("split", other=OTHER, faces=2), "2 faces of Ann are somebody else, fedcba98"),
    (decision("is", faces=1), "1 face is Ann"),
    (decision("is", faces=1_200, name="Zoe"), "1,200 faces are somebody new, called Zoe"),
    (decision("is-not", faces=1), "1 face is not Ann"),
    (decision("is-not", **BEN), "Ann and Ben are two people"),
    (decision("confirm", faces=3), "3 faces of Ann are rightly there"),
    (decision("ignore", person=None, faces=3), "3 faces are ignored"),
    (decision("hide", person_called=None), "01234567 is hidden"),
    (decision("unhide"), "Ann is shown again"),
    (decision("cover", faces=1), "Ann has another cover"),
    (decision("add-face", faces=1), "Ann is at a box in a photo"),
    (decision("add-face", photos=1), "Ann is in a photo, without a box"),
    (decision("forget", person=None, photos=1, faces=2), "1 photo and 2 faces forgotten"),
    (decision("forget", faces=2), "a person and 2 faces forgotten"),
    (decision("undo", person=None, of=3), "decision 3 is taken back"),
    (decision("hide", person=None, person_called=None), "somebody is hidden"),
]


@pytest.mark.parametrize(("said", "words"), WORDS)
def test_a_decision_is_a_sentence(said: dict[str, Any], words: str) -> None:
    assert render.decision_words(said) == words


def test_there_are_words_for_every_kind() -> None:
    assert {said["kind"] for said, _ in WORDS} == {kind.value for kind in Kind}


def test_somebody_is_called_as_the_user_has_typed() -> None:
    assert render.decision_words(decision("name", name="Ann"), "person_0001 of many") == (
        "person_0001 of many is called Ann"
    )


def test_the_log_says_what_became_of_each_decision() -> None:
    log = [
        decision("hide"),
        decision("hide", inert="undone"),
        decision("hide", inert="it was made by a decision that was undone"),
    ]
    assert [row[4] for row in render.log_grid(log).rows] == [
        "",
        "undone",
        "none: it was made by a decision that was undone",
    ]
    assert [row[0] for row in render.log_grid(log).rows] == ["7"] * 3


FACE = {
    "face": 17,
    "photo": "/photos/a.jpg",
    "box": [1, 2, 3, 4],
    "captured": 1_463_221_800.0,
    "quality": 0.5,
    "engine": "dlib/1",
    "said": None,
    "person": ID,
    "name": None,
    "folder": "person_0001",
    "similarity": None,
    "candidates": [],
}


def test_a_person_is_described_with_the_least_similar_faces() -> None:
    person = {
        "id": ID,
        "name": None,
        "folder": None,
        "hidden": False,
        "kept": True,
        "looks": 2,
        "faces": 1_000,
        "photos": 900,
        "confirmed": 0,
        "first": None,
        "last": None,
        "merged": [OTHER],
        "least_similar": [FACE, {**FACE, "similarity": 0.5, "photo": None}],
    }
    assert render.person_fields(person) == [
        Field("Name", "none"),
        Field("Id", ID),
        Field("Folder", "none yet"),
        Field("Faces", "1,000 faces in 900 photos"),
        Field("Looks", "2"),
        Field("Merged", OTHER),
        Field("Least similar", "17: 1,2,3,4 in /photos/a.jpg"),
        Field("Least similar", "17: 0.50, 1,2,3,4 in no file"),
    ]


def test_a_face_says_whose_it_is_and_who_said_so() -> None:
    assert render.face_fields(FACE)[-1] == Field("Person", "person_0001")
    assert render.face_fields({**FACE, "said": "added"})[-2:] == [
        Field("Person", "person_0001"),
        Field("Said", "its box is yours"),
    ]
    nobody = {**FACE, "person": None, "folder": None}
    assert render.face_fields(nobody)[-1] == Field("Person", "doubtful, may be nobody known")
    assert render.face_fields({**nobody, "said": "ignored"})[-1] == Field("Person", "ignored")


def test_letters_are_joined_as_they_were_given() -> None:
    name = "\U0001f468\u200d\U0001f467 \u0646\u0645\u06cc\u200c\u062e"
    assert render.printable(name) == name
