"""A process of its own that clusters all faces once, so that the daemon goes on meanwhile.

The daemon imports the messages from here and stays free of scikit-learn: only the process that
clusters loads it, and gives its memory back by ending.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd import checked
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All faces of one engine, and how to cluster them (see `plugins.Clusterer.group`).

    ``encodings`` float32 (N, D) and ``photos`` int64 (N,), which numbers the photo of each face,
    come in an order that lasts (photo hash, then box), because it decides ties.
    """

    encodings: NDArray[np.float32]
    photos: NDArray[np.int64]
    eps: float
    min_samples: int
    merge: float
    reach: float
    clusterer: str = "recipe"


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The cluster of each face of a task, int64 (N,), -1 for none; ``seconds`` is what it took.

    ``looks`` holds for each cluster the faces of its looks, of which the first is all of them.
    """

    labels: NDArray[np.int64]
    looks: tuple[tuple[NDArray[np.int64], ...], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a task cannot be done, as the end of a sentence that starts with "Re-clustering"."""

    reason: str


def cluster(task: Task) -> Grouped | Refused:
    """Do a task, or say why it cannot be done."""
    start = time.monotonic()
    try:
        labels = checked.labels(
            task.clusterer,
            task.encodings,
            task.photos,
            eps=task.eps,
            min_samples=task.min_samples,
            merge=task.merge,
            reach=task.reach,
        )
    except PluginError as error:
        return Refused(f"is not possible: {error.title} {error.remedy}")
    except MemoryError:
        return Refused(f"of {len(task.photos)} faces ran out of memory")
    return Grouped(labels, _looks(task, labels), time.monotonic() - start)


def _looks(task: Task, labels: NDArray[np.int64]) -> tuple[tuple[NDArray[np.int64], ...], ...]:
    from facewatchd.clustering.looks import looks_of  # noqa: PLC0415 - as above

    members = [np.flatnonzero(labels == label) for label in range(int(labels.max(initial=-1)) + 1)]
    return tuple(
        tuple(faces[look] for look in looks_of(task.encodings[faces], task.merge))
        for faces in members
    )


def main(connection: Connection[Any, Any]) -> None:
    """Answer one task that comes over ``connection``."""
    connection.send(cluster(connection.recv()))
