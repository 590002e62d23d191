"""From decisions in their order to what they come to, undone ones left out.

An undo is a decision too: what it takes back never was, and all that came later is taken anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions.decision import Decision, Kind
from facewatchd.decisions.said import Said, Touched

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def replay(
    decisions: Sequence[Decision], known: tuple[int, Said] | None = None, until: int | None = None
) -> Said:
    """Return what ``decisions``, ordered by number, come to; or the first ``until`` of them.

    ``known`` is what so many of the first ones came to while the same of them were undone.
    """
    undone = undone_by(decisions)
    made_by = _makers(decisions)
    count, said = (0, Said()) if known is None else (known[0], known[1].copy())
    once = once_one(decisions)
    void = undone | said.inert.keys()
    for decision in decisions[count:until]:
        if decision.id in undone:
            continue
        if decision.kind is Kind.UNDO:
            said.find_by(decision.anchors)
            continue
        orphan = next((p for p in decision.named if made_by.get(p) in void), None)
        if orphan is not None:
            void.add(decision.id)
            said.inert[decision.id] = f"{orphan} was made by a decision that was undone"
        else:
            if decision.id in once:
                there = {p for p in once[decision.id] if made_by.get(p) not in void}
                said.remember(decision.id, there)
            said.take(decision)
    return said


def undone_by(decisions: Sequence[Decision]) -> set[str]:
    """Return the ids of the decisions that are undone; an undo can be undone too.

    What a changed picture inherited is undone with the decision that it comes from.
    """
    undone: set[str] = set()
    for decision in reversed(decisions):
        if decision.kind is Kind.UNDO and decision.id not in undone and decision.of is not None:
            undone.add(decision.of)
    for decision in decisions:
        if decision.kind is Kind.FORGET:
            undone.discard(decision.id)
        elif decision.kind is not Kind.UNDO and decision.of in undone:
            undone.add(decision.id)
    return undone


def once_one(decisions: Sequence[Decision]) -> dict[str, set[str]]:
    """Return who was one with its person when a rejection of faces was taken, by its id."""
    found: dict[str, set[str]] = {}
    merges: list[Decision] = []
    undos: list[Decision] = []
    standing = Said()  # what merges alone have come to
    for decision in decisions:
        if decision.kind is Kind.UNDO:
            undos.append(decision)
            if decision.of in {each.id for each in (*merges, *undos)}:
                standing = _merged(merges, undone_by(undos))
        elif decision.erased:
            continue
        elif decision.kind is Kind.MERGE:
            merges.append(decision)
            standing.take(decision)
        elif decision.kind is Kind.IS_NOT and decision.faces and merges and decision.person:
            found[decision.id] = standing.all_who_are(decision.person)
    return found


def _merged(merges: Iterable[Decision], undone: set[str]) -> Said:
    """Return the state after merges alone."""
    said = Said()
    for merge in merges:
        if merge.id not in undone:
            said.take(merge)
    return said


def difference(before: Said, after: Said) -> Touched:
    """Return for whom and for which faces two states differ."""
    people = {
        person
        for person in before.people.keys() | after.people.keys()
        if before.people.get(person) != after.people.get(person)
        or before.root(person) != after.root(person)
    }
    spots = {
        spot
        for spot in before.faces.keys() | after.faces.keys()
        if before.faces.get(spot) != after.faces.get(spot)
    }
    return Touched(people | {p for pair in before.apart ^ after.apart for p in pair}, spots)


def _makers(decisions: Iterable[Decision]) -> dict[str, str]:
    """Return by which decision each person came to be whom no clustering found.

    What a changed picture inherited makes nobody.
    """
    makers = [each for each in decisions if not each.erased and each.of is None]
    splits = {each.other: each.id for each in makers if each.kind is Kind.SPLIT and each.other}
    return splits | {each.person: each.id for each in makers if each.new and each.person}
