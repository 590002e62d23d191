"""Which groups are nearest to each: short lists, each with a bound that nobody else is below.

Blocks of products of float32 directions choose who is listed.  The rounding of a product of D
terms, in any order, is below D u / (1 - D u) times the product of the norms, which are at most 1,
and that of the terms and the sum adds a few u, u = 2^-24 (Higham, Accuracy and Stability of
Numerical Algorithms, 2002, 3.1).  A height is 2 minus twice a product, so it is off by less than
`slack`, which a bound leaves.  Heights are therefore close, and bounds are certain.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facewatchd.clustering.apart import Apart

# A block of products: large enough for a good matrix product, small enough for a shared cache.
_BLOCK = 2048
# So many columns are compared at a time with fewer rows.
_WIDEST = 16384
# Fewer products are not worth a thread.
_FEW = 1 << 21
# Where a list would get more than so many times its length of a block, the block is first looked
# through for a height that enough of it are below.
_CROWDED = 4
# Above every height, for sorting: what is not listed comes last.
_ABOVE = 5.0
_UNIT_ROUNDOFF = 2.0**-24


def alone_on_a_core(groups: int) -> AbstractContextManager[object]:
    """Return a context in which a matrix product has one thread, if there are many ``groups``.

    Blocks are compared by a thread a core, and many products here are too small for more than one.
    """
    if groups <= _BLOCK:
        return nullcontext()
    # It comes with scikit-learn, which is for the process that clusters.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limited: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limited


def slack(dimensions: int) -> float:
    """Return what a height from float32 directions is off by, at most."""
    return 4.0 * (dimensions + 16) * _UNIT_ROUNDOFF


@dataclass(frozen=True)
class _Tile:
    """Rows and columns to compare; ``both`` if columns are to list rows, too."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    both: bool


# Rows, others to be listed there, and their heights.
_Found = tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.float32]"]


