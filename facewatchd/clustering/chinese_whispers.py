"""Chinese Whispers (Biemann 2006): every face takes the label that most of its neighbours have.

The paper visits all faces in random order, again and again.  A face whose neighbours kept their
labels since its last visit would keep its own, so only the others are visited here: the result is
the same, and after the first round few are left.  That is why no edges are kept: whoever is visited
is compared with all faces anew, by blocks, and memory is linear in the faces even where one person
has 20,000 photos, which would be 200 million edges.

Edges have no weights, as in dlib.  On the faces of LFW, weights that fall with the distance make no
difference (1 - distance) or a worse one (0.42 - distance: pairwise F1 0.88 in the place of 0.91).
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facewatchd.clustering.checks import check
from facewatchd.clustering.directions import units
from facewatchd.clustering.labels import without_singles
from facewatchd.clustering.neighbours import squared_distances
from facewatchd.clustering.options import check_number, check_whole
from facewatchd.clustering.progress import Progress, part, silent
from facewatchd.clustering.screen import products, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OF_MERGE = 0.8  # of 0.7 to 0.95 what suits the encodings of both dlib and ArcFace
_BLOCK = 256  # faces whose neighbours are looked for at once
_TILE = 2048  # faces that they are compared with at once
_MARKS = 2**26  # bytes for the neighbours of a block


@dataclass(frozen=True)
class ChineseWhispers:
    """Clusterer "chinese_whispers".

    Faces whose encodings are at most ``distance`` (L2) apart are neighbours.  With None, those are
    whose directions (encodings of length 1) are at most 0.8 of the scale's ``merge`` apart: on LFW
    pairwise F1 0.95 with all faces and 0.99 with an album, where no L2 distance of dlib's
    encodings has more than 0.92 and 0.99.  After ``iterations`` rounds it ends even if labels still
    change; for LFW ten are enough.  ``seed`` decides the order in which faces are visited.
    """

    distance: float | None = None
    iterations: int = 20
    seed: int = 0
    protocol: ClassVar[int] = 1
    name: ClassVar[str] = "chinese_whispers"
    version: ClassVar[str] = "1"

    def __post_init__(self) -> None:
        if self.distance is not None:
            check_number("distance", self.distance, 0.0)
        check_whole("iterations", self.iterations, 1)
        check_whole("seed", self.seed, 0)

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        merge: float,
        progress: Progress = silent,
        **_others: float,
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,), numbered from 0 by first face; -1 is none.

        ``encodings`` is float32 (N, D), ``photos`` (N,).  In none are faces without a neighbour,
        and whoever is left alone with a label.  A cluster may have two faces of one photo.

        The same faces and the same seed give the same clusters.  The order in which faces come has
        no influence: who is visited when, and which of two labels that are as frequent is taken, is
        decided by the encodings themselves; only of faces with equal encodings one may be where the
        other would be.  ValueError when shapes differ or an encoding is not finite.
        """
        check(encodings, photos)
        if len(encodings) == 0:
            return np.empty(0, dtype=np.int64)
        # It comes with scikit-learn, which is for the process that clusters.
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        if self.distance is None:
            encodings, distance = units(encodings).astype(np.float32), _OF_MERGE * merge
        else:
            distance = float(self.distance)
        encodings = np.ascontiguousarray(encodings)
        cores = len(os.sched_getaffinity(0))
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as threads:
            near = Neighbours(encodings, distance, threads)
            return self._settled(encodings, near, progress)

    def _settled(
        self, encodings: NDArray[np.float32], near: Neighbours, progress: Progress
    ) -> NDArray[np.int64]:
        """Return the labels after the last round."""
        labels = np.empty(len(encodings), dtype=np.int64)
        labels[self._turns(encodings, 0)] = np.arange(len(encodings))
        waiting = np.ones(len(encodings), dtype=np.bool_)
        for round_ in range(1, self.iterations + 1):
            half = part(progress, 1.0 - 0.5 ** (round_ - 1), 1.0 - 0.5**round_)
            _visit_all(self._turns(encodings, round_), near, labels, waiting, half)
            if not waiting.any():
                break
        progress(1.0)
        return without_singles(labels)

    def _turns(self, encodings: NDArray[np.float32], round_: int) -> NDArray[np.int64]:
        """Return the faces in the random order of a round, which their encodings alone decide."""
        chance = blake2b(f"{self.seed} {round_}".encode(), digest_size=8).digest()
        digests = (blake2b(face, digest_size=8, key=chance).digest() for face in encodings)
        keys = np.fromiter(map(int.from_bytes, digests), dtype=np.uint64, count=len(encodings))
        return np.argsort(keys, kind="stable")


