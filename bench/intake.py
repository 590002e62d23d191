"""One rescan of an unchanged tree, beside that of watchdog's PollingObserver.

Run from the repository: ``python -m bench.intake [--files 100000] [--folders 1000] [--json]``.
Ours is all that the daemon does: the pipeline with a store that knows the files, its scout in a
process of its own (started for it, or still there from the rescan before), the digests compared.
Theirs is what a PollingEmitter does each period: one DirectorySnapshot and one
DirectorySnapshotDiff.  Both take turns on the same tree, whose folders are in the page cache.  At
the end one more rescan of ours is watched by inotify, which counts the files that it opens.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from watchdog.utils.dirsnapshot import DirectorySnapshot, DirectorySnapshotDiff

from bench.library import make_store, make_tree
from facewatchd.config import load
from facewatchd.inotify import Inotify, Mask
from facewatchd.pipeline import Pipeline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN = 0x20  # IN_OPEN of inotify(7), which the daemon never asks for


class Ours:
    """The daemon's pipeline on a tree that its store knows."""

    def __init__(self, home: Path, photos: Path) -> None:
        roots = [{"path": photos}]
        folders = {"output": home / "people", "state": home / "state"}
        self._pipeline = Pipeline(load(None, {"roots": roots, **folders}), SystemClock())
        self._pipeline.start(lambda: False)
        self._until(lambda: self._pipeline.live.state == "idle")

    def end_scout(self) -> None:
        """End the scout, as the daemon does when there was nothing to list for a while."""
        for root in self._pipeline.intake.roots.all:
            root.walker.kill()
            while root.walker.stuck:
                time.sleep(0.01)  # until the process has died

    def rescan(self) -> None:
        """List the root anew."""
        self._pipeline.intake.roots.walk_all()
        self._until(lambda: not self._pipeline.intake.busy)

    def changes(self) -> int:
        """Return how many rows of the store have been changed so far."""
        return self._pipeline.changes[1]

    def close(self) -> None:
        """Stop everything."""
        self._pipeline.close()

    def _until(self, condition: Callable[[], bool]) -> None:
        self._pipeline.step()
        while not condition():
            self._pipeline.wait()
            self._pipeline.step()


class Theirs:
    """What watchdog's PollingEmitter does each period."""

    def __init__(self, photos: Path) -> None:
        self._photos = os.fspath(photos)
        self._snapshot = self._look()

    def rescan(self) -> None:
        """Take a snapshot, and compare it with the last one."""
        fresh = self._look()
        changes = DirectorySnapshotDiff(self._snapshot, fresh)
        if changes.files_created or changes.files_modified or changes.files_deleted:
            raise RuntimeError("the tree is to stay as it is")
        self._snapshot = fresh

    def _look(self) -> DirectorySnapshot:
        return DirectorySnapshot(self._photos, recursive=True, stat=os.stat, listdir=os.scandir)


def opened(photos: Path, rescan: Callable[[], None]) -> int:
    """Return how many files below ``photos`` are opened while ``rescan`` runs."""
    folders = [os.fsencode(folder) for folder, _, _ in os.walk(photos)]
    one = next(photos.rglob("*.jpg"))
    with closing(Inotify()) as watch:
        for folder in folders:
            watch.add(folder, _OPEN)
        if _count(watch, one.read_bytes) != 1:
            raise RuntimeError("inotify does not tell of files that are opened")
        return _count(watch, rescan)


def _count(watch: Inotify, act: Callable[[], object]) -> int:
    """Count the files that are opened until ``act`` has ended."""
    ended = Event()
    with ThreadPoolExecutor(1) as pool:
        opens = pool.submit(_opens, watch, ended)
        try:
            act()
        finally:
            ended.set()
        return opens.result()


def _opens(watch: Inotify, ended: Event) -> int:
    found = 0
    while watch.wait(0.1) or not ended.is_set():
        for event in watch.read():
            if event.mask & Mask.Q_OVERFLOW:
                raise RuntimeError("more was opened than the kernel remembers")
            found += not event.mask & Mask.ISDIR
    return found


def timed(act: Callable[[], None]) -> float:
    """Return the seconds that ``act`` takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def compare(files: int, folders: int, rounds: int) -> dict[str, object]:
    """Make the tree, and let both take turns."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        photos = home / "photos"
        (home / "state").mkdir()
        make_store(home / "state" / "store.db", make_tree(photos, files, folders))
        theirs = Theirs(photos)
        with closing(Ours(home, photos)) as ours:
            before = ours.changes()
            fresh, again, polling = [], [], []
            for _ in range(rounds):
                ours.end_scout()
                fresh.append(timed(ours.rescan))
                again.append(timed(ours.rescan))
                polling.append(timed(theirs.rescan))
            opens = opened(photos, ours.rescan)
            if ours.changes() != before:
                raise RuntimeError("a rescan of an unchanged tree has changed the store")
    medians = [statistics.median(times) for times in (fresh, again, polling)]
    return {
        "files": files,
        "folders": folders,
        "rounds": rounds,
        "ours, scout started for it, s": medians[0],
        "ours, scout still there, s": medians[1],
        "PollingObserver, s": medians[2],
        "PollingObserver to ours, scout started": medians[2] / medians[0],
        "photos that ours opened": opens,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folders", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = compare(options.files, options.folders, options.rounds)
    if options.json:
        print(json.dumps(report, indent=2))
        return
    for name, value in report.items():
        print(f"{name:42s}{f'{value:,.3g}' if isinstance(value, float) else value:>10}")


if __name__ == "__main__":
    main()
