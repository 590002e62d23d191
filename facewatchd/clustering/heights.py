"""Heights, the mean squared distances between the directions of two groups, computed exactly.

They are rounded to multiples of `PRECISION`, so that equal ones are equal however they were
computed.  That is far above the rounding of float64, and far below what matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facewatchd.clustering.apart import Apart

PRECISION = 2.0**-40
# So many pairs are computed at a time: they stay in the cache.
_PAIRS = 128
# So many means are worked on at a time.
_BLOCK = 4096
# Two float64 products that are closer than this may be the same, however they were computed.
_CLOSE = 1e-11
# 2^64 over the golden ratio: multiples of it spread bits evenly (Knuth, TAOCP 3, 6.4).
_SPREADING = 0x9E3779B97F4A7C15


def rounded(height: float) -> float:
    """Return a height as heights are rounded."""
    return float(np.rint(height / PRECISION) * PRECISION)


def within(limit: float) -> float:
    """Return the height up to which all must be known for a ``limit`` (L2) not to be missed."""
    return rounded(limit**2) + 8 * PRECISION


class Heights:
    """The mean directions ``means`` (G, D) and ``counts`` (G,) of groups, which joining changes."""

    def __init__(self, means: NDArray[np.float64], counts: NDArray[np.int64], apart: Apart) -> None:
        self.means = means
        self.counts = counts
        self._apart = apart

    def of(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the heights of pairs, ``ones`` and ``others`` (n,), infinite if they are apart."""
        products = np.empty(len(ones))
        for part in _parts(len(ones), _PAIRS):
            mean, other = self.means.take(ones[part], axis=0), self.means.take(others[part], axis=0)
            np.einsum("nd,nd->n", mean, other, out=products[part])
        heights: NDArray[np.float64] = np.rint((2.0 - 2.0 * products) / PRECISION) * PRECISION
        if self._apart:
            heights[self._apart.are(ones, others)] = np.inf
        return heights

    def spreads(self, groups: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the mean squared distance of the directions of each from their mean."""
        squares = np.empty(len(groups))
        for part in _parts(len(groups), _PAIRS):
            mean = self.means.take(groups[part], axis=0)
            np.einsum("nd,nd->n", mean, mean, out=squares[part])
        return np.maximum(1.0 - squares, 0.0)

    def join(self, kept: NDArray[np.int64], gone: NDArray[np.int64]) -> None:
        """Make the mean and the count of ``kept`` (n,) those of it and its one of ``gone`` (n,)."""
        for part in _parts(len(kept), _PAIRS):
            one, other = kept[part], gone[part]
            n, m = self.counts[one, None], self.counts[other, None]
            self.means[one] = (n * self.means[one] + m * self.means[other]) / (n + m)
        self.counts[kept] += self.counts[gone]
        if self._apart:
            for pair in zip(kept.tolist(), gone.tolist(), strict=True):
                self._apart.join(*pair)

    def nearest(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], limit: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return for each row the nearest of ``others``, ascending, and its height; of all of them.

        Those within ``limit`` count; it is -1, and infinite, where there is none.
        """
        nearest, heights = np.full(len(rows), -1), np.full(len(rows), np.inf)
        for part in _parts(len(rows), _PAIRS):
            row, other = self._closest(rows[part], others, limit)
            away = self.of(rows[part][row], other)
            order = np.lexsort((other, away, row))
            first = order[np.diff(row[order], prepend=-1) > 0]
            nearest[part][row[first]] = other[first]
            heights[part][row[first]] = away[first]
        return nearest, heights

    def _closest(
        self, rows: NDArray[np.int64], others: NDArray[np.int64], limit: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return places in ``rows`` and the others of which one is the nearest."""
        best = np.full(len(rows), 1.0 - limit / 2)
        found = []
        for part in _parts(len(others), _BLOCK):
            block = others[part]
            products = self.means[rows] @ self.means[block].T
            products[rows[:, None] == block] = -np.inf
            if self._apart:
                for places, held in self._apart.blocks(rows, block):
                    products[np.ix_(places, held)] = -np.inf
            np.maximum(best, products.max(axis=1), out=best)
            row, column = np.nonzero(products >= best[:, None] - _CLOSE)
            found.append((row, block[column], products[row, column]))
        row, other, product = (np.concatenate(each) for each in zip(*found, strict=True))
        close = product >= best[row] - _CLOSE
        return row[close], other[close]

    def equal(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return groups with the same mean, 0 away from each other, that nothing keeps apart.

        These are the first of each such set, another of it, and its place there from 1 on.
        """
        points = np.flatnonzero(
            np.rint(2.0 * self.spreads(np.arange(len(self.means))) / PRECISION) == 0
        )
        if self._apart:
            points = points[~self._apart.marked(points)]
        keys = self._keys(points)
        order = np.argsort(keys, kind="stable")
        points, keys = points[order], keys[order]
        same = np.append(False, keys[1:] == keys[:-1])
        twins = np.flatnonzero(same)
        same[twins] = (self.means[points[twins]] == self.means[points[twins - 1]]).all(axis=1)
        start = np.maximum.accumulate(np.where(same, 0, np.arange(len(points))))
        gone = np.flatnonzero(same)
        return points[start[gone]], points[gone], gone - start[gone]

    def _keys(self, groups: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return a number of each that is the same where the means are."""
        keys = np.empty(len(groups), dtype=np.uint64)
        odd = 2 * np.arange(self.means.shape[1], dtype=np.uint64) + 1
        for part in _parts(len(groups), _BLOCK):
            bits = (self.means[groups[part]] + 0.0).view(np.uint64)  # -0 and 0 are the same
            mixed = (bits ^ (bits >> np.uint64(29))) * (odd * np.uint64(_SPREADING))
            keys[part] = mixed.sum(axis=1, dtype=np.uint64)
        return keys

    def take_in(self, kept: NDArray[np.int64], gone: NDArray[np.int64]) -> NDArray[np.int64]:
        """Add the counts of ``gone`` to those of ``kept`` with the same mean, one after the other.

        All with the same ``kept`` follow each other.  Returns the count after each.
        """
        running = np.cumsum(self.counts[gone])
        first = np.diff(kept, prepend=-1) != 0
        before = np.where(first, running - self.counts[gone], 0)
        counts = self.counts[kept] + running - np.maximum.accumulate(before)
        self.counts[kept] = counts  # of all for one the last counts
        return counts


def _parts(size: int, length: int) -> Iterator[slice]:
    return (slice(start, start + length) for start in range(0, size, length))
