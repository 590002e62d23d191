"""A decision as a line of the journal."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.decisions import Decision, Kind, from_line, to_line
from facewatchd.errors import JournalError
from tests.support.deciding import ANY_DECISION, SPOTS, Saying

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "journal.md"
LINE = {"v": 1, "id": "a", "number": 1, "at": 1.5, "kind": "hide", "origin": "page", "person": "p"}


@given(ANY_DECISION)
def test_a_decision_comes_back_from_its_line(decision: Decision) -> None:
    assert from_line(to_line(decision)) == decision


@given(ANY_DECISION)
def test_a_line_is_one_line_of_ascii(decision: Decision) -> None:
    line = to_line(decision)
    assert line.isascii()
    assert line.isprintable()


def test_a_line_leaves_out_what_is_not_said() -> None:
    line = json.loads(to_line(Saying()(Kind.CONFIRM, SPOTS[0], person="anna")))
    assert line.keys() == {"v", "id", "number", "at", "kind", "origin", "person", "faces"}
    assert line["faces"] == [{"photo": "00" * 32, "box": [0, 0, 9, 9], "was": None}]


def test_what_a_later_release_adds_to_a_line_is_passed_over() -> None:
    line = json.dumps(LINE | {"mood": "good"})
    assert from_line(line) == from_line(json.dumps(LINE))


def test_a_line_of_a_newer_version_asks_for_a_newer_facewatchd() -> None:
    with pytest.raises(JournalError, match="version 2") as refused:
        from_line(json.dumps(LINE | {"v": 2}))
    assert "newer" in refused.value.remedy


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "guess"},
        {"origin": "moon"},
        {"id": 7},
        {"id": None},
        {"number": "one"},
        {"number": math.inf},
        {"at": math.nan},
        {"faces": [{"photo": "00", "box": [1, 2, 3, math.inf]}]},
        {"at": None},
        {"person": 7},
        {"name": ["Anna"]},
        {"faces": [{"photo": "00", "box": [1, 2, 3]}]},
        {"faces": [{"photo": "no hash", "box": [1, 2, 3, 4]}]},
        {"faces": [{"box": [1, 2, 3, 4]}]},
        {"faces": 3},
        {"photos": [3]},
        {"anchors": ["p"]},
    ],
)
def test_a_line_with_something_wrong_in_it_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(JournalError):
        from_line(json.dumps(LINE | wrong))


@pytest.mark.parametrize("key", ["v", "id", "number", "at", "kind", "origin"])
def test_a_line_without_what_every_decision_has_is_refused(key: str) -> None:
    with pytest.raises(JournalError):
        from_line(json.dumps({k: v for k, v in LINE.items() if k != key}))


@given(ANY_DECISION, st.data())
def test_half_a_line_is_refused(decision: Decision, data: st.DataObject) -> None:
    line = to_line(decision)
    with pytest.raises(JournalError):
        from_line(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize("line", ["", "null", "[]", "7", '"v"', "{}", "\0\0\0", "name Anna"])
def test_what_is_no_line_is_refused(line: str) -> None:
    with pytest.raises(JournalError):
        from_line(line)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "hide", "person": None},
        {"kind": "merge"},
        {"kind": "split"},
        {"kind": "cover"},
        {"kind": "is", "person": None},
        {"kind": "undo"},
    ],
)
def test_a_line_that_lacks_what_its_kind_needs_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(JournalError):
        from_line(json.dumps(LINE | fields))


def test_the_document_shows_every_kind() -> None:
    lines = [line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith('{"v"')]
    assert {from_line(line).kind for line in lines} == set(Kind)
    assert [json.loads(to_line(from_line(line))) for line in lines] == list(map(json.loads, lines))
