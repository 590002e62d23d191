"""Which earlier decision a newer one contradicts."""

from __future__ import annotations

from typing import Any

import pytest

from facewatchd.decisions import Decision, Kind, Spoken, Spot
from facewatchd.decisions.contradictions import contradicted
from facewatchd.model import Box

FACE = Spoken(Spot(b"photo", Box(0, 0, 9, 9)))
OTHER_FACE = Spoken(Spot(b"photo", Box(20, 0, 29, 9)))


def said(number: int, kind: Kind, **fields: Any) -> Decision:
    if kind not in {Kind.MERGE, Kind.HIDE} and "other" not in fields:
        fields.setdefault("faces", (FACE,))
    return Decision(str(number), number, float(number), kind, **fields)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"kind": Kind.IS, "person": "ann"}, {"kind": Kind.IS, "person": "ben"}),
        ({"kind": Kind.IS, "person": "ann"}, {"kind": Kind.IS_NOT, "person": "ann"}),
        ({"kind": Kind.IS_NOT, "person": "ann"}, {"kind": Kind.CONFIRM, "person": "ann"}),
        ({"kind": Kind.IGNORE}, {"kind": Kind.IS, "person": "ann"}),
        ({"kind": Kind.IS, "person": "ann"}, {"kind": Kind.IGNORE}),
        (
            {"kind": Kind.SPLIT, "person": "ann", "other": "ben", "faces": (FACE,)},
            {"kind": Kind.IS, "person": "ann"},
        ),
        (
            {"kind": Kind.IS_NOT, "person": "ann", "other": "ben"},
            {"kind": Kind.MERGE, "person": "ben", "other": "ann"},
        ),
    ],
)
def test_what_says_otherwise_is_found(first: dict[str, Any], second: dict[str, Any]) -> None:
    one, other = said(1, **first), said(2, **second)
    assert contradicted(other, [one], str) == one


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"kind": Kind.IS, "person": "ann"}, {"kind": Kind.CONFIRM, "person": "ann"}),
        ({"kind": Kind.IS_NOT, "person": "ann"}, {"kind": Kind.IS, "person": "ben"}),
        ({"kind": Kind.IS_NOT, "person": "ann"}, {"kind": Kind.IS_NOT, "person": "ben"}),
        ({"kind": Kind.IGNORE}, {"kind": Kind.IGNORE}),
        (
            {"kind": Kind.IS, "person": "ann", "faces": (OTHER_FACE,)},
            {"kind": Kind.IS, "person": "ben"},
        ),
        (
            {"kind": Kind.IS_NOT, "person": "ann", "other": "ben"},
            {"kind": Kind.MERGE, "person": "ann", "other": "cal"},
        ),
    ],
)
def test_what_goes_together_is_not(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert contradicted(said(2, **second), [said(1, **first)], str) is None


def test_the_last_of_several_is_told() -> None:
    earlier = [said(1, Kind.IS, person="ann"), said(2, Kind.IS, person="ben")]
    newer = said(3, Kind.IS, person="cal")
    assert contradicted(newer, earlier, str) == earlier[1]


def test_people_are_compared_as_they_are_after_merges() -> None:
    one, other = said(1, Kind.IS, person="ann"), said(2, Kind.IS, person="ben")
    assert contradicted(other, [one], lambda _: "ann") is None
