"""Has photos opened by a copier, and notices when their storage does not answer.

The copier is a process, started for the first photo and ended when it has nothing to do.  So the
daemon's own process opens no photo, and one on dead storage holds it up for seconds: the copier is
killed then, and if it hangs so that it does not die, no other one reads below that root before it
does.
"""

from __future__ import annotations

import logging
from multiprocessing.reduction import send_handle
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from facewatchd import logs
from facewatchd.child import Child
from facewatchd.copier import READY, Check, Digest, Fill, NeedsRoom
from facewatchd.organise.photos import Disk, PhotoAwayError
from facewatchd.scan import is_within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from facewatchd.model import Copy

SILENT = 20.0  # seconds for one piece of a photo: a disk that has to spin up takes up to 15
_STARTS_WITHIN = 60.0
_IDLE = 20.0
_CLOSES_WITHIN = 2.0
_NO_ANSWER = "its storage does not answer"

log = logging.getLogger(__name__)


class Storage(NamedTuple):
    """The roots that photos lie in, which of them are offline, and who is told that one hangs."""

    roots: Sequence[bytes]
    offline: Callable[[], set[bytes]]
    on_stuck: Callable[[bytes], None]


class _Killed(NamedTuple):
    child: Child
    root: bytes | None  # whose storage did not answer, if it was killed for that


class Copying:
    """The photos of the output tree (see Photos), which a copier opens.

    The thread that asks for the first one must live as long as this is used (see Child).
    ``patience`` is how many seconds the storage of a photo may take to answer.
    """

    def __init__(self, storage: Storage, patience: float = SILENT) -> None:
        self._storage = storage
        self._patience = patience
        self._child: Child | None = None
        self._killed: list[_Killed] = []  # they have not died yet, or are not reaped
        self._away: dict[bytes | None, str] = {}  # roots that are not asked again by this plan
        self._used = False
        self._idle_since = 0.0

    @property
    def at_rest(self) -> bool:
        """Whether no copier is left, not even one that has yet to die or to be reaped."""
        return self._child is None and not any(each.child.alive for each in self._killed)

    def next_due(self) -> float | None:
        """Return when the copier will have been idle for too long (monotonic)."""
        return None if self._child is None else self._idle_since + _IDLE

    def rest(self, now: float) -> None:
        """End the copier when nothing has been asked for long."""
        if self._used:
            self._idle_since = now
        elif self._child is not None and now - self._idle_since >= _IDLE:
            self._end()
        self._used = False
        self._killed = [each for each in self._killed if each.child.alive]

    def begin(self) -> None:
        """A new plan begins: roots that did not answer are asked again."""
        self._away.clear()

    def close(self) -> None:
        """End the copier; one that does not die is left behind."""
        self._end()
        for killed in self._killed:
            if not killed.child.close(_CLOSES_WITHIN):
                log.warning("process %d does not end: is its storage dead?", killed.child.pid)
        self._killed.clear()

    # -- Photos

    def check(self, copy: Copy) -> None:
        """See Photos."""
        self._ask(Check(copy))

    def fill(self, copy: Copy, target: int, before_bytes: Callable[[int], None]) -> bytes | None:
        """See Photos."""
        said = self._ask(Fill(copy), target)
        if isinstance(said, NeedsRoom):
            try:
                before_bytes(said.size)
            except OSError:
                self._end()  # it waits for leave that does not come
                raise
            said = self._say(self._root(copy), True)
        digest: bytes | None = said.digest
        return digest

    def digest(self, copy: Copy) -> bytes:
        """See Photos."""
        digest: bytes = self._ask(Digest(copy)).digest
        return digest

    # -- the dialogue

    def _ask(self, ask: Check | Fill | Digest, target: int | None = None) -> Any:
        """Return what the copier answers, and raise what it says that went wrong."""
        root = self._root(ask.copy)
        if (why := self._why_not(root)) is not None:
            raise PhotoAwayError(why)
        self._used = True
        if self._child is None:
            self._start()
        return self._say(root, ask, target)

    def _why_not(self, root: bytes | None) -> str | None:
        """Return why nothing is asked of photos below ``root``, if so."""
        if root in self._away:
            return self._away[root]
        if root in self._storage.offline():
            return "its root is offline"
        hanging = {each.root for each in self._killed if each.child.alive} - {None}
        return _NO_ANSWER if root in hanging else None

    def _start(self) -> None:
        try:
            self._child = Child("facewatchd.copier")
            if not self._child.connection.poll(_STARTS_WITHIN):
                self._fail(f"was not ready after {_STARTS_WITHIN:g} seconds")
            ready = self._child.connection.recv()
        except (EOFError, OSError) as error:
            self._fail(self._end_in_words(error))
        assert ready == READY  # noqa: S101 - it says nothing else first

    def _say(self, root: bytes | None, message: object, target: int | None = None) -> Any:
        assert self._child is not None  # noqa: S101 - it is asked, or has just said something
        try:
            self._child.send(message)
            if target is not None:
                send_handle(self._child.connection, target, self._child.pid)
            said = self._hear(self._child, root)
        except (EOFError, OSError) as error:
            self._fail(self._end_in_words(error))
        if isinstance(said, (PhotoAwayError, OSError)):
            raise said
        return said

    def _hear(self, child: Child, root: bytes | None) -> Any:
        """Return the next thing that is said; a photo's disk must answer, OUTPUT may take long."""
        asked = Disk.PHOTO
        while child.connection.poll(self._patience if asked is Disk.PHOTO else None):
            said = child.connection.recv()
            if not isinstance(said, Disk):
                return said
            asked = said
        self._end(root)
        self._away[root] = _NO_ANSWER
        if root is not None:
            self._storage.on_stuck(root)
        raise PhotoAwayError(_NO_ANSWER)

    def _end_in_words(self, error: Exception) -> str:
        return f"cannot be started: {error}" if self._child is None else self._child.end_in_words()

    def _fail(self, how: str) -> NoReturn:
        """No photo can lead to this: nothing is tried again before the next plan."""
        reason = f"the process that copies it {how}"
        log.warning("Photos are copied later: %s.", logs.error(reason))
        self._end()
        self._away = dict.fromkeys([*self._storage.roots, None], reason)
        raise PhotoAwayError(reason)

    def _end(self, root: bytes | None = None) -> None:
        """Close the connection, which ends a copier that is not stuck, and kill it."""
        if self._child is not None:
            self._child.connection.close()
            self._child.kill()
            self._killed.append(_Killed(self._child, root))
        self._child = None

    def _root(self, copy: Copy) -> bytes | None:
        """Return the root that the photo lies in, None for a former one."""
        return next((r for r in self._storage.roots if is_within(copy.source, [r])), None)
