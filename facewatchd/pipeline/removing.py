"""What is gone from the roots, and whether it may be believed.

A missing disk looks like a mass deletion.  So what a whole walk or a wave of events did not find is
weighed first: when too many photos vanish at once nothing is removed, and the root waits for the
user to say so, or for the photos to come back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facewatchd import logs
from facewatchd.scan import is_within, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.root import Root
    from facewatchd.pipeline.walker import Ended
    from facewatchd.store import Store
    from facewatchd.store.files import KnownFile

MANY = 50  # of a root with so many photos,
SHARE = 0.2  # more than this share does not vanish at once without a reason
AT_ONCE = 60.0  # seconds
GATHERS = 2.0  # seconds without a further deletion after which a wave of them is weighed

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Losses:
    """What a root seems to have lost."""

    walked: list[KnownFile] = field(default_factory=list)  # not found by the walk under way
    events: set[bytes] = field(default_factory=set)  # paths whose deletion was reported
    since: float = 0.0
    latest: float = 0.0
    back: set[bytes] = field(default_factory=set)  # entered by events while the walk goes on
    lately: list[tuple[float, int]] = field(default_factory=list)  # removed: when, how many


class Removing:
    """Removes rows of files that are gone; ``lost`` is called with each photo that one showed."""

    def __init__(self, store: Store, clock: Clock, lost: Callable[[int], None]) -> None:
        self._store = store
        self._clock = clock
        self._lost = lost
        self._of: dict[bytes, _Losses] = {}

    @property
    def waits(self) -> bool:
        """Whether deletions were reported that are not weighed yet."""
        return any(losses.events for losses in self._of.values())

    def next_due(self) -> float | None:
        """Return when a wave of deletions is over."""
        return min((_weighed_at(each) for each in self._of.values() if each.events), default=None)

    def add(self, root: Root, path: bytes) -> None:
        """The file or folder ``path`` is not there any more, as an event said."""
        losses = self._losses(root)
        losses.latest = self._clock.monotonic()
        if not losses.events:
            losses.since = losses.latest
        losses.events.add(path)

    def is_back(self, root: Root, path: bytes) -> None:
        """A file was entered; a walk under way that passed before it came did not see it."""
        if root.walker.busy:
            self._losses(root).back.add(path)

    def note(self, root: Root, gone: list[KnownFile]) -> None:
        """A walk did not find ``gone`` in a folder that it listed."""
        self._losses(root).walked += gone

    def break_walk(self, root: Root) -> None:
        """The walk under way came to no end that counts: what it did not find is unknown."""
        self._losses(root).walked = []

    def end_walk(self, root: Root, ended: Ended) -> None:
        """Weigh and remove what the walk did not find; the caller's transaction."""
        losses = self._losses(root)
        walked = ended.walked
        unseen = [*root.kept, *(each.folder for each in walked.unreadable)]
        tops = self._store.files.folders_below(walked.top) if walked.deep else [walked.top]
        for folder in tops:
            if folder not in ended.seen and not is_within(folder, unseen):
                losses.walked += self._store.files.in_folder(folder).values()
        gone = [file for file in losses.walked if file.stat.path not in losses.back]
        is_whole = walked.deep and walked.top == root.path
        if self._is_believed(root, gone, is_whole=is_whole):
            self.remove(gone)
        losses.walked = []
        if not root.walker.busy:
            losses.back = set()
        if is_whole and root.accepts:
            root.accepts = False
            losses.lately = []

    def step(self, roots: Iterable[Root]) -> None:
        """Weigh the waves of deletions that are over, once what appeared meanwhile is entered."""
        now = self._clock.monotonic()
        for root in roots:
            losses = self._losses(root)
            if not losses.events or now < _weighed_at(losses) or root.walker.busy:
                continue
            events, losses.events = losses.events, set()
            if not root.offline:
                with self._store.transaction():
                    self._weigh(root, events)

    def remove(self, files: Iterable[KnownFile]) -> None:
        """Remove rows of files; the caller's transaction."""
        for known in files:
            self._store.files.remove(known.id)
            if known.photo is not None:
                self._lost(known.photo)

    def _weigh(self, root: Root, events: set[bytes]) -> None:
        gone: dict[int, KnownFile] = {}
        for path in events:
            gone |= {file.id: file for file in self._store.files.at_or_below(path)}
        really = [file for file in gone.values() if _is_gone(root, file.stat.path)]
        if self._is_believed(root, really, is_whole=False):
            self.remove(really)

    def _is_believed(self, root: Root, gone: list[KnownFile], *, is_whole: bool) -> bool:
        """Whether ``gone`` may be removed; notes in ``root`` how many may not."""
        losses = self._losses(root)
        now = self._clock.monotonic()
        losses.lately = [(at, n) for at, n in losses.lately if at > now - AT_ONCE]
        ids = {file.id for file in gone}
        photos = [
            file
            for file in gone
            if file.photo is not None and not self._store.files.is_shown_elsewhere(file, ids)
        ]
        if root.vanished and photos and not (is_whole or root.accepts):
            return False  # the next whole walk weighs these with the others
        vanished = len(photos) + sum(n for _, n in losses.lately)
        known = self._store.files.count_below(root.path) + sum(n for _, n in losses.lately)
        few = vanished <= SHARE * known or (known < MANY and not root.replaced)
        if few or root.accepts:
            if photos:
                losses.lately.append((now, len(photos)))
            if is_whole:
                root.vanished = 0
            return True
        if root.vanished != len(photos):
            log.error(
                "%s: %d of %d photos vanished at once. If they were deleted: %s",
                logs.root(root.path),
                len(photos),
                known,
                root.accept_command,
            )
        root.vanished = len(photos)
        root.due = min(root.due, now + AT_ONCE)  # a whole walk tells whether they come back
        return False

    def _losses(self, root: Root) -> _Losses:
        return self._of.setdefault(root.path, _Losses())


def _weighed_at(losses: _Losses) -> float:
    return min(losses.latest + GATHERS, losses.since + AT_ONCE)


def _is_gone(root: Root, path: bytes) -> bool:
    """Whether a file whose deletion was reported has not come back meanwhile."""
    try:
        return look(path) is None or root.ignore.hides(path, folder=False)
    except OSError as error:
        log.warning("%s is kept, gone or not: %s", logs.photo(path), logs.error(error.strerror))
        return False
