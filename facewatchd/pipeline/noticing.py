"""What is no change of one row and yet an event: how roots are, and how many faces are doubtful.

What was last told is kept beside the events, in the same transaction.  So the next start notices
what a kill left untold, and tells nothing twice.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from facewatchd.events import Kind
from facewatchd.pipeline.bell import Bell

if TYPE_CHECKING:
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.root import Root
    from facewatchd.pipeline.roots import Roots
    from facewatchd.store import Store

_TOLD = "events_told"  # a fact: how each root is, and the number of doubtful faces
_AT_WORK = 600.0  # seconds between two looks at that number while there is work

_KINDS = {
    "offline": Kind.ROOT_OFFLINE,
    "degraded": Kind.ROOT_DEGRADED,
    "well": Kind.ROOT_BACK,
}


class Noticing:
    """Compares how things are with what was told of them; all but ``bell`` is the pipeline's."""

    def __init__(self, store: Store, roots: Roots, clock: Clock) -> None:
        self._store = store
        self._roots = roots
        self._clock = clock
        self.bell = Bell()
        told = json.loads(store.fact(_TOLD) or "{}")
        there = {os.fsdecode(root.path) for root in roots.all}
        self._told_roots: dict[str, str] = {
            path: how for path, how in told.get("roots", {}).items() if path in there
        }
        self._told_doubtful: int = told.get("doubtful", 0)
        self._looked_at: int | None = None
        self._not_before = clock.monotonic()

    def step(self, *, settled: bool) -> None:
        """Tell what has changed, and wake who waits for it; ``settled``: no work is under way."""
        for root in self._roots.all:
            self._look_at_root(root)
        if settled or self._clock.monotonic() >= self._not_before:
            self._look_at_doubtful()
        if self._store.events.fresh:
            self._store.events.fresh = False
            self.bell.ring()

    def _look_at_root(self, root: Root) -> None:
        """While a root is walked over it may be better, or worse, only for a moment."""
        path, how = os.fsdecode(root.path), _how(root)
        if how is None or how == self._told_roots.get(path, "well"):
            return
        facts: dict[str, Any] = {"root": path}
        if how == "offline":
            facts["reason"] = root.reason
        elif how == "degraded":
            facts["folders"] = len(root.unwatched) + len(root.remote) + len(root.kept)
        self._told_roots[path] = how
        self._tell(_KINDS[how], facts)

    def _look_at_doubtful(self) -> None:
        self._not_before = self._clock.monotonic() + _AT_WORK
        if self._looked_at == self._store.changes:
            return
        number, before = self._store.faces.count_doubtful(), self._told_doubtful
        if number != before:
            self._told_doubtful = number
            self._tell(Kind.DOUBTFUL, {"count": number, "before": before})
        self._looked_at = self._store.changes

    def _tell(self, kind: Kind, facts: dict[str, Any]) -> None:
        told = {"roots": self._told_roots, "doubtful": self._told_doubtful}
        with self._store.transaction():
            self._store.events.add(kind, self._clock.time(), **facts)
            self._store.set_fact(_TOLD, json.dumps(told))


def _how(root: Root) -> str | None:
    """Return how a root is, None as long as that is not sure."""
    if root.state == "offline":
        return "offline"
    if root.state == "starting" or root.walker.busy:
        return None
    return "degraded" if root.state == "degraded" else "well"
