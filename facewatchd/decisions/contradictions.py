"""Which earlier decision a newer one contradicts; users are told, as the newer one counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions.decision import Decision, Kind
from facewatchd.decisions.origins import given_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def contradicted(
    decision: Decision, earlier: Iterable[Decision], root: Callable[[str], str]
) -> Decision | None:
    """Return the last of ``earlier`` that says otherwise of the same face or the same two people.

    ``earlier`` are in effect and before ``decision``, in their order; ``root`` says who somebody is
    after merges.
    """
    spots = {spoken.spot for spoken in decision.faces}
    found = None
    for each in earlier:
        same_faces = spots and any(spoken.spot in spots for spoken in each.faces)
        if (same_faces and _differ(each, decision, root)) or _pair_differs(each, decision):
            found = each
    return found


def _differ(one: Decision, other: Decision, root: Callable[[str], str]) -> bool:
    gives, gives_now = given_to(one), given_to(other)
    if Kind.IGNORE in {one.kind, other.kind}:
        return (gives is None) != (gives_now is None)
    if gives is not None and gives_now is not None:
        return root(gives) != root(gives_now)
    refused = _refused(one) if gives_now is not None else _refused(other)
    given = gives_now if gives_now is not None else gives
    return refused is not None and given is not None and root(refused) == root(given)


def _refused(decision: Decision) -> str | None:
    """Return to whom a decision refuses its faces."""
    return decision.person if decision.kind in {Kind.IS_NOT, Kind.SPLIT} else None


def _pair_differs(one: Decision, other: Decision) -> bool:
    kinds = {one.kind, other.kind}
    parts = kinds in ({Kind.MERGE, Kind.IS_NOT}, {Kind.MERGE, Kind.SPLIT})
    return parts and {one.person, one.other} == {other.person, other.other}
