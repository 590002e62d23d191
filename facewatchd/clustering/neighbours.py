"""Every pair of faces within a distance, exactly, in blocks, on all cores, in bounded memory.

The distance of two faces is that of their float32 encodings, computed in float64: a pair is within
eps when the sum of (x - y)^2 is at most eps^2.  Blocks of pairs go through float32 products; those
that rounding leaves in doubt are computed again so (see `screen`).  What is found depends neither
on the blocks nor on the number of threads.
"""

from __future__ import annotations

import math
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.progress import Progress, silent
from facewatchd.clustering.screen import Screen, cheapest, products, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    # The two ends of pairs, int64 (n,) each.
    Ends = tuple[NDArray[np.int64], NDArray[np.int64]]
    Take = Callable[[NDArray[np.int64], NDArray[np.int64]], None]

# A block of products: large enough for a good matrix product, small enough for a shared cache.
_ROWS, _COLUMNS = 256, 2048
# So many pairs are computed, and rows made, in float64 at a time.
_PART = 256
# Where more than this share of a block passes a screen along some axes, all axes are looked along.
_CROWDED = 1 / 160


@dataclass(frozen=True)
class Blocks:
    """How the work is cut: the size of a block, and the number of threads."""

    rows: int = _ROWS
    columns: int = _COLUMNS
    threads: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Plan:
    """Which faces are compared: ``order[i]`` with ``order[i + 1 : ends[i]]``.

    ``order`` int64 (n,) are faces, each once; ``ends`` int64 (m,), m at most n, are above i.
    """

    order: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def touching(cls, faces: NDArray[np.int64], count: int) -> Plan:
        """Compare each of ``faces`` with all of ``count``."""
        others = np.ones(count, dtype=np.bool_)
        others[faces] = False
        return cls(np.concatenate([faces, np.flatnonzero(others)]), np.full(len(faces), count))

    @classmethod
    def inside(cls, faces: NDArray[np.int64], groups: NDArray[np.int64]) -> Plan:
        """Compare each of ``faces`` with those of its group, and maybe some others of ``faces``.

        ``groups`` (n,) is the group of each of them.
        """
        order = np.argsort(groups, kind="stable")
        ordered = groups[order]
        return cls(faces[order], np.searchsorted(ordered, ordered, side="right"))

    @property
    def pairs(self) -> int:
        """Return how many pairs are compared."""
        return int((self.ends - np.arange(1, len(self.ends) + 1)).sum())

    def bands(self, blocks: Blocks) -> Iterator[Tile]:
        """Yield rows with all columns that one of them is compared with."""
        for start in range(0, len(self.ends), blocks.rows):
            rows = slice(start, min(start + blocks.rows, len(self.ends)))
            yield Tile(rows, slice(start, int(self.ends[rows].max())))

    def tiles(self, blocks: Blocks) -> Iterator[Tile]:
        """Yield blocks that hold every pair once; of two faces in one, the row is the earlier."""
        for band in self.bands(blocks):
            for start in range(band.columns.start, band.columns.stop, blocks.columns):
                stop = min(start + blocks.columns, band.columns.stop)
                yield Tile(band.rows, slice(start, stop))


@dataclass(frozen=True)
class Tile:
    """Places in the order: rows, and the columns that they are compared with."""

    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many there are of both."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start


def each_pair(
    encodings: NDArray[np.float32],
    eps: float,
    plan: Plan,
    take: Take,
    progress: Progress = silent,
    blocks: Blocks | None = None,
) -> None:
    """Hand every two faces that ``plan`` compares and that are within ``eps`` to ``take``, once.

    ``encodings`` is float32 (N, D), ``eps`` an L2 distance.  ``take`` is called in this thread, in
    an order that is always the same, with the ends of as many pairs as one block has.  ValueError
    when an encoding is not finite.
    """
    blocks = blocks or Blocks()
    # It comes with scikit-learn, which is for the process that clusters.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    if len(plan.ends):
        done, area = 0, sum(math.prod(band.shape) for band in plan.bands(blocks))
        with (
            threadpool_limits(1, user_api="blas"),
            ThreadPoolExecutor(blocks.threads, "neighbours") as threads,
        ):
            search = _Search(encodings, eps, plan, blocks, threads)
            for tile, found in search.in_order():
                take(*found)
                done += math.prod(tile.shape)
                progress(done / area)
    progress(1.0)


