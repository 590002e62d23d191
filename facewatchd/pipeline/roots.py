"""The watched roots: their mounts, watches and walks, and when each of them is due."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from facewatchd import logs
from facewatchd.mounts import MountChanges, read_mounts
from facewatchd.pipeline.disks import differs, kept, mounts_of, remember, tells
from facewatchd.pipeline.root import Root
from facewatchd.pipeline.walker import Broken, Ended, Silent, Walker
from facewatchd.scan import STOP_FILES, Ignore, Listing, is_within
from facewatchd.scout import SYNCTHING_MARKER, Top
from facewatchd.store.folders import Place
from facewatchd.watch import Gone, Hint, Lost, Unwatched, Watched, Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd import config
    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.walker import Report
    from facewatchd.store import Store
    from facewatchd.watch import News

LOOK_AGAIN = 10.0  # seconds until a root that is offline is looked for again
_CLOSES_WITHIN = 2.0

log = logging.getLogger(__name__)


class Roots:
    """Follows every root; what may have changed in them comes out of ``step``."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._watching = settings.watching
        own = [os.fsencode(settings.output.path), os.fsencode(settings.state)]
        self.all = [self._root(root, own) for root in settings.roots]
        self._watcher = Watcher(wake, share=settings.watching.share, stop_files=STOP_FILES)
        self._changes = MountChanges()
        self._mounts = read_mounts()

    def _root(self, root: config.Root, own: list[bytes]) -> Root:
        path = os.fsencode(root.path)
        walker = Walker(path, root.ignore, own, self._store.folders.unlike)
        return Root(path, Ignore(path, root.ignore, own), root.watch, walker)

    @property
    def alive(self) -> bool:
        """Whether the watcher still watches."""
        return self._watcher.alive

    @property
    def watches(self) -> int:
        """How many folders are watched until now."""
        return self._watcher.limit.used

    @property
    def undecided(self) -> bool:
        """Whether a root that sends events is neither watched yet nor known to be offline."""
        return any(
            not (root.is_watched or root.offline)
            and tells(self._mounts.holding(root.path), root.wish)
            for root in self.all
        )

    @property
    def walking(self) -> bool:
        """Whether files may be there that no walk has told of yet."""
        return any(root.walker.busy or not (root.offline or root.is_followed) for root in self.all)

    @property
    def at_rest(self) -> bool:
        """Whether no process is left that walks, or could."""
        return all(root.walker.at_rest for root in self.all)

    def of(self, path: bytes) -> Root | None:
        """Return the root that ``path`` lies in."""
        return next((root for root in self.all if is_within(path, (root.path,))), None)

    def offline(self) -> set[bytes]:
        """Return the roots whose files cannot be read now."""
        return {root.path for root in self.all if root.offline}

    def unreachable(self) -> set[bytes]:
        """Return the places whose known photos cannot be read now."""
        away = {root.path for root in self.all if root.offline or root.vanished}
        return away | {place for root in self.all for place in root.kept}

    def connections(self) -> list[Any]:
        """Return what to wait on: the scouts, and the kernel's list of mounts."""
        scouts = [c for root in self.all for c in root.walker.connections()]
        return [*scouts, self._changes]

    def next_due(self) -> float | None:
        """Return when the next walk, or look for a root, is due."""
        times = [root.walker.next_due() for root in self.all]
        times += [root.due for root in self.all if not root.walker.busy or root.walker.stuck]
        return min((due for due in times if due is not None), default=None)

    def walk_all(self) -> None:
        """Walk over every root now."""
        for root in self.all:
            self._attend(root)

    def hint(self, hint: Hint) -> None:
        """Take in a hint that does not come from the watcher; any thread may call this."""
        self._watcher.hint(hint)

    def accept(self, path: bytes) -> bool:
        """Walk over the root at ``path``, and take what is missing for deleted; False: no root."""
        root = next((root for root in self.all if root.path == path.rstrip(b"/")), None)
        if root is None:
            return False
        root.accepts = True
        self._attend(root)
        return True

    def step(self) -> Iterator[tuple[Root, Hint | Listing | Ended | Broken]]:
        """Yield what may have changed; walk over whatever is due."""
        now = self._clock.monotonic()
        self._look_at_mounts()
        yield from self._hints()
        for root in self.all:
            if root.due <= now:
                self._attend(root)
            for report in root.walker.step(now):
                yield from self._take(root, report)

    def stuck(self, path: bytes) -> None:
        """A worker that reads from the root at ``path`` hangs in the kernel."""
        for root in self.all:
            if root.path == path:
                root.walker.kill()
                self._lose(root, "a process that reads from it hangs: its storage does not answer")

    def close(self) -> None:
        """Stop watching and walking."""
        self._watcher.close()
        self._changes.close()
        for root in self.all:
            root.walker.kill()
        for root in self.all:
            root.walker.close(_CLOSES_WITHIN)

    # -- what comes in

    def _hints(self) -> Iterator[tuple[Root, Hint]]:
        for news in self._watcher.take():
            root = self.of(news.path if isinstance(news, Hint) else news.root)
            if root is None:
                continue
            if not isinstance(news, Hint):
                self._hear(root, news)
                continue
            if news.path == os.path.join(root.path, SYNCTHING_MARKER):
                self._attend(root)  # before deletions that come with it are believed
            if not root.offline:
                root.unwatched.pop(news.path, None)  # it is told of again if it still is
                yield root, news

    def _hear(self, root: Root, news: News) -> None:
        """Take news of the watching itself."""
        match news:
            case Watched(_, folders):
                log.info("%s is watched: %d folders.", logs.root(root.path), folders)
                root.is_watched = True
                root.walker.request(root.path)
            case Lost(_, reason):
                log.warning("%s is listed anew: %s.", logs.root(root.path), logs.error(reason))
                root.unwatched = {}  # those that still are not watched are told of again
                root.walker.request(root.path)
            case Unwatched(_, folder, reason):
                if not root.unwatched:  # the status names the others
                    log.warning("%s is not watched: %s.", logs.root(folder), logs.error(reason))
                root.unwatched[folder] = reason
            case Gone(_, reason):
                root.walker.forget()
                root.is_watched = root.has_events = False
                root.watched_as = None
                root.replaced = True
                self._lose(root, reason)
                self._attend(root)

    def _take(self, root: Root, report: Report) -> Iterator[tuple[Root, Listing | Ended | Broken]]:
        match report:
            case Top():
                self._enter(root, report)
            case Silent(reason):
                self._lose(root, reason)
            case Listing(folder) if not is_within(folder, root.kept):
                yield root, report
            case Ended(walked) if walked.deep and walked.top == root.path:
                yield root, report if self._is_readable(root, report) else Broken()
            case Ended() | Broken():
                yield root, report

    def _look_at_mounts(self) -> None:
        """Read what is mounted, if that has changed, and walk over the roots that it concerns.

        Others' mounts come and go all the time: containers, automounts, memory sticks.
        """
        if not self._changes.drain():
            return
        before, self._mounts = self._mounts, read_mounts()
        for root in self.all:
            if root.offline or mounts_of(root.path, before) != mounts_of(root.path, self._mounts):
                self._attend(root)

    def _is_readable(self, root: Root, ended: Ended) -> bool:
        """Whether a whole walk saw the root, and saw the same mounts from beginning to end."""
        refused = {each.folder: each.reason for each in ended.walked.unreadable}
        if root.path in refused:
            root.is_readable = False
            hidden = self._mounts.hides(root.path)
            why = "; the unit hides it, see: facewatchctl unit" if hidden else ""
            self._lose(root, f"it cannot be read: {refused[root.path]}{why}")
            return False
        self._look_at_mounts()
        if self._mounts.holding(root.path).identity != root.identity:
            root.walker.request(root.path)
            return False
        root.unreadable = (
            "; ".join(f"{os.fsdecode(folder)}: {why}" for folder, why in refused.items()) or None
        )
        return True

    # -- a root's ways

    def _attend(self, root: Root) -> None:
        """Begin a walk over ``root``; whether it can be one, its beginning tells."""
        root.due = self._clock.monotonic() + LOOK_AGAIN
        if not root.walker.stuck:
            root.walker.request(root.path)

    def _enter(self, root: Root, top: Top) -> None:
        """The root can be read: is it the one that is known, and is it watched yet?"""
        mount = self._mounts.holding(root.path)
        places = self._store.folders.places(root.path)
        known = places.get(root.path)
        root.is_readable = True
        if known is not None and not root.accepts and (why := differs(known, mount, top)):
            root.walker.answer(go=False)
            self._lose(root, f"{why}. If its photos were deleted: {root.accept_command}")
            return
        root.offline = None
        root.top, root.identity, root.file_system = top, mount.identity, mount.kind
        root.replaced |= known is not None and known.inode != top.inode
        nested = self._mounts.below(root.path)
        root.kept = {} if root.accepts else kept(places, nested, root.path)
        root.remote = {
            m.place: f"{m.kind} sends no events" for m in nested if not tells(m, root.wish)
        }
        if not tells(mount, root.wish):
            self._unwatch(root)
        elif root.watched_as != (here := (top.inode, *mounts_of(root.path, self._mounts))):
            self._watch(root)  # also when a disk inside it came or went: it has to be watched anew
            root.watched_as = here if root.has_events else None
        # First watched, then listed: what appears in between is seen by one or the other.
        root.walker.answer(go=root.is_watched or not root.has_events)

    def _unwatch(self, root: Root) -> None:
        if root.has_events:
            self._watcher.unwatch(root.path)
        root.has_events = root.is_watched = False
        root.watched_as = None
        root.unwatched = {}

    def _watch(self, root: Root) -> None:
        self._unwatch(root)

        def ignored(folder: bytes) -> bool:
            return root.ignore.rule(folder, folder=True) is not None

        try:
            self._watcher.watch(root.path, ignored=ignored, refused=root.remote.get)
        except OSError as error:
            self._lose(root, f"it cannot be watched: {error.strerror or error}")
        else:
            root.has_events = True

    def settle(self, root: Root, ended: Ended) -> None:
        """A whole walk was entered: remember what the root is known by, and when the next is."""
        now = self._clock.monotonic()
        root.listed = True
        root.ignored = ended.walked.ignored
        root.due = now + (self._watching.poll if root.polls else self._watching.rescan)
        root.said = None
        if root.top is None or root.vanished:
            return
        root.replaced = False
        top = Place(root.path, root.identity, root.top.inode, root.top.synced)
        remember(self._store.folders, top, self._mounts.below(root.path), but=root.kept.keys())

    def _lose(self, root: Root, reason: str) -> None:
        """Nothing is known of the root from now on, and nothing of it is taken for deleted."""
        root.offline = reason
        root.accepts = False
        root.due = self._clock.monotonic() + LOOK_AGAIN
        if reason != root.said:
            log.error("%s is offline: %s", logs.root(root.path), logs.error(reason))
        root.said = reason