def _visit_all(
    turns: NDArray[np.int64],
    near: Neighbours,
    labels: NDArray[np.int64],
    waiting: NDArray[np.bool_],
    progress: Progress,
) -> None:
    """Visit in the order of ``turns`` who is ``waiting``, when its turn comes.

    The neighbours of many are looked for at once; who begins to wait later in the same round is
    looked up alone.
    """
    start = 0
    while len(found := np.flatnonzero(waiting[turns[start:]])[: near.at_once]):
        end = start + int(found[-1]) + 1
        block = turns[start + found]
        known = dict(zip(block.tolist(), near.of(block), strict=True))
        for face in turns[start:end].tolist():
            if waiting[face]:
                mine = known[face] if face in known else near.of(np.array([face]))[0]
                _visit(face, np.flatnonzero(mine), labels, waiting)
        start = end
        progress(start / len(turns))


def _visit(
    face: int,
    neighbours: NDArray[np.int64],
    labels: NDArray[np.int64],
    waiting: NDArray[np.bool_],
) -> None:
    """Give a face the most frequent label of its neighbours; its own or the lowest on a tie."""
    waiting[face] = False
    if len(neighbours) == 0:
        return
    found, counts = np.unique(labels[neighbours], return_counts=True)
    most = found[counts == counts.max()]
    if labels[face] not in most:
        labels[face] = most[0]
        waiting[neighbours] = True


class Neighbours:
    """Who is within a distance of a face, exactly (see `screen`); the face itself is not."""

    def __init__(
        self, encodings: NDArray[np.float32], distance: float, threads: ThreadPoolExecutor
    ) -> None:
        self._encodings = encodings
        self._distance = distance
        self._threads = threads
        self._screen = whole(encodings)
        self._rows = np.empty((len(encodings), self._screen.terms), dtype=np.float32)
        for start in range(0, len(encodings), _TILE):
            tile = slice(start, start + _TILE)
            self._rows[tile] = self._screen.rows(encodings[tile])
        self.at_once = max(1, min(_BLOCK, _MARKS // len(encodings)))

    def of(self, faces: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark the neighbours of ``faces`` (n,) among all: (n, N)."""
        marks = np.empty((len(faces), len(self._rows)), dtype=np.bool_)
        work = partial(self._mark, faces, self._rows[faces], marks)
        deque(self._threads.map(work, range(0, len(self._rows), _TILE)), maxlen=0)
        marks[np.arange(len(faces)), faces] = False
        return marks

    def _mark(
        self,
        faces: NDArray[np.int64],
        rows: NDArray[np.float32],
        marks: NDArray[np.bool_],
        start: int,
    ) -> None:
        columns = self._rows[start : start + _TILE]
        near = np.empty((len(rows), len(columns)), dtype=np.float32)
        products(rows, columns, near)
        found = near >= self._screen.least(self._distance)
        i, j = np.nonzero(found)
        doubts = near[i, j] < self._screen.surely(rows, columns, self._distance)
        i, j = i[doubts], j[doubts]
        squared = squared_distances(self._encodings, faces[i], start + j)
        found[i, j] = squared <= self._distance * self._distance
        marks[:, start : start + _TILE] = found
