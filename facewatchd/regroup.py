"""A process of its own that clusters all faces once, so that the daemon goes on meanwhile.

The daemon imports the messages from here and stays free of scikit-learn: only the process that
clusters loads it, and gives its memory back by ending.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd import checked
from facewatchd.clustering.constraints import constrained
from facewatchd.clustering.labels import members
from facewatchd.clustering.leftovers import one_face_a_photo
from facewatchd.clustering.looks import looks_of
from facewatchd.clustering.matching import Before, owners_after
from facewatchd.clustering.progress import silent
from facewatchd.clustering.questions import questions
from facewatchd.clustering.recipe import Recipe, group_known, learn
from facewatchd.errors import PluginError
from facewatchd.landlock import confine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

    from facewatchd.clustering.questions import Question
    from facewatchd.remembering import Memory


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All faces of one engine, and how to cluster them (see `plugins.Clusterer.group`).

    ``encodings`` float32 (N, D) and ``photos`` int64 (N,), which numbers the photo of each face,
    come in an order that lasts (photo hash, then box), because it decides ties.  ``options`` are
    what the clusterer is made with.  ``before`` says whose the faces are, and what the user said of
    them; without it everyone is new.  With ``faces``, ids int64 (N,), the default clusterer finds
    out only what is not in ``memory``, and leaves there what it found.
    """

    encodings: NDArray[np.float32]
    photos: NDArray[np.int64]
    eps: float
    min_samples: int
    merge: float
    reach: float
    clusterer: str = "dbscan+merge"
    options: Mapping[str, Any] = field(default_factory=dict)
    before: Before | None = None
    faces: NDArray[np.int64] | None = None
    memory: Memory | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """The clusters of a task, int64 (N,), -1 for none, and who they are.

    ``owners`` int64 (N,) numbers the owner of each face: the P that were known, then new ones in
    the order of their clusters; -1 is nobody.  ``looks`` holds by owner the faces of the looks, of
    which the first is all of them; it is empty for an owner who has no face of the task.
    ``questions`` are what the run thinks wrong in kept people.  ``seconds`` is what it took.
    """

    labels: NDArray[np.int64]
    looks: tuple[tuple[NDArray[np.int64], ...], ...]
    seconds: float
    owners: NDArray[np.int64]
    questions: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a task cannot be done, as the end of a sentence that starts with "Re-clustering"."""

    reason: str


def cluster(task: Task) -> Grouped | Refused:
    """Do a task, or say why it cannot be done."""
    start = time.monotonic()
    try:
        found = _found(task)
        return _people(task, found, start)
    except PluginError as error:
        return Refused(f"is not possible: {error.title} {error.remedy}")
    except MemoryError:
        return Refused(f"of {len(task.photos)} faces ran out of memory")


def _found(task: Task) -> NDArray[np.int64]:
    """Return the clusters of all faces, as the clusterer has them."""
    if task.clusterer == Recipe.name and task.memory is not None and task.faces is not None:
        return _with_memory(task, task.memory, task.faces)
    return checked.labels(
        task.clusterer,
        task.encodings,
        task.photos,
        options=task.options,
        eps=task.eps,
        min_samples=task.min_samples,
        merge=task.merge,
        reach=task.reach,
        progress=silent,
    )


def _with_memory(task: Task, memory: Memory, faces: NDArray[np.int64]) -> NDArray[np.int64]:
    before, was = memory.recall(faces, task.encodings) or (None, None)
    known = learn(
        task.encodings,
        eps=task.eps,
        min_samples=task.min_samples,
        merge=task.merge,
        before=before,
        was=was,
    )
    memory.keep(faces, task.encodings, known)
    return group_known(task.encodings, task.photos, known, merge=task.merge)


def _people(task: Task, found: NDArray[np.int64], start: float) -> Grouped:
    """Make people of the clusters that were found, as the user's decisions allow it."""
    before = task.before or Before.nobody(*task.encodings.shape)
    # A collage or a mirror is no reason to take a cluster apart: it gives up a face of that photo.
    single = one_face_a_photo(task.encodings, found, task.photos)
    labels = constrained(
        task.encodings,
        task.photos,
        single,
        settled=before.persons_of(before.settled),
        refused=before.refusals(),
        merge=task.merge,
    )
    owners = owners_after(task.encodings, task.photos, labels, before, task.reach)
    looks = _looks(task, owners, len(before.persons))
    asked = questions(task.encodings, found, owners, before, looks)
    return Grouped(labels, looks, time.monotonic() - start, owners, tuple(asked))


def _looks(
    task: Task, owners: NDArray[np.int64], known: int
) -> tuple[tuple[NDArray[np.int64], ...], ...]:
    have = members(owners)
    have += [np.empty(0, dtype=np.int64)] * (known - len(have))
    return tuple(
        tuple(faces[look] for look in looks_of(task.encodings[faces], task.merge))
        if len(faces)
        else ()
        for faces in have
    )


def main(connection: Connection[Any, Any]) -> None:
    """Answer one task that comes over ``connection``."""
    task: Task = connection.recv()
    confine([] if task.memory is None else [task.memory.path.parent])
    connection.send(cluster(task))
