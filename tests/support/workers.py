"""A worker within the test's own process, with a detector and an encoder that note what they do."""

from __future__ import annotations

from multiprocessing import Pipe
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.encode import Engine
from facewatchd.model import Box, Detection, Hashed, Setup, Told, WorkerSettings
from facewatchd.plugins import Scale
from facewatchd.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Answer, Task

SETTINGS = WorkerSettings("noted", "noted", Setup(), megapixels=250, file_mb=500, memory_mb=2048)
Points = tuple[tuple[float, float], ...]


class NotedDetector:
    """Finds the faces that it was told."""

    protocol, name, version, finds_points = 1, "noted", "1", True

    def __init__(self, faces: Sequence[Detection]) -> None:
        self.faces = list(faces)

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        assert pixels.ndim == 3
        return self.faces


class NotedEncoder:
    """Notes every face that it is given; its encodings are their boxes."""

    protocol, name, version = 1, "noted", "1"
    scale = Scale(4, 0.68, 0.5, 0.32, 0.52)

    def __init__(self, *, needs_points: bool = False) -> None:
        self.needs_points = needs_points
        self.given: list[Detection] = []

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        assert pixels.ndim == 3
        self.given += faces
        return np.array([face.box for face in faces], np.float32).reshape(len(faces), 4)

    @property
    def boxes(self) -> list[Box]:
        return [face.box for face in self.given]


def do(
    task: Task, detector: NotedDetector, encoder: NotedEncoder, told: Told | None = None
) -> Answer | None:
    """Have a worker do ``task``; when it has hashed a photo, it hears ``told``."""
    ours, its = Pipe()
    with ours, its:
        worker = Worker(SETTINGS, (Engine(detector, encoder),), its)
        ours.send(told)
        answer = worker.do(task)
        while ours.poll():
            assert isinstance(ours.recv(), Hashed)
        return answer