def squared_distances(
    encodings: NDArray[np.float32], ones: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the squared distance of each of ``ones`` and its one of ``others``, float64 (n,)."""
    found = np.empty(len(ones))
    for start in range(0, len(ones), _PART):
        part = slice(start, start + _PART)
        away = encodings[ones[part]].astype(np.float64)
        away -= encodings[others[part]]
        found[part] = np.einsum("nd,nd->n", away, away)
    return found


class _Search:
    """Looks for pairs in tiles; has the rows of all faces in their order."""

    def __init__(
        self,
        encodings: NDArray[np.float32],
        eps: float,
        plan: Plan,
        blocks: Blocks,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._encodings, self._eps, self._order = encodings, eps, plan.order
        self._tiles, self._threads = plan.tiles(blocks), threads
        self._ahead = 2 * blocks.threads
        self._whole = whole(encodings)
        self._screen = cheapest(self._whole, encodings, eps, plan.pairs)
        self._rows = np.empty((len(plan.order), self._screen.terms), dtype=np.float32)
        deque(threads.map(self._fill, range(0, len(plan.order), _PART)), maxlen=0)
        self._spare: SimpleQueue[tuple[NDArray[np.float32], NDArray[np.bool_]]] = SimpleQueue()
        size = blocks.rows * min(blocks.columns, len(plan.order))
        for _ in range(blocks.threads):
            self._spare.put((np.empty(size, dtype=np.float32), np.empty(size, dtype=np.bool_)))

    def _fill(self, start: int) -> None:
        part = slice(start, start + _PART)
        self._rows[part] = self._screen.rows(self._encodings[self._order[part]])

    def in_order(self) -> Iterator[tuple[Tile, Ends]]:
        """Yield each tile with what is found in it; a few more are begun before."""
        begun = deque(map(self._begin, islice(self._tiles, self._ahead)))
        while begun:
            tile, found = begun.popleft()
            ends = found.result()
            begun.extend(map(self._begin, islice(self._tiles, 1)))
            yield tile, ends

    def _begin(self, tile: Tile) -> tuple[Tile, Future[Ends]]:
        return tile, self._threads.submit(self._found, tile)

    def _found(self, tile: Tile) -> Ends:
        """Return the two ends of every pair in ``tile``."""
        spare = self._spare.get()
        try:
            return self._found_with(tile, *spare)
        finally:
            self._spare.put(spare)

    def _found_with(self, tile: Tile, near: NDArray[np.float32], marks: NDArray[np.bool_]) -> Ends:
        size, width = math.prod(tile.shape), tile.shape[1]
        near, marks = near[:size], marks[:size]
        screen, rows, columns = self._screen, self._rows[tile.rows], self._rows[tile.columns]
        hits = _passing(screen, self._eps, rows, columns, near, marks)
        if screen.axes is not None and len(hits) > _CROWDED * size:
            screen = self._whole
            rows = screen.rows(self._encodings[self._order[tile.rows]])
            columns = screen.rows(self._encodings[self._order[tile.columns]])
            hits = _passing(screen, self._eps, rows, columns, near, marks)
        within = near[hits] >= screen.surely(rows, columns, self._eps)
        row = hits // width
        column = hits - row * width + tile.columns.start
        row += tile.rows.start
        if tile.columns.start < tile.rows.stop:
            later = row < column
            row, column, within = row[later], column[later], within[later]
        ones, others = self._order[row], self._order[column]
        doubts = np.flatnonzero(~within)
        if len(doubts) == 0:
            return ones, others
        squared = squared_distances(self._encodings, ones[doubts], others[doubts])
        within[doubts] = squared <= self._eps * self._eps
        return ones[within], others[within]


def _passing(
    screen: Screen,
    eps: float,
    rows: NDArray[np.float32],
    columns: NDArray[np.float32],
    near: NDArray[np.float32],
    marks: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the places, in a flat block, of the pairs that ``screen`` does not rule out."""
    products(rows, columns, near.reshape(len(rows), len(columns)))
    np.greater_equal(near, screen.least(eps), out=marks)
    return np.flatnonzero(marks)
