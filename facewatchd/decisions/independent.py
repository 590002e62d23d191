"""Which confirmed faces came to their person independently of the similarity threshold.

The journal does not say how a face came to a person; it says when the user first spoke of that
person, and by which faces.  Until then a person's faces are what clustering made of them, and from
then on only the threshold adds to them.  So of faces that were with their person when the user
confirmed them, those count that the person had at that first decision: they stand in it, or among
its anchors (up to 64 faces, over all dates).  Others were given by the threshold and only waved
through.  What came between the last clustering and the first decision counts too: that is few.

A face that the user moved here from another person counts, and so does one that the user drew.  A
face that was nobody's does not: it was doubtful, and to say whose it is answers a question that was
asked because the face is below the threshold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.decisions.decision import Kind
from facewatchd.decisions.replaying import replay, undone_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.decisions.decision import Decision, Spoken, Spot
    from facewatchd.decisions.said import Said

_CONFIRMING = {Kind.IS, Kind.CONFIRM}
_TAKING_BACK = {Kind.IS_NOT, Kind.IGNORE, Kind.SPLIT}


def independently_confirmed(decisions: Sequence[Decision]) -> set[Spot]:
    """Return the faces that ``decisions``, ordered by number, confirm independently."""
    said, undone = replay(decisions), undone_by(decisions)
    at_first: dict[str, set[Spot]] = {}  # by owner: the faces when the user first spoke of them
    found: set[Spot] = set()
    for decision in decisions:
        if decision.kind is Kind.UNDO or decision.id in undone or decision.id in said.inert:
            continue
        _note_first(decision, at_first)
        if decision.kind is Kind.ADD_FACE:
            found |= {each.spot for each in decision.faces}
        elif decision.kind in _CONFIRMING:
            found |= {
                e.spot for e in decision.faces if _is_independent(e, decision, said, at_first)
            }
        elif decision.kind in _TAKING_BACK:
            found -= {each.spot for each in decision.faces}
    return found


def _note_first(decision: Decision, at_first: dict[str, set[Spot]]) -> None:
    spoken_of = {each for each in (decision.person, decision.other) if each is not None}
    for owner in (spoken_of | decision.anchors.keys()) - at_first.keys():
        own = {each.spot for each in decision.faces if each.was == owner}
        at_first[owner] = own | set(decision.anchors.get(owner, ()))


def _is_independent(
    spoken: Spoken, decision: Decision, said: Said, at_first: dict[str, set[Spot]]
) -> bool:
    if spoken.was is None or decision.person is None:
        return False
    moved = said.root(spoken.was) != said.root(decision.person)
    return moved or spoken.spot in at_first.get(spoken.was, ())
