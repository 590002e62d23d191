"""Whose a face was before decisions that have no effect any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions.decision import Kind, Spoken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from facewatchd.decisions.decision import Decision, Spot

_GIVE = {Kind.IS, Kind.CONFIRM, Kind.ADD_FACE}


def given_to(decision: Decision) -> str | None:
    """Return to whom a decision gives its faces, None if to nobody."""
    if decision.kind in _GIVE:
        return decision.person
    return decision.other if decision.kind is Kind.SPLIT else None


def origins(
    decisions: Iterable[Decision], lost: Collection[str], just_lost: Collection[str]
) -> dict[Spot, str | None]:
    """Return whose the faces of the decisions ``just_lost`` were, had none of ``lost`` ever been.

    Both are ids of decisions without effect.  Where one found a face to which another had given
    it, the face goes back to whose it was before that.
    """
    back: dict[Spoken, str | None] = {}  # a face and to whom it was given -> whose it was before
    was: dict[Spot, str | None] = {}
    for decision in decisions:
        if decision.id not in lost:
            continue
        given = given_to(decision)
        for spoken in decision.faces:
            before = back.get(spoken, spoken.was)
            back[Spoken(spoken.spot, given)] = before
            if decision.id in just_lost:
                was.setdefault(spoken.spot, before)
    return was
