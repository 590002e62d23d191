"""Comparing many groups with many others, in blocks, on all cores, to list who is near to whom."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from facewatchd.clustering.progress import Progress, silent
from facewatchd.clustering.shortlists import heights_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from facewatchd.clustering.shortlists import Lists

    # Rows, others to be listed there, and their heights.
    Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]

Part = TypeVar("Part")
Result = TypeVar("Result")

# A block of products: large enough for a good matrix product, small enough for a shared cache.
BLOCK = 2048
# So many columns are compared at a time with fewer rows.
_WIDEST = 16384
# Fewer products are not worth a thread.
_FEW = 1 << 21


def alone_on_a_core(groups: int) -> AbstractContextManager[object]:
    """Return a context in which a matrix product has one thread, if there are many ``groups``.

    Blocks are compared by a thread a core, and many products here are too small for more than one.
    """
    if groups <= BLOCK:
        return nullcontext()
    # It comes with scikit-learn, which is for the process that clusters.
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    limited: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limited


def compare(
    lists: Lists,
    directions: NDArray[np.float32],
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
    progress: Progress = silent,
) -> None:
    """List who is nearer than the bounds: every two of ``rows``, and each and each of ``others``.

    ``directions`` (G, D) are those of all; the two, ascending, have nobody in common, and both are
    to list each other.  For many groups, see `alone_on_a_core`.
    """
    area = len(rows) * (len(rows) / 2 + len(others))
    done = 0.0

    def look(tile: _Tile) -> list[Found]:
        return _found(tile, lists, directions)

    for tile, found in on_all_cores(look, _tiles(rows, others), area):
        for each in found:
            lists.take(*each)
        done += len(tile.rows) * len(tile.columns) * (0.5 if tile.rows is tile.columns else 1.0)
        progress(min(done / area, 1.0))


def on_all_cores(
    look: Callable[[Part], Result], parts: Iterable[Part], area: float
) -> Iterator[tuple[Part, Result]]:
    """Yield each of ``parts`` in their order with what ``look`` says of it; ``area`` products."""
    if area <= _FEW:
        for part in parts:
            yield part, look(part)
        return
    cores, left = len(os.sched_getaffinity(0)), iter(parts)
    with ThreadPoolExecutor(cores, "comparing") as threads:
        begun = deque((part, threads.submit(look, part)) for part in islice(left, 2 * cores))
        while begun:
            part, result = begun.popleft()
            yield part, result.result()
            begun.extend((more, threads.submit(look, more)) for more in islice(left, 1))


def widest(rows: int) -> int:
    """Return how many columns a block with so many rows has."""
    return min(BLOCK * BLOCK // max(rows, 1), _WIDEST)


@dataclass(frozen=True)
class _Tile:
    """Rows and columns to compare: others, or the same."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


def _tiles(rows: NDArray[np.int64], others: NDArray[np.int64]) -> Iterator[_Tile]:
    own = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    for place, block in enumerate(own):
        yield _Tile(block, block)
        for other in own[place + 1 :]:
            yield _Tile(block, other)
        wide = widest(len(block))
        for start in range(0, len(others), wide):
            yield _Tile(block, others[start : start + wide])


def _found(tile: _Tile, lists: Lists, directions: NDArray[np.float32]) -> list[Found]:
    """Return who of a tile may be wanted on the lists."""
    rows, columns = tile.rows, tile.columns
    products = directions.take(rows, axis=0) @ directions.take(columns, axis=0).T
    if rows is columns:
        np.fill_diagonal(products, -np.inf)
    i, j = lists.best(products, rows)
    found = [(rows[i], columns[j], heights_of(products[i, j]))]
    if rows is not columns:
        j, i = lists.best(products.T, columns)
        found.append((columns[j], rows[i], heights_of(products[i, j])))
    return found
