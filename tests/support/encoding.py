"""Encoding with a scripted pool and an invented clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.config import load
from facewatchd.journal import Journal
from facewatchd.model import (
    Answer,
    Box,
    CaptureDate,
    DateSource,
    Face,
    FileStat,
    FileState,
    Hashed,
    Identity,
    PhotoRead,
    PhotoResult,
    Quality,
    ReadPhoto,
    Task,
    Told,
)
from facewatchd.pipeline.adding import Adding
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.deciding import Deciding
from facewatchd.pipeline.encoding import Encoding, Origin
from facewatchd.pipeline.inheriting import Inheriting
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.rules import Rules
from facewatchd.pool import Outcome
from facewatchd.store import Store, reading
from tests.support.library import ENGINE, SCALE, InventedClock

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.store.files import KnownFile


ROOT, OTHER_ROOT = b"/p", b"/q"
UNDATED = CaptureDate(0.0, DateSource.FILE)


class ScriptedPool:
    """A pool of one worker that answers what the test says."""

    size = 1

    def __init__(self) -> None:
        self.task: Task | None = None
        self.stuck: list[Task] = []
        self.outcomes: list[Outcome] = []
        self.answered: list[bool] = []
        self.told: list[Told] = []

    @property
    def free(self) -> int:
        return 0 if self.task else 1

    @property
    def tasks(self) -> list[Task]:
        return self.stuck + ([self.task] if self.task else [])

    def submit(self, task: Task, now: float) -> None:
        assert now
        self.task = task

    def says(self, answer: Answer) -> None:
        assert self.task is not None
        self.outcomes.append(Outcome(self.task, answer))
        if not isinstance(answer, Hashed):
            self.task = None

    def answer(self, task: Task, *, encode: bool, told: Told) -> None:
        assert task is self.task
        self.told.append(told)
        self.answered.append(encode)
        if not encode:
            self.task = None

    def step(self, now: float) -> list[Outcome]:
        assert now
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def connections(self) -> list[object]:
        return []


class Bench:
    """An Encoding with everything around it invented but the store."""

    def __init__(self, store: Store, output: Path) -> None:
        settings = load(None, {"roots": [{"path": "/p"}], "output": output, "state": "/s"})
        self.store = store
        self.pool = ScriptedPool()
        self.clock = InventedClock()
        self._inode = 0
        self.again: list[bytes] = []
        self.hanging: list[bytes] = []
        rules = Rules(store)
        copying = Copying(Storage([ROOT, OTHER_ROOT], set, self.hanging.append))
        self.publishing = Publishing(settings, store, rules, self.clock, SCALE, copying)
        self.placing = Placing(store, rules, SCALE, 0.3)
        self.deciding = Deciding(
            store,
            Journal([output.parent / "journal"], store.fact("library")),
            rules,
            self.placing,
            self.publishing,
            self.clock,
        )
        self.deciding.start()
        self.adding = Adding(store, self.deciding, rules, self.placing, self.publishing)
        self.inheriting = Inheriting(store, self.deciding, rules, self.placing, self.clock)
        self.encoding = Encoding(
            store,
            self.pool,  # type: ignore[arg-type]  # all of the pool that Encoding uses
            self.publishing,
            self.clock,
            engine=ENGINE,
            placing=self.placing,
            adding=self.adding,
            origin=Origin([ROOT, OTHER_ROOT], self.again.append, self.hanging.append),
        )

    def add_file(
        self, name: bytes, captured: float = 0.0, *, root: bytes = ROOT, written: float = 0.0
    ) -> int:
        """Add a pending file, or have a known one change."""
        path = root + b"/" + name
        self._inode += 1
        stat = FileStat(path, 1, int(written * 1e9), self._inode)
        before = self.store.files.at(path)
        photo = before.photo if before else None
        self.store.files.put(stat, FileState.PENDING, captured, photo=photo)
        return self.file(path).id

    def file(self, path: bytes) -> KnownFile:
        file = self.store.files.at(path)
        assert file is not None
        return file

    def reading(self) -> bytes:
        """Step, and return the path of the photo that is being read now."""
        self.encoding.step()
        assert isinstance(self.pool.task, ReadPhoto)
        return self.pool.task.stat.path

    def hash(
        self,
        picture: bytes,
        content: bytes | None = None,
        orientation: int = 1,
        captured: CaptureDate = UNDATED,
    ) -> bool:
        """Have the worker hash the present photo; return whether it is told to read on."""
        identity = Identity(picture, orientation, captured)
        self.pool.says(Hashed(content or b"file of " + picture, identity))
        self.encoding.step()
        return self.pool.answered[-1]

    def finish(
        self,
        picture: bytes,
        *encodings: tuple[float, float],
        content: bytes | None = None,
        orientation: int = 1,
        captured: CaptureDate = UNDATED,
        quality: float = 0.5,
    ) -> None:
        """Have the worker read the present photo, new as it is, to its end."""
        assert self.hash(picture, content, orientation, captured)
        faces = tuple(
            Face(
                Box(i, 0, i + 1, 1),
                Quality(quality, quality, quality),
                np.array(values, np.float32),
            )
            for i, values in enumerate(encodings)
        )
        width, height = (9, 7) if orientation < 5 else (7, 9)
        result = PhotoResult(picture, width, height, captured, faces, orientation)
        self.pool.says(PhotoRead(content or b"file of " + picture, result))
        self.encoding.step()

    def boxes(self, path: bytes) -> list[list[int]]:
        with reading(self.store.path) as views:
            return [face["box"] for face in views.faces(path)]

    def captured(self, path: bytes) -> CaptureDate:
        photo = self.file(path).photo
        assert photo is not None
        with reading(self.store.path) as views:
            found = views.photo(photo)["captured"]
        return CaptureDate(found["at"], found["source"])
