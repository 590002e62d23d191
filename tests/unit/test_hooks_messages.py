"""Which events a hook is told of, in which words, and how many at once."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.events import Kind
from facewatchd.hooks.messages import messages, missed, trial, wanted

FACTS: dict[str, dict[str, Any]] = {
    Kind.PERSON_NEW: {"person": "a1", "number": 7, "photos": 4},
    Kind.DOUBTFUL: {"count": 120, "before": 80},
    Kind.PHOTO_FAILED: {"file": 3, "root": "/photos", "error": "The file is cut short"},
    Kind.ROOT_OFFLINE: {"root": "/photos", "reason": "its disk is not mounted"},
    Kind.ROOT_DEGRADED: {"root": "/photos", "folders": 3},
    Kind.ROOT_BACK: {"root": "/photos"},
    Kind.DECISION_FOLDER: {"decision": 12, "said": "merge", "person": "a1", "faces": 0},
    Kind.PLAN_WAITING: {"plan": "0a1b2c3d", "churn": 0.1, "moves": 26},
}


def event(kind: str, nth: int = 1, **facts: Any) -> dict[str, Any]:
    return {
        "id": f"{nth}-{nth * 1000}",
        "at": float(nth),
        "kind": kind,
        "facts": FACTS[kind] | facts,
    }


def counts(*numbers: int) -> list[dict[str, Any]]:
    return [event("doubtful", i, count=count) for i, count in enumerate(numbers, 1)]


def test_only_the_kinds_that_are_named_are_told() -> None:
    events = [event(kind, number) for number, kind in enumerate(FACTS, 1)]
    found, _ = wanted(events, {"person.new", "root.back"}, 100, above=False)
    assert [each["kind"] for each in found] == ["person.new", "root.back"]


def test_many_doubtful_faces_are_told_once_until_they_are_few_again() -> None:
    found, above = wanted(counts(99, 100, 101, 150, 101), {"doubtful"}, 100, above=False)
    assert ([each["facts"]["count"] for each in found], above) == ([101], True)
    found, above = wanted(counts(120, 100, 130), {"doubtful"}, 100, above=above)
    assert ([each["facts"]["count"] for each in found], above) == ([130], True)
    assert wanted(counts(100), {"doubtful"}, 100, above=True) == ([], False)


@given(st.lists(st.integers(0, 20)), st.integers(0, 20), st.integers(0, 20))
def test_it_does_not_matter_how_the_numbers_come_in_portions(
    numbers: list[int], most: int, cut: int
) -> None:
    events = counts(*numbers)
    whole, above = wanted(events, {"doubtful"}, most, above=False)
    first, between = wanted(events[:cut], {"doubtful"}, most, above=False)
    second, at_end = wanted(events[cut:], {"doubtful"}, most, above=between)
    assert (first + second, at_end) == (whole, above)
    assert above == (bool(numbers) and numbers[-1] > most)


def test_many_new_people_are_one_message() -> None:
    events = [event("person.new", n, number=n) for n in range(1, 270)]
    (message,) = messages(events, single=False)
    assert message.text == (
        "269 people are new: person_0001, person_0002, person_0003, person_0004, person_0005, "
        "person_0006, person_0007, person_0008, person_0009, person_0010 and 259 more."
    )
    assert (message.id, message.kind, len(message.events)) == ("269-269000", "person.new", 269)
    assert len(messages(events, single=True)) == 269


def test_what_happened_to_roots_is_told_in_the_end_alone() -> None:
    events = [
        event("root.offline", 1),
        event("person.new", 2),
        event("root.offline", 3, root="/disk"),
        event("root.back", 4),
    ]
    roots, people = messages(events, single=False)
    assert roots.text == "/photos is back. /disk is offline: its disk is not mounted."
    assert (roots.kind, [each["kind"] for each in roots.events]) == (
        "root.back",
        ["root.offline", "root.offline", "root.back"],
    )
    assert people.text == "person_0007 is new, with 4 photos."


@pytest.mark.parametrize(
    ("kind", "facts", "text"),
    [
        ("person.new", {"person_called": "Anna"}, "Anna is new, with 4 photos."),
        ("doubtful", {}, "120 faces are doubtful. See: facewatchctl doubtful next"),
        (
            "photo.failed",
            {},
            "A photo in /photos could not be read: The file is cut short. See: facewatchctl errors",
        ),
        (
            "photo.failed",
            {"path": "/photos/a.jpg"},
            "/photos/a.jpg could not be read: The file is cut short. See: facewatchctl errors",
        ),
        ("root.degraded", {}, "/photos is degraded: 3 folders are not watched."),
        (
            "decision.folder",
            {},
            "Decision 12 came from the folders: merge. See: facewatchctl log",
        ),
        (
            "plan.waiting",
            {},
            "The plan 0a1b2c3d waits: 26 faces would move. See: facewatchctl plan show",
        ),
    ],
)
def test_an_event_in_words(kind: str, facts: dict[str, Any], text: str) -> None:
    (message,) = messages([event(kind, **facts)], single=False)
    assert message.text == text


def test_many_of_a_kind_in_words() -> None:
    failed = [event("photo.failed", n, error="It is empty" if n < 3 else "Cut") for n in range(9)]
    assert messages(failed, single=False)[0].text == (
        "9 photos could not be read: Cut (6), It is empty (3). See: facewatchctl errors"
    )
    decided = [event("decision.folder", n, decision=n) for n in (4, 5, 6)]
    assert messages(decided, single=False)[0].text == (
        "3 decisions came from the folders: 4 to 6. See: facewatchctl log"
    )


@given(st.lists(st.sampled_from(sorted(FACTS))), st.booleans())
def test_every_event_is_in_one_message_and_in_order(kinds: list[str], single: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
    events = [event(kind, number) for number, kind in enumerate(kinds, 1)]
    told = messages(events, single=single)
    ids = [[each["id"] for each in message.events] for message in told]
    assert sorted(chain(*ids)) == sorted(each["id"] for each in events)
    assert all(sorted(each, key=lambda i: int(i.split("-")[0])) == each for each in ids)
    assert len({message.id for message in told}) == len(told)
    assert all(message.document("h", "l")["count"] == len(message.events) for message in told)


def test_what_is_missed_and_a_test_are_messages_too() -> None:
    assert missed(1200, "7-7").text == (
        "1,200 events happened of which nothing is known any more. See: facewatchctl status"
    )
    assert trial("phone").text == "A test of the hook phone."
