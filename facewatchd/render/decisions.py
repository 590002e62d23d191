"""Decisions in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from facewatchd.render.show import Grid
from facewatchd.render.words import count, moment

if TYPE_CHECKING:
    from collections.abc import Callable

_ID = re.compile(r"[0-9a-f]{16}")
_SHORT = 8


def decision_words(decision: dict[str, Any], who: str | None = None) -> str:
    """Return what a decision says, without a full stop; its person may be called ``who``.

    Otherwise people are called as they are now, which may be by what the decision itself said.
    """
    if decision.get("inert") == "forgotten":
        return f"{decision['kind']}, of what is forgotten"
    if who is not None:
        decision = decision | {"person": who, "person_called": who}
    return _WORDS[decision["kind"]](decision)


def log_grid(decisions: list[dict[str, Any]]) -> Grid:
    """Return decisions, one a row."""
    rows = [
        (
            str(each["number"]),
            moment(each["at"]),
            each["origin"],
            decision_words(each),
            _effect(each["inert"]),
        )
        for each in decisions
    ]
    columns = ("Number", "When", "From", "Decision", "Effect")
    return Grid(columns, rows, "Nothing was decided yet.")


def _effect(inert: str | None) -> str:
    if inert is None:
        return ""
    return inert if inert in {"undone", "forgotten"} else f"none: {inert}"


def _person(decision: dict[str, Any]) -> str:
    return decision["person_called"] or _short(decision["person"])


def _other(decision: dict[str, Any]) -> str:
    return decision["other_called"] or _short(decision["other"])


def _short(person: str | None) -> str:
    if person is None:
        return "somebody"
    return person[:_SHORT] if _ID.fullmatch(person) else person


def _name(decision: dict[str, Any]) -> str:
    who = _short(decision["person"])  # by any name of today this would say nothing
    if decision["name"] is None:
        return f"{who} has no name"
    return f"{who} is called {decision['name']}"


def _merge(decision: dict[str, Any]) -> str:
    person, other = _person(decision), _other(decision)
    if person == other:  # the name of the other one stayed
        person = _short(decision["person"])
    called = f", called {decision['name']}" if decision["name"] else ""
    return f"{person} and {other} are one person{called}"


def _split(decision: dict[str, Any]) -> str:
    faces = count(decision["faces"], "face")
    return f"{faces} of {_person(decision)} {_are(decision)} somebody else, {_other(decision)}"


def _is(decision: dict[str, Any]) -> str:
    faces = count(decision["faces"], "face")
    if decision["name"] is not None:
        return f"{faces} {_are(decision)} somebody new, called {decision['name']}"
    return f"{faces} {_are(decision)} {_person(decision)}"


def _is_not(decision: dict[str, Any]) -> str:
    if not decision["faces"]:
        return f"{_person(decision)} and {_other(decision)} are two people"
    return f"{count(decision['faces'], 'face')} {_are(decision)} not {_person(decision)}"


def _confirm(decision: dict[str, Any]) -> str:
    faces = count(decision["faces"], "face")
    return f"{faces} of {_person(decision)} {_are(decision)} rightly there"


def _add_face(decision: dict[str, Any]) -> str:
    where = "in a photo, without a box" if decision["photos"] else "at a box in a photo"
    return f"{_person(decision)} is {where}"


def _forget(decision: dict[str, Any]) -> str:
    what = [
        count(decision[of], one)
        for of, one in (("photos", "photo"), ("faces", "face"))
        if decision[of]
    ]
    if decision["person"] is not None:
        what.insert(0, "a person")
    return f"{' and '.join(what)} forgotten"


def _are(decision: dict[str, Any]) -> str:
    return "is" if decision["faces"] == 1 else "are"


_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "name": _name,
    "merge": _merge,
    "split": _split,
    "is": _is,
    "is-not": _is_not,
    "confirm": _confirm,
    "ignore": lambda d: f"{count(d['faces'], 'face')} {_are(d)} ignored",
    "hide": lambda d: f"{_person(d)} is hidden",
    "unhide": lambda d: f"{_person(d)} is shown again",
    "cover": lambda d: f"{_person(d)} has another cover",
    "add-face": _add_face,
    "forget": _forget,
    "undo": lambda d: f"decision {d['of']} is taken back",
}
