"""Asks a root's scout for walks, and notices when its storage does not answer.

The scout is a process, started for a walk and ended when it has nothing to do.  When it is silent
for too long it is killed; if it hangs on dead storage it does not die, and no other one is started
before it does.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import logs
from facewatchd.child import Child
from facewatchd.scan import Listing
from facewatchd.scout import STILL_HERE, Digests, Go, Top, Walked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from multiprocessing.connection import Connection

SILENT = 30.0  # seconds: the scout speaks every 2, and a single answer of a slow disk takes a few
_IDLE = 20.0
_MESSAGES_A_STEP = 16

log = logging.getLogger(__name__)


class Silent(NamedTuple):
    """The storage of the root does not answer; the walk under way is lost."""

    reason: str


class Ended(NamedTuple):
    """A walk came to its end; ``seen`` are the folders that were listed."""

    walked: Walked
    seen: frozenset[bytes]


class Broken(NamedTuple):
    """A walk came to no end that counts: what it did not see need not be gone."""


Report = Top | Listing | Ended | Silent | Broken


class Walker:
    """One root's walks, one after the other.  Times are ``monotonic``; nothing here waits.

    ``unlike`` returns the numbers of those (folder, digest) that must be compared with the store.
    """

    def __init__(
        self,
        root: bytes,
        patterns: Sequence[str],
        own: Sequence[bytes],
        unlike: Callable[[Iterable[tuple[bytes, bytes]]], list[int]],
    ) -> None:
        self._scout_is_told = (root, tuple(patterns), tuple(own))
        self._root = root
        self._unlike = unlike
        self._child: Child | None = None
        self._killed: Child | None = None  # it has not died yet
        self._waiting: deque[Go] = deque()
        self._going: Go | None = None
        self._seen: set[bytes] = set()
        self._broken = False
        self._heard = 0.0

    @property
    def busy(self) -> bool:
        """Whether a walk is under way or waiting."""
        return self._going is not None or bool(self._waiting)

    @property
    def stuck(self) -> bool:
        """Whether a scout was killed and does not die."""
        return self._killed is not None and self._killed.alive

    @property
    def at_rest(self) -> bool:
        """Whether no scout is left, not even one that has yet to die or to be reaped."""
        return not self.busy and self._child is None and not self.stuck

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what to wait on for news from the scout."""
        return [self._child.connection] if self._child is not None else []

    def next_due(self) -> float | None:
        """Return when a walk can begin, or the scout's silence or idleness has lasted too long."""
        if self._waiting and self._going is None and not self.stuck:
            return 0.0
        if self._child is None:
            return None
        return self._heard + (_IDLE if self._going is None else SILENT)

    def request(self, top: bytes, *, deep: bool = True) -> None:
        """Ask for a walk over ``top``; one that waits already is not asked for twice."""
        if not any(go.top == top and go.deep >= deep for go in self._waiting):
            self._waiting.append(Go(top, deep))

    def answer(self, *, go: bool) -> None:
        """Tell the scout, which said Top, whether to walk over the root."""
        if not go:
            self._going = None
        self._send(go)

    def step(self, now: float) -> list[Report]:
        """Send what waits, and return what the scout said."""
        reports: list[Report] = [Broken()] if self._broken else []
        self._broken = False
        if self._going is not None:
            reports += self._listen(now)
        if self._going is not None and now - self._heard > SILENT:
            reports.append(self._give_up(f"its storage has not answered for {SILENT:.0f} s"))
        if self._going is None:
            self._begin(now)
        return reports

    def forget(self) -> None:
        """Drop the walks that wait, and the one that is under way."""
        self._waiting.clear()
        if self._going is not None:
            self._end()

    def kill(self) -> None:
        """End the scout now, as one whose storage is dead."""
        self._waiting.clear()
        if self._child is not None:
            self._end()

    def close(self, seconds: float) -> None:
        """End the scout; one that does not die within ``seconds`` is left behind."""
        self.kill()
        if self._killed is not None and not self._killed.close(seconds):
            log.warning("process %d does not end: is its storage dead?", self._killed.pid)
        self._killed = None

    def _begin(self, now: float) -> None:
        if not self._waiting:
            if self._child is not None and now - self._heard > _IDLE:
                self._end()
            return
        if self._child is None:
            if self.stuck:
                return
            self._child = Child("facewatchd.scout")
            self._send(self._scout_is_told)
        self._going = self._waiting.popleft()
        self._seen = set()
        self._heard = now
        self._send(self._going)

    def _listen(self, now: float) -> list[Report]:
        reports: list[Report] = []
        try:
            for _ in range(_MESSAGES_A_STEP):
                if self._child is None or self._going is None or not self._child.connection.poll():
                    break
                reports += self._take(self._child.connection.recv())
                self._heard = now
        except (EOFError, OSError):
            child = self._child
            how = child.end_in_words() if child is not None else "has gone"
            reports.append(self._give_up(f"the process that lists it {how}"))
        return reports

    def _take(self, message: Any) -> list[Report]:
        if message == STILL_HERE:
            return []
        if isinstance(message, Digests):
            self._seen.update(folder for folder, _ in message.folders)
            self._send(self._unlike(message.folders))
            return []
        if isinstance(message, list):
            return message
        if isinstance(message, Walked):
            self._going = None
            return [Ended(message, frozenset(self._seen))]
        return [message]

    def _give_up(self, reason: str) -> Silent:
        log.warning("The walk over %s is given up: %s.", logs.root(self._root), logs.error(reason))
        self._waiting.clear()
        self._end()
        return Silent(reason)

    def _end(self) -> None:
        """Close the connection, which ends a scout that is not stuck, and kill it."""
        if self._child is not None:
            self._child.connection.close()
            self._child.kill()
            self._killed = self._child
        self._broken |= self._going is not None
        self._child = self._going = None

    def _send(self, message: object) -> None:
        if self._child is None:
            return
        try:
            self._child.send(message)
        except OSError:
            log.debug("scout %d has gone; the next step finds out how", self._child.pid)
