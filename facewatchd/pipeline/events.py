"""Events as clients are told of them, from where each left off."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.events import EventId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facewatchd.store.events import Event, Events
    from facewatchd.store.views import Views


def told(store: Views, after: str | None, limit: int, *, names: bool) -> dict[str, Any]:
    """Return up to ``limit`` events after that with the id ``after``; none without one.

    ``next`` is the id to ask with the next time.  ``missed`` events after it are not kept any more;
    ``other``: this is not the store that it was of, and what happened since then is told.  With
    ``names`` people are told by name and photos by path as well.
    """
    found = _found(store.events, after, limit)
    called = _called(store) if names else {}
    return {
        "library": store.library(),
        "events": [
            {
                "id": str(event.id),
                "at": event.id.at / 1e6,
                "kind": event.kind.value,
                "facts": event.facts | (_names(event, store, called) if names else {}),
            }
            for event in found.events
        ],
        "next": str(found.events[-1].id if found.events else found.otherwise),
        "missed": found.missed,
        "other": found.other,
    }


class _Found(NamedTuple):
    """Events after a cursor, and the next cursor if there are none."""

    events: list[Event]
    otherwise: EventId
    missed: int = 0
    other: bool = False


def _found(events: Events, after: str | None, limit: int) -> _Found:
    last = events.last()
    if after is None:
        return _Found([], EventId(last, events.at(last) or 0))
    cursor, oldest = EventId.parse(after), events.oldest()
    if cursor.number < oldest or events.at(cursor.number) == cursor.at:
        missed = max(0, oldest - 1 - cursor.number)
        return _Found(events.after(cursor.number, limit), cursor, missed)
    end = EventId(last, events.at(last) or 0)
    return _Found(events.after(0, limit, since=cursor.at), end, other=True)


def _called(store: Views) -> dict[str, str]:
    """Return what everyone is called: the name, or else the folder."""
    folders = {person: os.fsdecode(folder) for person, folder in store.folders().items()}
    return folders | store.names()


def _names(event: Event, store: Views, called: Mapping[str, str]) -> dict[str, Any]:
    facts = event.facts
    names: dict[str, Any] = {
        f"{key}_called": called.get(facts[key]) for key in ("person", "other") if key in facts
    }
    if "file" in facts:
        path = store.path(facts["file"])
        names["path"] = None if path is None else os.fsdecode(path)
    return names
