"""The watched folders of one root, kept equal to what is on the disk.

The order is always the same: first a folder is watched, then it is listed, then it is told.  What
appears in it meanwhile is seen by the watch or by the listing.

Events are late, so a path may lead elsewhere by the time it is used.  But the kernel has one number
for a watched folder, wherever it is.  That number finds a folder that was renamed, whatever the
events say, and shows whether a path still leads where it should.  Where it does not, the folder is
in doubt, and looked at again once the events have come to rest.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from facewatchd.watch.news import Hint, News, Unwatched
from facewatchd.watch.tree import Folder, Tree
from facewatchd.watch.watches import Terms, Watches, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from facewatchd.inotify import Inotify
    from facewatchd.watch.budget import Budget


class Folders:
    """Follows what happens to the folders of one root."""

    def __init__(
        self,
        terms: Terms,
        inotify: Inotify,
        budget: Budget,
        tell: Callable[[News], None],
        going: Callable[[], bool],
    ) -> None:
        """Watch the root alone; raises OSError.  Long work ends early when ``going`` says no."""
        self._root = terms.root
        self._tell = tell
        self._going = going
        self._in_doubt: set[Folder] = set()
        self._hints = False  # not in the first pass: the whole root is listed after it
        self._watches = Watches(terms, inotify, budget, tell, going)
        self.tree = Tree(terms.root, self._watches.begin())
        self._above = self._watches.watch_above()

    @property
    def restless(self) -> bool:
        """Whether something is to be done once the events have come to rest."""
        return bool(self._in_doubt or self.tree.adrift)

    def watch_all(self) -> None:
        """Go over the whole root, breadth first, and watch what is not watched."""
        self._watches.count_anew()
        self._survey([self.tree.root], everything=True)
        self._hints = True

    def settle(self) -> None:
        """When no events come: let go what was moved away, and look again at what is in doubt."""
        self._watches.end(self.tree.forget_adrift())
        doubtful = {folder for folder in self._in_doubt if folder in self.tree}
        # A folder that is not in its place is looked for from the nearest one that is.  It stays
        # in doubt until an event says where it went, or nothing does and it is let go.
        lost = {folder for folder in doubtful if not self.is_in_place(folder)}
        self._in_doubt = lost.copy()
        self._survey({self._nearest_in_place(folder) for folder in doubtful}, everything=False)
        for folder in lost:
            if folder is not self.tree.root and not self.is_in_place(folder):
                self.tree.set_adrift(folder)

    def appeared(self, parent: Folder, name: bytes) -> None:
        """Watch the folder ``name`` that came into ``parent``, and all below it."""
        path = self.tree.path(parent)
        if path is not None and not self._watches.is_stopped(path):
            self._survey(self._take_in(parent, path, name), everything=False)
        if not self.is_in_place(parent):
            self.doubt(parent)

    def left(self, parent: Folder, name: bytes) -> None:
        """The folder ``name`` was moved away from ``parent``."""
        child = parent.child(name)
        if child is not None:
            self.tree.set_adrift(child)

    def relist(self, folder: Folder) -> None:
        """See which folders in ``folder`` are to be watched now."""
        self._survey([folder], everything=False)

    def doubt(self, folder: Folder) -> None:
        """Look at ``folder`` again, once no events come."""
        self._in_doubt.add(folder)

    def ended(self, folder: Folder) -> None:
        """The kernel has ended the watch of ``folder``."""
        self.tree.forget(folder)
        self._in_doubt.discard(folder)
        self._watches.has_ended()

    def is_above(self, wd: int) -> bool:
        """Whether this is the watch of a folder above the root."""
        return wd in self._above

    def is_in_place(self, folder: Folder) -> bool:
        """Whether the path of ``folder`` leads to it."""
        return self.misplaced(folder) is None

    def misplaced(self, folder: Folder) -> str | None:
        """Return why the path of ``folder`` does not lead to it, None when it does."""
        path = self.tree.path(folder)
        if path is None:
            return "it was moved"
        try:
            number = self._watches.number_at(path, self.tree)
        except OSError as error:
            return os.strerror(error.errno or 0)
        return None if number == folder.wd else "another folder is in its place"

    def close(self) -> None:
        """Let all watches go."""
        self._watches.close(len(self.tree) + len(self._above))

    def _survey(self, tops: Iterable[Folder], *, everything: bool) -> None:
        """List ``tops`` and what is new below them, or all that is below, breadth first."""
        waiting = deque(tops)
        while waiting and self._going():
            folder = waiting.popleft()
            new = self._list(folder)
            waiting.extend((folder.children or {}).values() if everything else new)
        self._watches.say_what_is_over()

    def _list(self, folder: Folder) -> list[Folder]:
        """Watch what is directly in ``folder``, and return what is new."""
        path = self.tree.path(folder)
        names = None if path is None else self._watches.folders_in(path)
        new = []
        if path is not None:
            new = [each for name in names or () for each in self._take_in(folder, path, name)]
        if not self.is_in_place(folder):
            self.doubt(folder)
        elif names is not None:
            there = set(names)
            for child in list((folder.children or {}).values()):
                if child.name not in there:
                    self.tree.set_adrift(child)
        return new

    def _take_in(self, parent: Folder, parent_path: bytes, name: bytes) -> list[Folder]:
        """Watch the folder ``name`` in ``parent``; return it if nothing was known of it."""
        path = join(parent_path, name)
        before = parent.child(name)
        try:
            wd = self._watches.add(path, self.tree, anew=before is None)
        except (FileNotFoundError, NotADirectoryError):
            return []  # gone, or its parent was moved: that is still to be told
        if before is not None and wd == before.wd:
            return []
        if before is not None:
            self.tree.set_adrift(before)
        if wd is None:
            return []
        elsewhere = self.tree.get(wd)
        if elsewhere is None:
            new = [self.tree.add(parent, name, wd)]
        elif self.is_in_place(elsewhere):
            twin = os.fsdecode(self.tree.path(elsewhere) or b"")
            self._tell(Unwatched(self._root, path, f"it is the same folder as {twin}"))
            return []
        elif parent in elsewhere:  # nothing can be inside itself: the tree is behind
            self.doubt(parent)
            return []
        else:
            if elsewhere.parent is not None:  # it is told late, or parent is not what it seems
                self.doubt(elsewhere.parent)
            self.tree.move(elsewhere, parent, name)
            new = []
        if self._hints:
            self._tell(Hint(path, complete=True))
        return new

    def _nearest_in_place(self, folder: Folder) -> Folder:
        while folder.parent is not None and not self.is_in_place(folder):
            folder = folder.parent
        return folder
