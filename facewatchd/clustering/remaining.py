"""The groups that may still be joined: their directions, close together, to compare some with all.

Thousands of comparisons are made while groups are joined, most of them of a few groups.  So the
directions are where a product can use them as they are, and they are moved together only when a
tenth of them is of groups that are gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.comparing import BLOCK, on_all_cores, widest
from facewatchd.clustering.shortlists import Lists, heights_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from facewatchd.clustering.apart import Apart
    from facewatchd.clustering.comparing import Found

# The directions are moved together when one in so many is gone.
_GONE = 10
_PART = 8192


class Remaining:
    """Groups, by their numbers; at first all of them."""

    def __init__(self, directions: NDArray[np.float32], apart: Apart) -> None:
        """Take mean ``directions`` (G, D), which are changed."""
        self._directions = directions
        self._apart = apart
        self._groups = np.arange(len(directions))
        self._place = np.arange(len(directions))
        self._gone = 0

    def move(self, groups: NDArray[np.int64], means: NDArray[np.float64]) -> None:
        """Take note of other mean directions of ``groups``."""
        self._directions[self._place[groups]] = means

    def leave(self, groups: NDArray[np.int64]) -> None:
        """Take ``groups`` out: they are 2 away from everybody, and not there in the end."""
        if len(groups) == 0:
            return
        places = self._place[groups]
        self._directions[places] = 0.0
        self._place[groups] = -1
        self._gone += len(groups)
        if self._gone * _GONE > len(self._groups):
            self._move_together()

    def _move_together(self) -> None:
        stay = np.flatnonzero(self._place[self._groups] >= 0)
        for start in range(0, len(stay), _PART):
            part = stay[start : start + _PART]
            self._directions[start : start + len(part)] = self._directions[part]
        self._directions = self._directions[: len(stay)]
        self._groups = self._groups[stay]
        self._place[self._groups] = np.arange(len(stay))
        self._gone = 0

    def nearest(
        self, rows: NDArray[np.int64], width: int, limit: float
    ) -> Iterator[tuple[NDArray[np.int64], Lists]]:
        """Yield some of ``rows`` with lists of the ``width`` nearest of each within ``limit``.

        Nobody who is apart from a group is listed there, and hardly anybody who has left.
        """
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            yield some, self._nearest(some, width, limit)

    def _nearest(self, rows: NDArray[np.int64], width: int, limit: float) -> Lists:
        columns, dimensions = self._directions.shape
        lists = Lists.empty(len(rows), width, limit, dimensions)
        own = self._directions[self._place[rows]]
        wide = widest(len(rows))

        def look(start: int) -> Found:
            return self._found(rows, own, slice(start, start + wide), lists)

        for _, found in on_all_cores(look, range(0, columns, wide), len(rows) * columns):
            lists.take(*found)
        return lists

    def _found(
        self, rows: NDArray[np.int64], own: NDArray[np.float32], part: slice, lists: Lists
    ) -> Found:
        """Return who of a part of all may be wanted on the lists of ``rows``."""
        groups = self._groups[part]
        products = own @ self._directions[part].T
        place = self._place[rows] - part.start
        here = np.flatnonzero((place >= 0) & (place < len(groups)))
        products[here, place[here]] = -np.inf
        if self._apart:
            for places, held in self._apart.blocks(rows, groups):
                products[np.ix_(places, held)] = -np.inf
        i, j = lists.best(products, np.arange(len(rows)))
        return i, groups[j], heights_of(products[i, j])
