"""Which groups are nearest to each: short lists, each with a bound that nobody else is below.

Blocks of products of float32 directions choose who is listed.  The rounding of a product of D
terms, in any order, is below D u / (1 - D u) times the product of the norms, which are at most 1,
and that of the terms and the sum adds a few u, u = 2^-24 (Higham, Accuracy and Stability of
Numerical Algorithms, 2002, 3.1).  A height is 2 minus twice a product, so it is off by less than
`slack`, which a bound leaves.  Heights are therefore close, and bounds are certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Where a list would get more than so many times its length of a block, the block is first looked
# through for a height that enough of it are below.
_CROWDED = 4
# Above every height, for sorting: what is not listed comes last.
_ABOVE = 5.0
_UNIT_ROUNDOFF = 2.0**-24


def slack(dimensions: int) -> float:
    """Return what a height from float32 directions is off by, at most."""
    return 4.0 * (dimensions + 16) * _UNIT_ROUNDOFF


class Lists:
    """The lists of G groups, in arrays that taking in what was found changes."""

    def __init__(
        self,
        groups: NDArray[np.int32],
        heights: NDArray[np.float32],
        bound: NDArray[np.float64],
        dimensions: int,
    ) -> None:
        """Take lists as of `near.Near`; heights will come from directions of ``dimensions``."""
        self.groups = groups
        self.heights = heights
        self.bound = bound
        self._slack = slack(dimensions)

    @classmethod
    def empty(cls, count: int, width: int, bound: float, dimensions: int) -> Lists:
        """Return lists of ``count`` groups, where everybody nearer than ``bound`` is wanted."""
        return cls(
            np.full((count, width), -1, dtype=np.int32),
            np.full((count, width), np.inf, dtype=np.float32),
            np.full(count, bound),
            dimensions,
        )

    def best(
        self, products: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of ``products`` (rows, columns) that may be wanted in ``rows``.

        These are all that may be, or where that would be many, at least the best of each row.
        """
        # The least product that is wanted, or a little less.
        least = 1.0 - (self.bound[rows] + self._slack) / 2 - _UNIT_ROUNDOFF
        return _best(products, least.astype(np.float32), self.groups.shape[1])

    def take(
        self,
        rows: NDArray[np.int64],
        others: NDArray[np.int64],
        heights: NDArray[np.float32],
    ) -> None:
        """Enter ``others`` in the lists of ``rows``, and keep the nearest; all are (n,).

        What is left off lowers the bound.
        """
        width = self.groups.shape[1]
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


def heights_of(products: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the heights of products of directions."""
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
