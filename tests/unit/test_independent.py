"""Which confirmed faces say something of a threshold, and which it has chosen itself."""

from __future__ import annotations

from typing import Any

from facewatchd.decisions import Decision, Kind, Spoken, Spot
from facewatchd.decisions.independent import independently_confirmed
from facewatchd.model import Box

ANN, BEN = "a" * 16, "b" * 16


def spot(number: int) -> Spot:
    return Spot(bytes([number]) * 16, Box(0, 0, 9, 9))


def with_(person: str | None, *numbers: int) -> tuple[Spoken, ...]:
    return tuple(Spoken(spot(number), person) for number in numbers)


def journal(*decisions: tuple[Kind, dict[str, Any]]) -> list[Decision]:
    return [
        Decision(id=f"{number:032x}", number=number, at=float(number), kind=kind, **fields)
        for number, (kind, fields) in enumerate(decisions, 1)
    ]


def confirmed(*decisions: tuple[Kind, dict[str, Any]]) -> set[int]:
    return {each.photo[0] for each in independently_confirmed(journal(*decisions))}


def test_what_clustering_put_together_counts_when_it_is_confirmed() -> None:
    assert confirmed((Kind.CONFIRM, {"person": ANN, "faces": with_(ANN, 1, 2)})) == {1, 2}


def test_what_came_after_the_name_was_given_by_the_threshold_and_does_not() -> None:
    named = (Kind.NAME, {"person": ANN, "name": "Ann", "anchors": {ANN: (spot(1), spot(2))}})
    waved_through = (Kind.CONFIRM, {"person": ANN, "faces": with_(ANN, 1, 2, 3)})
    assert confirmed(named, waved_through) == {1, 2}


def test_the_answer_to_a_question_about_a_doubtful_face_does_not_count() -> None:
    answer = (Kind.IS, {"person": ANN, "faces": with_(None, 3)})
    waved_through = (Kind.CONFIRM, {"person": ANN, "faces": with_(ANN, 3)})
    assert confirmed(answer) == set()
    assert confirmed(answer, waved_through) == set()


def test_a_face_that_the_user_moved_here_or_drew_counts() -> None:
    moved = (Kind.IS, {"person": ANN, "faces": with_(BEN, 3)})
    drawn = (Kind.ADD_FACE, {"person": ANN, "faces": with_(None, 4)})
    assert confirmed(moved, drawn) == {3, 4}


def test_moving_a_face_between_two_who_are_one_is_no_correction() -> None:
    named = (Kind.NAME, {"person": BEN, "name": "Ben", "anchors": {BEN: (spot(1),)}})
    moved = (Kind.IS, {"person": ANN, "faces": with_(BEN, 3)})
    assert confirmed(named, moved) == {3}
    assert confirmed(named, moved, (Kind.MERGE, {"person": ANN, "other": BEN})) == set()


def test_what_was_taken_back_counts_no_more() -> None:
    sure = (Kind.CONFIRM, {"person": ANN, "faces": with_(ANN, 1, 2)})
    assert confirmed(sure, (Kind.IS_NOT, {"person": ANN, "faces": with_(ANN, 1)})) == {2}
    assert confirmed(sure, (Kind.IGNORE, {"faces": with_(ANN, 2)})) == {1}
    assert confirmed(sure, (Kind.UNDO, {"of": f"{1:032x}"})) == set()
