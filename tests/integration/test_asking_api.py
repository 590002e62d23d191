"""What the daemon asks its user, over a real library: suggestions, questions, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.api import openapi
from facewatchd.client import Client
from facewatchd.errors import ApiError, NotFoundError
from facewatchd.store import reading
from tests.support.living import Living
from tests.support.schema import violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# As far from the first person as two looks of one person may be, and within reach of no face.
OLDER = [(0.0, 0.42), (0.0, 0.44), (0.0, 0.46)]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Living]:
    """Serve a library in which 8, 9 and 10 are perhaps the person of 1, 2 and 3, older."""
    with Living(tmp_path) as made:
        made.ask(lambda: _grow(made))
        yield made


def _grow(control: Living) -> None:
    for place in OLDER:
        control.library.add(place)
    control.library.found([8, 9, 10])
    control.library.placing.find_candidates([7])


@pytest.fixture
def client(control: Living, tmp_path: Path) -> Client:  # noqa: ARG001 -- it must serve
    return Client(tmp_path / "api.sock")


def wrong(path: str, answer: Any) -> list[str]:
    responses = openapi()["paths"][path]["get"]["responses"]
    return violations(responses["200"]["content"]["application/json"]["schema"], answer)


def asked(client: Client) -> list[tuple[list[int], list[str]]]:
    """Return the faces of each question, and the candidates."""
    return [
        ([face["face"] for face in each["faces"]], [c["person"] for c in each["candidates"]])
        for each in client.questions()["questions"]
    ]


def pairs(client: Client) -> list[set[str]]:
    return [{each["person"]["person"], each["other"]["person"]} for each in client.suggestions()]


def test_answers_have_the_shapes_that_the_api_describes(client: Client) -> None:
    found = client.suggestions()
    assert wrong("/v1/suggestions", found) == []
    assert wrong("/v1/suggestion", client.suggestion(found[0]["number"])) == []
    assert wrong("/v1/questions", client.questions()) == []
    assert wrong("/v1/calibrate", client.calibrate()) == []


def test_two_who_may_be_one_are_suggested_until_they_are_one(
    client: Client, control: Living
) -> None:
    ann, older = control.owner(1), control.owner(8)
    [pair] = client.suggestions()
    assert {pair["person"]["person"], pair["other"]["person"]} == {ann, older}
    assert pair["settles"] == 3
    assert pair["similarity"] == pytest.approx(0.57, abs=0.01)
    client.say("people/merge", person=ann, other=older)
    assert pairs(client) == []
    client.say("undo")
    assert pairs(client) == [{ann, older}]


def test_a_suggestion_that_is_refused_never_comes_back(client: Client, control: Living) -> None:
    client.say("people/apart", person=control.owner(1), other=control.owner(8))
    assert pairs(client) == []
    client.say("people/name", person=control.owner(8), name="Ann's sister")
    assert pairs(client) == []


def test_nobody_who_is_hidden_is_suggested(client: Client, control: Living) -> None:
    client.say("people/hide", person=control.owner(8))
    assert pairs(client) == []


def test_a_number_stays_with_the_pair_that_it_was_shown_with(
    client: Client, control: Living
) -> None:
    with pytest.raises(NotFoundError):
        client.suggestion(1)
    [before] = client.suggestions()
    control.ask(lambda: _three_more(control))
    now = {each["number"]: each for each in client.suggestions()}
    assert len(now) == 2
    assert now[before["number"]]["other"]["person"] == before["other"]["person"]
    client.say("people/apart", person=control.owner(1), other=control.owner(8))
    assert client.suggestion(before["number"])["other"]["person"] == before["other"]["person"]


def _three_more(control: Living) -> None:
    for place in ((2.0, 2.42), (2.0, 2.44), (2.0, 2.46), (2.0, 2.48)):
        control.library.add(place)
    control.library.found([11, 12, 13, 14])


def test_a_question_is_asked_until_it_is_answered(client: Client, control: Living) -> None:
    ann, older = control.owner(1), control.owner(8)
    answer = client.questions()
    assert (answer["waiting"], answer["faces"]) == (1, 1)
    assert asked(client) == [([7], [ann])]
    client.say("faces/reject", faces=[7], person=ann)
    assert asked(client) == []
    client.say("undo")
    assert asked(client) == [([7], [ann])]
    client.say("faces/assign", faces=[7], person=older)
    assert asked(client) == []


def test_who_was_refused_for_one_face_is_not_asked_for_those_that_look_the_same(
    client: Client, control: Living
) -> None:
    ann = control.owner(1)
    control.ask(lambda: control.library.add((0.41, 0.0)))
    assert asked(client) == [([7, 11], [ann])]
    client.say("faces/reject", faces=[7], person=ann)
    assert asked(client) == [([11], [ann])]


def test_what_a_clustering_thinks_wrong_is_asked_after_it_until_that_is_answered(
    client: Client, control: Living
) -> None:
    ann, ben = control.owner(1), control.owner(4)
    client.say("people/name", person=ann, name="Ann")
    control.ask(lambda: _think_wrong(control, 2, ben))
    last = client.questions()["questions"][-1]
    assert wrong("/v1/questions", client.questions()) == []
    assert last["person"]["name"] == "Ann"
    assert asked(client)[-1] == ([2], [ben])
    client.say("faces/assign", faces=[2], person=ann)
    assert ([2], [ben]) not in asked(client)


def _think_wrong(control: Living, face: int, other: str) -> None:
    store = control.library.store
    with store.transaction():
        store._db.execute("INSERT INTO questions VALUES (?, ?, 0.6)", [face, other])


def test_the_second_of_two_answers_to_one_question_is_refused_and_says_so(
    client: Client, control: Living
) -> None:
    seen = client.questions()["decision"]
    client.say("faces/assign", faces=[7], person=control.owner(1), since=seen)
    for what in ("assign", "reject"):
        with pytest.raises(ApiError, match="answered for face 7 meanwhile: decision 1"):
            client.say(f"faces/{what}", faces=[7], person=control.owner(4), since=seen)
    with pytest.raises(ApiError, match="meanwhile"):
        client.say("faces/ignore", faces=[7], since=seen)
    assert control.owner(7) == control.owner(1)
    client.say("undo")
    client.say("faces/assign", faces=[7], person=control.owner(4), since=seen)
    assert control.owner(7) == control.owner(4)


def test_whom_to_name_first_is_told_with_the_share_of_faces(
    client: Client, control: Living
) -> None:
    database = control.library.store.path

    def first() -> dict[str, Any] | None:
        with reading(database) as store:
            return control.advising.first(store)

    found = first()
    assert found is not None
    assert [each["faces"] for each in found["people"]] == [3, 3, 3]
    assert found["share"] == 1.0
    for number, face in enumerate((1, 4, 8)):
        client.say("people/name", person=control.owner(face), name=f"Person {number}")
    assert first() is None


def test_a_library_without_enough_confirmed_faces_gets_a_table_and_no_proposal(
    client: Client, control: Living
) -> None:
    client.say("people/name", person=control.owner(1), name="Ann")
    client.say("people/confirm", person="Ann")
    client.say("faces/assign", faces=[7], person="Ann")
    found = client.calibrate()
    assert found["confirmed"] == 3  # the answer about face 7 is none
    assert found["proposal"] is None
    assert str(found["needed"]) in found["why"]
    assert [row["given"]["of"] for row in found["rows"]] == [3] * len(found["rows"])
    present = next(row for row in found["rows"] if row["similarity"] == found["threshold"])
    assert present["given"]["hits"] == 3


def test_a_picture_of_a_face_that_is_gone_says_so(client: Client) -> None:
    with pytest.raises(NotFoundError, match="no face 99"):
        client.picture(99)
    with pytest.raises(ApiError, match="5 pixels"):
        client.picture(1, side=5)
    with pytest.raises(ApiError, match="'gif'"):
        client.picture(1, form="gif")