class Lists:
    """The lists of G groups, in arrays that comparing changes."""

    def __init__(
        self,
        directions: NDArray[np.float32],
        groups: NDArray[np.int32],
        heights: NDArray[np.float32],
        bound: NDArray[np.float64],
    ) -> None:
        """Take mean ``directions`` (G, D), and lists as of `near.Near`."""
        self.directions = directions
        self.groups = groups
        self.heights = heights
        self.bound = bound
        self._slack = slack(directions.shape[1])

    def clear(self, rows: NDArray[np.int64], bound: float) -> None:
        """Forget who is listed in ``rows``, where everybody below ``bound`` is wanted now."""
        self.groups[rows] = -1
        self.heights[rows] = np.inf
        self.bound[rows] = bound

    def compare(
        self,
        rows: NDArray[np.int64],
        others: NDArray[np.int64],
        *,
        both: bool,
        apart: Apart | None = None,
        progress: Progress = silent,
    ) -> None:
        """List in ``rows`` who of them and of ``others`` is nearer than the bounds.

        The two, ascending, have nobody in common.  With ``both``, ``others`` list ``rows``, too.
        Groups that are ``apart`` are not listed.  For many groups, see `alone_on_a_core`.
        """
        area = len(rows) * (len(rows) / 2 + len(others))
        if area <= _FEW:
            for tile in _tiles(rows, others, both=both):
                self._take(self._found(tile, apart))
            return
        done, cores = 0.0, len(os.sched_getaffinity(0))
        with ThreadPoolExecutor(cores, "shortlists") as threads:
            tiles = _tiles(rows, others, both=both)
            begun = deque(
                (tile, threads.submit(self._found, tile, apart))
                for tile in islice(tiles, 2 * cores)
            )
            while begun:
                tile, found = begun.popleft()
                self._take(found.result())
                begun.extend(
                    (more, threads.submit(self._found, more, apart)) for more in islice(tiles, 1)
                )
                same = 0.5 if tile.rows is tile.columns else 1.0
                done += same * len(tile.rows) * len(tile.columns)
                progress(min(done / area, 1.0))

    def _found(self, tile: _Tile, apart: Apart | None) -> list[_Found]:
        """Return who of a tile may be wanted on the lists."""
        rows, columns = tile.rows, tile.columns
        products = self.directions.take(rows, axis=0) @ self.directions.take(columns, axis=0).T
        if rows is columns:
            np.fill_diagonal(products, -np.inf)
        if apart:
            for places, held in apart.blocks(rows, columns):
                products[np.ix_(places, held)] = -np.inf
        i, j = _best(products, self._least(rows), self.groups.shape[1])
        found = [(rows[i], columns[j], _heights(products[i, j]))]
        if tile.both:
            j, i = _best(products.T, self._least(columns), self.groups.shape[1])
            found.append((columns[j], rows[i], _heights(products[i, j])))
        return found

    def _least(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return for each row the least product that is wanted there, or a little less."""
        least = 1.0 - (self.bound[rows] + self._slack) / 2
        return (least - _UNIT_ROUNDOFF).astype(np.float32)

    def _take(self, found: list[_Found]) -> None:
        """Enter what is found, and keep the nearest; what is left off lowers the bound."""
        width = self.groups.shape[1]
        for rows, others, heights in found:
            listing, place = np.unique(rows, return_inverse=True)
            row = np.concatenate([np.repeat(np.arange(len(listing)), width), place])
            groups = np.concatenate([self.groups[listing].ravel(), others])
            away = np.concatenate([self.heights[listing].ravel(), heights])
            # All heights are below 5, and rows 8 apart, so this sorts by both.
            order = np.argsort(8.0 * row + np.minimum(away, _ABOVE))
            sizes = np.bincount(row, minlength=len(listing))
            rank = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            kept = order[rank < width].reshape(-1, width)
            self.groups[listing] = groups[kept]
            self.heights[listing] = away[kept]
            last = away[kept[:, -1]].astype(np.float64) - self._slack
            self.bound[listing] = np.minimum(self.bound[listing], last)


def _tiles(rows: NDArray[np.int64], others: NDArray[np.int64], *, both: bool) -> Iterator[_Tile]:
    """Yield tiles that have every two of ``rows``, and each of them with each of ``others``."""
    own = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
    for place, block in enumerate(own):
        yield _Tile(block, block, both=False)
        for other in own[place + 1 :]:
            yield _Tile(block, other, both=True)
        wide = min(_BLOCK * _BLOCK // len(block), _WIDEST)
        for start in range(0, len(others), wide):
            yield _Tile(block, others[start : start + wide], both=both)


def _heights(products: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.float32(2) - np.float32(2) * products


def _best(
    products: NDArray[np.float32], least: NDArray[np.float32], width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of products that are at least ``least`` (rows,).

    Where that would be many, at least the ``width`` best of each row.
    """
    passing = products >= least[:, None]
    crowd = _CROWDED * width * len(products)
    if np.count_nonzero(passing) > crowd:
        least = np.maximum(least, _reached(products, width))
        passing = products >= least[:, None]
    if np.count_nonzero(passing) > crowd and products.shape[1] > width:
        # Very many are equally near; any of them will do.
        columns = np.argpartition(products, -width, axis=1)[:, -width:].ravel()
        rows = np.repeat(np.arange(len(products)), width)
        wanted = products[rows, columns] >= least[rows]
        return rows[wanted], columns[wanted]
    flat = np.flatnonzero(passing.ravel(order="K"))
    if passing.flags.c_contiguous:
        rows, columns = np.divmod(flat, products.shape[1])
    else:
        columns, rows = np.divmod(flat, products.shape[0])
    return rows, columns


def _reached(products: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return a value that at least ``width`` products of each row reach, close to the highest such.

    It is that of the best of so many parts of the row.
    """
    best = products
    while best.shape[1] >= 8 * width:
        half = best.shape[1] // 2
        best = np.maximum(best[:, :half], best[:, half : 2 * half])
    if best.shape[1] < width:
        return np.full(len(products), -np.inf, dtype=np.float32)
    return np.partition(np.ascontiguousarray(best), -width, axis=1)[:, -width]
