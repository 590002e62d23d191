"""A watcher, and a test that waits for its news."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from facewatchd.scan import STOP_FILES
from facewatchd.watch import Hint, Lost, News, Unwatched, Watched, Watcher
from facewatchd.watch.emitter import InotifyEmitter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Signal = TypeVar("Signal", bound=News)

PATIENCE = 60.0
IGNORED = b"@eaDir"


class Watching:
    """Watches one root, and keeps what was told since the last ``forget``.

    ``found`` is what a pipeline would have found: the files that were hinted, and those that were
    listed when the hint was taken, or all events were lost.
    """

    def __init__(
        self,
        root: Path,
        *,
        share: float = 0.5,
        ignored: Callable[[bytes], bool] = lambda path: path.endswith(b"/" + IGNORED),
        refused: Callable[[bytes], str | None] = lambda _: None,
    ) -> None:
        self.root = bytes(root)
        self.news: list[News] = []
        self.found: set[bytes] = set()
        self._woken = threading.Event()
        self._ignored, self._refused = ignored, refused
        self.watcher = Watcher(self._woken.set, share=share, stop_files=STOP_FILES)
        try:
            self.anew()
        except OSError:
            self.watcher.close()
            raise

    def anew(self) -> None:
        """Watch the root, from the beginning."""
        self.watcher.watch(self.root, ignored=self._ignored, refused=self._refused)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Take news until ``condition`` holds."""
        deadline = time.monotonic() + PATIENCE
        while not self._taken_and(condition):
            left = deadline - time.monotonic()
            assert left > 0, f"{what}: not within {PATIENCE} s; {self.news[-20:]}"
            self._woken.wait(min(left, 0.05))
            self._woken.clear()

    def until_found(self, files: set[bytes]) -> None:
        """Take news until they have led to all of ``files``."""
        self.until(lambda: files <= self.found, "all files")

    def ready(self) -> Watching:
        """Wait for the end of the first pass."""
        self.until(lambda: bool(self.told(Watched)), "the first pass")
        return self

    def catch_up(self) -> None:
        """Wait until all that happened until now was told, and the folders are at rest."""
        at_rest = 0
        while at_rest < 3:  # what is still to be done may be under way just when we look
            self._wait_for_a_fence()
            at_rest = 0 if self._restless() else at_rest + 1
            self.until(lambda: not self._restless(), "rest")

    def _wait_for_a_fence(self) -> None:
        fence = os.path.join(self.root, b"fence-%d" % time.monotonic_ns())
        os.close(os.open(fence, os.O_CREAT | os.O_WRONLY))
        self.until_found({fence})
        os.unlink(fence)

    def _restless(self) -> bool:
        return self.emitter._overflowed or self.emitter._folders.restless

    def forget(self) -> None:
        """Begin anew to keep what is told."""
        self.news.clear()
        self.found.clear()

    def told(self, kind: type[Signal]) -> list[Signal]:
        """Return the news of one kind."""
        return [news for news in self.news if isinstance(news, kind)]

    @property
    def hinted(self) -> dict[bytes, bool]:
        """The hinted paths, and whether the last hint said complete."""
        return {hint.path: hint.complete for hint in self.told(Hint)}

    @property
    def unwatched(self) -> dict[bytes, str]:
        """The folders that were said not to be watched, with the reasons."""
        return {each.folder: each.reason for each in self.told(Unwatched)}

    @property
    def emitter(self) -> InotifyEmitter:
        """The thread of the root."""
        (emitter,) = self.watcher._observer.emitters
        assert isinstance(emitter, InotifyEmitter)
        return emitter

    def watched(self) -> set[bytes]:
        """Return the paths of the folders that have a watch."""
        tree = self.emitter._folders.tree
        return {tree.path(folder) or b"?" for folder in tree.root.all()}

    def numbers(self) -> dict[bytes, int]:
        """Return the number of each watched folder's watch."""
        tree = self.emitter._folders.tree
        return {tree.path(folder) or b"?": folder.wd for folder in tree.root.all()}

    def should_be_watched(self) -> set[bytes]:
        """Return the folders that are there, apart from those that are to be left alone."""
        there = set()
        for folder, folders, files in os.walk(self.root):
            there.add(folder)
            if STOP_FILES & {*files, *folders}:
                folders.clear()
            folders[:] = [f for f in folders if not self._ignored(os.path.join(folder, f))]
        return {f for f in there if not os.path.islink(f)}

    def close(self) -> None:
        """Stop watching."""
        self.watcher.close()

    def _taken_and(self, condition: Callable[[], bool]) -> bool:
        for news in self.watcher.take():
            self.news.append(news)
            if isinstance(news, Hint):
                self._find(news.path)
            elif isinstance(news, Lost):
                for folder, _, _ in os.walk(news.root):
                    self._find(folder)
        return condition()

    def _find(self, path: bytes) -> None:
        try:
            with os.scandir(path) as entries:
                self.found.update(e.path for e in entries if e.is_file(follow_symlinks=False))
        except NotADirectoryError:
            self.found.add(path)
        except OSError:
            return  # gone, or not for us
