"""A store with photos in it, and the parts of the pipeline around it, with an invented clock."""

from __future__ import annotations

from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.config import COPIES, Settings, load
from facewatchd.journal import Journal
from facewatchd.model import (
    Box,
    CaptureDate,
    DateSource,
    EngineId,
    Face,
    FileStat,
    FileState,
    PhotoResult,
    Quality,
)
from facewatchd.pipeline.adding import Adding
from facewatchd.pipeline.backups import Backups
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.deciding import Deciding
from facewatchd.pipeline.encoding import Encoding, Origin
from facewatchd.pipeline.forgetting import Forgetting
from facewatchd.pipeline.grouping import Grouping
from facewatchd.pipeline.inheriting import Inheriting
from facewatchd.pipeline.looks import fill
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.replanning import Replanning
from facewatchd.pipeline.rules import Rules
from facewatchd.pipeline.saying import Saying
from facewatchd.pipeline.traces import Traces
from facewatchd.plugins import Scale
from facewatchd.store import Store
from facewatchd.store.views import Views

if TYPE_CHECKING:
    from pathlib import Path

SCALE = Scale(3, 0.68, 0.50, 0.32, 0.52)
ENGINE = EngineId("any", "test", "1")
PATIENCE = 60.0


class InventedClock:
    """Time goes on when the test says so."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1e9 + self.now


class NoPool:
    """Workers are not needed where encodings are invented."""

    free = 0

    def connections(self) -> list[Any]:
        return []


class Library:
    """Photos with invented encodings, grouped and published for real.

    They are places in a plane, seen from 1 above its origin: near there directions are as far apart
    as places are, and everywhere less.
    """

    def __init__(self, folder: Path, *, output: Any = None, **settings: Any) -> None:
        self.output = folder / "people"
        section = output if isinstance(output, dict) else {"path": output or self.output}
        self.engine = ENGINE
        self.settings: Settings = load(
            None,
            {
                "roots": [{"path": folder / "photos"}],
                "output": {"name": "{name}"} | section,
                "state": folder / "state",
                **settings,
            },
        )
        self.store = Store(folder / "store.db", ENGINE)
        self.clock = InventedClock()
        rules = Rules(self.store)
        self.offline: set[bytes] = set()  # the roots that are, as a test says
        self.hanging: list[bytes] = []  # and those of which the copier says that they hang
        roots = [bytes(folder / "photos")]
        self.copying = Copying(Storage(roots, lambda: self.offline, self.hanging.append), PATIENCE)
        self.publishing = Publishing(
            self.settings, self.store, rules, self.clock, SCALE, self.copying
        )
        self.placing = Placing(self.store, rules, SCALE, self.settings.engine.min_quality)
        self.deciding = Deciding(
            self.store,
            Journal([folder / "state", folder / "copies"], self.store.fact("library")),
            rules,
            self.placing,
            self.publishing,
            self.clock,
        )
        self.deciding.start()
        self.saying = Saying(self.store, self.deciding)
        self.adding = Adding(self.store, self.deciding, rules, self.placing, self.publishing)
        self.inheriting = Inheriting(self.store, self.deciding, rules, self.placing, self.clock)
        self.encoding = Encoding(
            self.store,
            NoPool(),  # type: ignore[arg-type]  # nothing is read here
            self.publishing,
            self.clock,
            engine=ENGINE,
            placing=self.placing,
            adding=self.adding,
            origin=Origin(roots, lambda _: None, lambda _: None),
        )
        self.replanning = Replanning(
            self.store,
            self.deciding,
            self.placing,
            self.publishing,
            self.clock,
            self.settings.engine.min_quality,
        )
        self.grouping = Grouping(
            self.settings, self.store, self.placing, self.replanning, self.clock, SCALE
        )
        self.traces = Traces(
            self.settings,
            self.store,
            self.deciding,
            self.publishing,
            Backups(self.settings, self.store, self.clock, lambda: None),
            self.clock,
        )
        self.forgetting = Forgetting(
            self.store,
            self.deciding,
            self.saying,
            self.placing,
            publishing=self.publishing,
            grouping=self.grouping,
            replanning=self.replanning,
            traces=self.traces,
        )
        self.forgetting.start()
        self.photos = folder / "photos"
        self._number = 0

    def close(self) -> None:
        self.grouping.close()
        self.publishing.close()
        self.store.close()

    def add(
        self,
        *encodings: tuple[float, float],
        quality: float = 0.5,
        captured: float | None = None,
    ) -> int:
        """Add a photo, an hour after the last, with a face at each place; return its id."""
        self._number += 1
        content = self._number.to_bytes(16, "big")
        seen = Quality(quality, quality, quality)
        faces = tuple(
            Face(Box(10 * i, 0, 10 * i + 9, 9), seen, np.array([*values, 1.0], np.float32))
            for i, values in enumerate(encodings)
        )
        taken = 3600.0 * self._number if captured is None else captured
        date = CaptureDate(taken, DateSource.EXIF)
        path = bytes(self.photos / f"{self._number}.jpg")
        with self.store.transaction():
            photo, ids = self.store.photos.add(PhotoResult(content, 9, 9, date, faces), self.engine)
            self.store.files.put(
                FileStat(path, 1, 1, self._number), FileState.DONE, 0.0, photo=photo
            )
            if ids:
                self.placing.place(ids, np.stack([face.encoding for face in faces]))
        self.placing.new_faces += len(ids)
        self.publishing.touch(self.store.faces.people_near(photo))
        return photo

    def remove(self, photo: int) -> None:
        """Delete the only file of ``photo``."""
        _, path, _ = next(row for row in self._rows() if row[0] == photo)
        with self.store.transaction():
            known = self.store.files.at(path)
            assert known is not None
            self.store.files.remove(known.id)
            self.store.photos.set_presence(photo, self.clock.time())
        self.publishing.touch(self.store.faces.people_near(photo))

    def _rows(self) -> list[tuple[int, bytes, int]]:
        rows = self.store._db.execute("SELECT photo, path, id FROM files")
        return [(row[0], row[1], row[2]) for row in rows]

    def recluster(self) -> None:
        """Run a re-clustering to its end."""
        self.grouping.request()
        self.grouping.step(backlog=False)
        self.finish()

    def found(self, *clusters: list[int]) -> None:
        """Make people of faces, as if a clustering had found them."""
        faces = self.store.faces.all()
        rows = {face: row for row, face in enumerate(faces.ids.tolist())}
        with self.store.transaction():
            for cluster in clusters:
                members = np.array([rows[face] for face in cluster])
                person = self.store.people.create()
                fill(self.store, SCALE, person, faces.ids, faces.encodings, [members])
        self.placing.read_looks()

    def candidates(self, face: int) -> list[str]:
        """Return the candidates of a face, nearest first."""
        return [each["person"] for each in Views(self.store._db).candidates(face)]

    def finish(self) -> None:
        """Wait for the run under way and take in its result."""
        assert wait(self.grouping.connections(), PATIENCE), "no answer from the clustering"
        self.grouping.step(backlog=False)

    def person_of(self, photo: int) -> str | None:
        """Return the person of the first face of ``photo``."""
        given = self.store.faces.given_in(photo)
        return given[0][1] if given else None

    def publish(self) -> None:
        """Let time pass until the tree is made."""
        self.clock.now += 60
        self.publishing.step()

    def tree(self) -> dict[str, set[str]]:
        """Return the names in each folder of the output that holds links or covers."""
        found: dict[str, set[str]] = {}
        for path in self.output.rglob("*"):
            if path.parent.name != COPIES and (path.is_symlink() or path.is_file()):
                folder = str(path.parent.relative_to(self.output))
                found.setdefault(folder, set()).add(path.name)
        return found
