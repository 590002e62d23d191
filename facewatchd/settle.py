"""When is a changed path ready to be read?  Pure: time and file stats come in.

A path is ready when nothing happened to it for QUIET_COMPLETE after a close or a move into place,
QUIET otherwise, and at most LONGEST after the first event; and when its stat was the same at two
looks.  A storm is bounded: many paths in one folder become that folder, very many become the root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.model import FileStat

QUIET_COMPLETE = 2.0
QUIET = 10.0
LONGEST = 60.0
BETWEEN_LOOKS = 1.0
MOST_IN_FOLDER = 128
MOST = 512


@dataclass(slots=True)
class _Unsettled:
    first: float
    due: float
    complete: bool
    stat: FileStat | None


class Settling:
    """The paths that changed lately, and when each is to be looked at."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        self._roots = roots
        self._paths: dict[bytes, _Unsettled] = {}
        self._in_folder: dict[bytes, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._paths)

    def touch(self, path: bytes, now: float, *, complete: bool, stat: FileStat | None) -> None:
        """Something happened to ``path``, which looks like ``stat`` now (None: not a file)."""
        if (above := self._collapsed(path)) != path:
            path, stat = above, None  # the folder that stands for it is no file
        quiet = QUIET_COMPLETE if complete else QUIET
        known = self._paths.get(path)
        if known is None:
            self._add(path, _Unsettled(now, now + quiet, complete, stat))
        else:
            latest = max(known.first + LONGEST, now + BETWEEN_LOOKS)
            known.due = min(now + quiet, latest)
            known.complete = complete
            known.stat = stat

    def due(self, now: float) -> list[bytes]:
        """Return the paths that have been quiet long enough, oldest first."""
        return sorted((p for p, u in self._paths.items() if u.due <= now), key=self._first)

    def is_ready(self, path: bytes, stat: FileStat, now: float) -> bool:
        """Whether the file looks as it did before; if not, it is looked at again later."""
        known = self._paths[path]
        if known.stat == stat:
            return True
        known.stat = stat
        # One that nobody closed is still being written, whatever its events said last.
        known.due = now + (BETWEEN_LOOKS if known.complete else QUIET)
        return False

    def __contains__(self, path: bytes) -> bool:
        return path in self._paths

    def stat_of(self, path: bytes) -> FileStat | None:
        """Return what ``path`` looked like when it was looked at last."""
        return self._paths[path].stat

    def drop(self, path: bytes) -> None:
        """Forget ``path``: it was dealt with."""
        del self._paths[path]
        folder = path.rpartition(b"/")[0]
        siblings = self._in_folder[folder]
        siblings.discard(path)
        if not siblings:
            del self._in_folder[folder]

    def next_due(self) -> float | None:
        """Return when the next path is due."""
        return min((u.due for u in self._paths.values()), default=None)

    def _first(self, path: bytes) -> float:
        return self._paths[path].first

    def _add(self, path: bytes, entry: _Unsettled) -> None:
        self._paths[path] = entry
        self._in_folder.setdefault(path.rpartition(b"/")[0], set()).add(path)

    def _collapsed(self, path: bytes) -> bytes:
        """Return ``path``, or the folder or root that stands for it since there were too many."""
        if path in self._paths:
            return path
        root = next((r for r in self._roots if path == r or path.startswith(r + b"/")), path)
        if root in self._paths:
            return root
        folder = path.rpartition(b"/")[0]
        if folder in self._paths:
            return folder
        if len(self._paths) >= MOST:
            self._swallow(list(self._paths), root)
            return root
        siblings = self._in_folder.get(folder, set())
        if len(siblings) >= MOST_IN_FOLDER and folder.startswith(root):
            self._swallow(list(siblings), folder)
            return folder
        return path

    def _swallow(self, paths: list[bytes], into: bytes) -> None:
        inside = [p for p in paths if p == into or p.startswith(into + b"/")]
        entries = [self._paths[p] for p in inside]
        for path in inside:
            self.drop(path)
        if entries:
            first = min(e.first for e in entries)
            complete = all(e.complete for e in entries)
            self._add(into, _Unsettled(first, max(e.due for e in entries), complete, None))
