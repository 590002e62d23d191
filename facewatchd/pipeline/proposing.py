"""A plan as users are told of it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from facewatchd.planning import NOBODY, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facewatchd.planning import Change, Plan
    from facewatchd.store import Store


def told(plan: Plan, store: Store) -> dict[str, Any]:
    """Return a plan in the shape of ``/v1/plan``; people are called as they are now."""
    faces = plan.faces_by_kind()
    called = _called(store)
    return {
        "id": plan.id,
        "made": plan.made_at,
        "churn": plan.churn,
        "faces": len(plan.faces),
        "joins": faces[Kind.JOIN],
        "leaves": faces[Kind.LEAVE],
        "moves": faces[Kind.MOVE],
        "merges": plan.people_by_kind(Kind.MERGE),
        "splits": plan.people_by_kind(Kind.SPLIT),
        "new_people": plan.new_people,
        "questions": len(plan.questions),
        "changes": [_change(change, plan, called) for change in plan.changes()],
    }


def _change(change: Change, plan: Plan, called: Mapping[str, str]) -> dict[str, Any]:
    people = dict(enumerate(plan.people))
    source, target = people.get(change.source), people.get(change.target)
    is_new = target is None and change.target != NOBODY
    return {
        "kind": change.kind.value,
        "source": source,
        "source_called": None if source is None else called.get(source),
        "target": target,
        "target_called": None if target is None else called.get(target),
        "new": change.target - len(people) + 1 if is_new else None,
        "faces": change.faces,
    }


def _called(store: Store) -> dict[str, str]:
    """Return the name, or else the folder, of everyone who has one, as who they are by merges."""
    folders = {person: os.fsdecode(path) for person, path in store.people.folders().items()}
    words = folders | store.people.named()
    return {each.id: words[each.root] for each in store.runs.people() if each.root in words}
