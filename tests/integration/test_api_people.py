"""The routes about people, faces and decisions, over a real library."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from facewatchd.api import openapi
from facewatchd.client import Client
from facewatchd.errors import ApiError, Exit, FacewatchError, NotFoundError
from tests.support.living import Living
from tests.support.schema import violations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAYING = (
    *("people/name", "people/merge", "people/apart", "people/split", "people/confirm"),
    *("people/hide", "people/unhide", "people/cover", "faces/assign", "faces/reject"),
    *("faces/ignore", "faces/add", "undo"),
)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Living]:
    with Living(tmp_path) as made:
        yield made


@pytest.fixture
def client(control: Living, tmp_path: Path) -> Client:  # noqa: ARG001 -- it must serve
    return Client(tmp_path / "api.sock")


@pytest.fixture
def raw(control: Living, tmp_path: Path) -> Iterator[httpx.Client]:  # noqa: ARG001 -- it must serve
    transport = httpx.HTTPTransport(uds=str(tmp_path / "api.sock"), verify=False)
    with httpx.Client(base_url="http://facewatchd", transport=transport, trust_env=False) as made:
        yield made


def wrong(path: str, answer: Any, method: str = "get") -> list[str]:
    responses = openapi()["paths"][path][method]["responses"]
    return violations(responses["200"]["content"]["application/json"]["schema"], answer)


def test_answers_have_the_shapes_that_the_api_describes(client: Client, control: Living) -> None:
    client.say("people/name", person=control.owner(1), name="Ann")
    client.say("people/hide", person=control.owner(4))
    path = control.telling.face(7)["photo"]
    client.say("faces/ignore", faces=[7])
    assert wrong("/v1/people", client.people()) == []
    assert wrong("/v1/person", client.person("Ann")) == []
    assert wrong("/v1/person/faces", client.faces_of("Ann")) == []
    assert wrong("/v1/face", client.face(1)) == []
    assert wrong("/v1/face", client.face(7)) == []
    assert wrong("/v1/find", client.find(os.fsencode(path))) == []
    assert wrong("/v1/photos", client.photos(["Ann"])) == []
    assert wrong("/v1/decisions", client.decisions()) == []
    client.say("people/unhide", person=control.owner(4))
    assert wrong("/v1/people/unnamed", client.unnamed(9)) == []


def test_each_decision_is_answered_in_the_shape_of_one(client: Client, control: Living) -> None:
    ann, ben, photo = control.owner(1), control.owner(4), control.telling.face(1)["photo"]
    said = {
        "people/name": client.say("people/name", person=ann, name="Ann"),
        "people/apart": client.say("people/apart", person=ann, other=ben),
        "people/confirm": client.say("people/confirm", person=ann),
        "people/hide": client.say("people/hide", person=ben),
        "people/unhide": client.say("people/unhide", person=ben),
        "people/cover": client.say("people/cover", person=ann, face=2),
        "faces/assign": client.say("faces/assign", faces=[7], new="Zoe"),
        "faces/reject": client.say("faces/reject", faces=[4, 5]),
        "faces/ignore": client.say("faces/ignore", faces=[5]),
        "faces/add": client.say("faces/add", path=os.fsencode(photo), person=ben),
        "people/split": client.say("people/split", person=ann, faces=[3]),
        "people/merge": client.say("people/merge", person=ann, other=ben),
        "undo": client.say("undo"),
    }
    assert set(said) == set(SAYING)
    for route, answer in said.items():
        assert wrong(f"/v1/{route}", answer, "post") == [], route
    assert [each["number"] for each in client.decisions()] == list(range(13, 0, -1))
    kinds = [each["kind"] for each in reversed(client.decisions())]
    assert kinds == [
        *("name", "is-not", "confirm", "hide", "unhide", "cover", "is", "is-not", "ignore"),
        *("add-face", "split", "merge", "undo"),
    ]


def test_a_person_is_asked_about_by_name_folder_and_id(client: Client, control: Living) -> None:
    ann = control.owner(1)
    client.say("people/name", person="person_0001", name="Änn O'Neil & Co?")
    for text in (ann, ann[:6], "änn o'neil & CO?"):
        assert client.person(text)["id"] == ann
    assert client.person(ann) | {"first": 0, "last": 0} == {
        "id": ann,
        "name": "Änn O'Neil & Co?",
        "folder": "Änn O'Neil & Co_",
        "hidden": False,
        "kept": True,
        "looks": 1,
        "faces": 3,
        "photos": 3,
        "confirmed": 0,
        "first": 0,
        "last": 0,
        "merged": [],
    }


def test_photos_are_those_with_all_and_without_others(client: Client, control: Living) -> None:
    library = control.library
    control.ask(lambda: library.add((0.01, 0.0), (2.01, 2.0), captured=1e9))
    ann, ben = control.owner(1), control.owner(4)

    def names(*asked: Any) -> list[str]:
        return [os.path.basename(photo["path"]) for photo in client.photos(*asked)]

    assert names([ann]) == ["1.jpg", "2.jpg", "3.jpg", "8.jpg"]
    assert names([ann, ben]) == ["8.jpg"]
    assert names([ann], [ben]) == ["1.jpg", "2.jpg", "3.jpg"]
    assert names([], [ann, ben]) == ["7.jpg"]
    assert names([ann], [], 7200.0) == ["2.jpg", "3.jpg", "8.jpg"]
    assert names([ann], [], None, 7200.0) == ["1.jpg"]


def test_the_log_begins_where_it_is_asked_to(client: Client, control: Living) -> None:
    for name in ("A", "B", "C"):
        client.say("people/name", person=control.owner(1), name=name)
    assert [each["name"] for each in client.decisions(limit=2)] == ["C", "B"]
    assert [each["number"] for each in client.decisions(first=2)] == [3, 2]
    undo = client.say("undo", decision="2")
    assert (undo["kind"], undo["of"], undo["inert"]) == ("undo", 2, None)
    assert [each["inert"] for each in client.decisions()] == [None, None, "undone", None]
    assert {each["person_called"] for each in client.decisions(first=1)} == {"C", None}


def test_faces_of_small_unnamed_people_are_counted_and_ignored_at_once(
    client: Client, control: Living
) -> None:
    client.say("people/name", person=control.owner(1), name="Ann")
    assert client.unnamed(4) == {"people": 1, "faces": 3}
    assert client.say("faces/ignore", unnamed_below=4)["faces"] == 3
    assert [control.telling.face(face)["said"] for face in (4, 5, 6)] == ["ignored"] * 3
    with pytest.raises(ApiError, match="Nobody without a name"):
        client.unnamed(4)
    client.say("undo")
    assert [control.telling.face(face)["said"] for face in (4, 5, 6)] == [None] * 3


@pytest.mark.parametrize(
    ("route", "parameters", "title"),
    [
        ("people/name", {}, "The parameter person is missing."),
        ("people/name", {"person": "person_0001", "name": "a\nb"}, "The character U+000A"),
        ("people/name", {"person": "person_0001", "name": ".."}, "'..' is no name."),
        ("people/name", {"person": "person_0001", "name": "x" * 10_000}, "A name of 10,000"),
        ("people/name", {"person": "person_0001", "name": b"a\xff"}, "The character U+DCFF"),
        ("people/name", {"person": "person_0001", "another": "yes"}, "The parameter another is"),
        ("people/merge", {"person": "person_0001", "other": "person_0001"}, "'person_0001' and"),
        ("people/split", {"person": "person_0001", "faces": "1,x"}, "The parameter faces has 'x'"),
        ("people/split", {"person": "person_0001", "faces": "4"}, "Face 4 is not with"),
        ("people/split", {"person": "person_0001", "faces": "1,2,3"}, "These are all faces of"),
        ("people/cover", {"person": "person_0001", "face": "-1"}, "The parameter face has '-1'"),
        ("people/cover", {"person": "person_0001", "face": "4"}, "Face 4 is not with"),
        ("faces/assign", {"faces": "1"}, "The parameter person is missing."),
        ("faces/assign", {"faces": "9" * 30, "person": "person_0001"}, "The parameter faces has"),
        ("faces/reject", {"faces": "1,4"}, "These faces are not all with one person."),
        ("faces/ignore", {}, "The parameter faces is missing."),
        ("faces/ignore", {"unnamed_below": "0"}, "Nobody without a name"),
    ],
)
def test_a_wrong_wish_is_refused_and_nothing_is_decided(
    client: Client, route: str, parameters: dict[str, Any], title: str
) -> None:
    with pytest.raises(FacewatchError) as raised:
        client.say(route, **parameters)
    assert raised.value.title.startswith(title)
    assert raised.value.exit_code == Exit.FAILED
    assert client.decisions() == []


@pytest.mark.parametrize(
    ("route", "parameters"),
    [
        ("people/name", {"person": "nobody", "name": "Ann"}),
        ("people/merge", {"person": "person_0001", "other": "nobody"}),
        ("faces/assign", {"faces": "99", "person": "person_0001"}),
        ("faces/assign", {"faces": "1", "person": "nobody"}),
        ("faces/ignore", {"faces": "99"}),
        ("faces/add", {"path": b"/nowhere/\xff.jpg", "person": "person_0001"}),
        ("undo", {}),
        ("undo", {"decision": "7"}),
    ],
)
def test_who_or_what_is_not_there_is_said_so(
    client: Client, route: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.say(route, **parameters)
    assert raised.value.remedy
    assert client.decisions() == []


def test_a_command_line_full_of_faces_is_not_too_long(client: Client) -> None:
    with pytest.raises(NotFoundError, match="There is no face 1000000 "):
        client.say("faces/ignore", faces=range(1_000_000, 1_200_000))


@pytest.mark.parametrize(
    ("edges", "title"),
    [
        ("1,2,3", "A box has four edges, not 3."),
        ("0,0,10,9", "The box 0,0,10,9 is not in the photo, which has 9 x 9 pixels."),
        ("4,0,4,9", "The box 4,0,4,9 is not in the photo"),
    ],
)
def test_a_box_that_is_none_is_refused(
    client: Client, control: Living, edges: str, title: str
) -> None:
    photo = os.fsencode(control.telling.face(1)["photo"])
    with pytest.raises(ApiError) as raised:
        client.say("faces/add", path=photo, person="person_0001", box=edges)
    assert raised.value.title.startswith(title)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("/v1/photos?since=yesterday", "The parameter since is 'yesterday'."),
        ("/v1/photos?until=nan", "The parameter until is 'nan'."),
        ("/v1/decisions?first=-1", "The parameter first has '-1'."),
        ("/v1/decisions?limit=0", "The parameter limit is '0'."),
        ("/v1/people/unnamed", "The parameter below is missing."),
        ("/v1/face?face=1.5", "The parameter face has '1.5'."),
        ("/v1/person", "The parameter person is missing."),
    ],
)
def test_a_wrong_question_is_refused_and_named(raw: httpx.Client, query: str, title: str) -> None:
    response = raw.get(query)
    assert (response.status_code, response.json()["error"]["title"]) == (400, title)


def test_two_people_of_one_name_are_told_apart_by_id(client: Client, control: Living) -> None:
    ann, ben = control.owner(1), control.owner(4)
    client.say("people/name", person=ann, name="Ann")
    with pytest.raises(ApiError, match="There is a 'Ann' already"):
        client.say("people/name", person=ben, name="ANN")
    client.say("people/name", person=ben, name="ANN", another=True)
    with pytest.raises(ApiError) as raised:
        client.person("ann")
    assert ann in raised.value.title
    assert ben in raised.value.title
