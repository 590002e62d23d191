"""A real folder with a real intake over it: real inotify, a real scout; the clock is invented."""

from __future__ import annotations

import os
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from facewatchd.config import load
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.intake import Intake
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.rules import Rules
from facewatchd.store import Store
from tests.support.library import ENGINE, SCALE, InventedClock

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.pipeline.root import Root

PATIENCE = 30.0
YEAR = 31_536_000


class House:
    """A root with an Intake over it."""

    def __init__(self, folder: Path, *ignore: str, watch: str = "auto") -> None:
        self.path = folder / "photos"
        self.path.mkdir(exist_ok=True)
        settings = load(
            None,
            {
                "roots": [{"path": self.path, "ignore": ignore, "watch": watch}],
                "output": self.path / "people",
                "state": folder / "state",
            },
        )
        self.store = Store(folder / "store.db", ENGINE)
        self.clock = InventedClock()
        self._news, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        rules = Rules(self.store)
        copying = Copying(Storage([bytes(self.path)], set, lambda _: None))
        publishing = Publishing(settings, self.store, rules, self.clock, SCALE, copying)
        self.intake = Intake(settings, self.store, publishing, self.clock, self._ring)

    def _ring(self) -> None:
        os.write(self._wake, b"\0")

    def close(self) -> None:
        self.intake.close()
        self.store.close()
        os.close(self._news)
        os.close(self._wake)

    @property
    def root(self) -> Root:
        (root,) = self.intake.roots.all
        return root

    def start(self) -> None:
        self.intake.start()
        self.work()

    def write(self, name: str, *, age: float = YEAR, content: bytes | None = None) -> bytes:
        """Write a file that looks as if it had been written ``age`` seconds ago."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content or name.encode())
        then = self.clock.time() - age
        os.utime(path, (then, then))
        return bytes(path)

    def step(self) -> None:
        """Wait for news, and take it in."""
        due = self.intake.roots.next_due()
        if due is None or due > self.clock.now:
            ready = wait([self._news, *self.intake.roots.connections()], PATIENCE)
            assert ready, "no news"
            if self._news in ready:
                os.read(self._news, 4096)
        self.intake.step()

    def work(self) -> None:
        """Let the walks come to their end."""
        self.intake.step()
        while self.intake.roots.walking:
            self.step()

    def settle(self, path: bytes, seconds: float) -> None:
        """Wait for the hint about ``path``, let it rest, and take in what is there."""
        while not self.intake.is_settling(path):
            self.step()
        self.rest(seconds)

    def rest(self, seconds: float) -> None:
        """Let time pass until nothing waits to be looked at."""
        while self.intake.busy:
            self.clock.now += seconds
            self.intake.step()
            self.work()

    def scan(self) -> None:
        """Walk over everything, as the command does."""
        self.intake.roots.walk_all()
        self.work()

    def known(self) -> set[str]:
        prefix = bytes(self.path) + b"/"
        files = self.store.files.at_or_below(bytes(self.path))
        return {os.fsdecode(file.stat.path.removeprefix(prefix)) for file in files}

    def read_all(self) -> None:
        """Pretend that every pending file was read: each shows a photo of its own."""
        with self.store.transaction():
            for file in self.store.files.pending(10_000):
                row = self.store._db.execute(
                    "INSERT INTO photos (hash, width, height, captured, captured_source)"
                    " VALUES (?, 1, 1, 0, 'file') RETURNING id",
                    [file.stat.path],
                ).fetchone()
                self.store.files.done(file.id, row[0], 1)

    def missing(self) -> int:
        """Return how many photos are missing."""
        return len(self.store.photos.missing_before(1e12))
