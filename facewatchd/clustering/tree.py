"""The tree of joins that average linkage makes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Tree:
    """M joins of G groups; nodes are the groups, 0 to G - 1, and join k, G + k.

    ``joins`` int64 (M, 2) are the two nodes of each join, the lower first; both are made before it.
    ``heights`` float64 (M,) are the mean squared distances between the directions of the two, from
    0 to 4; a join is never below its parts.  Joins ascend by height, then by how many joins they
    are above the groups, then by the lowest groups that they join.  ``counts`` int64 (G + M,) is
    how many faces each node has, ``spreads`` float64 (G + M,) the mean squared distance of their
    directions from their mean.
    """

    joins: NDArray[np.int64]
    heights: NDArray[np.float64]
    counts: NDArray[np.int64]
    spreads: NDArray[np.float64]

    def roots(self) -> NDArray[np.int64]:
        """Return the topmost node above each of the G groups, int64 (G,)."""
        groups = len(self.counts) - len(self.heights)
        above = np.arange(len(self.counts))
        above[self.joins] = groups + np.arange(len(self.joins))[:, None]
        while not np.array_equal(above, above[above]):
            above = above[above]
        return above[:groups]


@dataclass(frozen=True, eq=False)
class Joins:
    """Some joins as they were found; arrays (n,), nodes numbered as they were found, too.

    ``ones`` and ``others`` are the nodes joined, ``lows`` and ``highs`` the lowest groups of the
    two, ``levels`` how many joins are at most between it and a group.
    """

    ones: NDArray[np.int64]
    others: NDArray[np.int64]
    lows: NDArray[np.int64]
    highs: NDArray[np.int64]
    heights: NDArray[np.float64]
    levels: NDArray[np.int64]
    counts: NDArray[np.int64]
    spreads: NDArray[np.float64]

    @classmethod
    def of(cls, parts: Sequence[Joins]) -> Joins:
        """Return the joins of all ``parts``, of which there is at least one."""
        return cls(
            *(
                np.concatenate([getattr(part, field.name) for part in parts])
                for field in fields(cls)
            )
        )


def tree(counts: NDArray[np.int64], spreads: NDArray[np.float64], found: Joins) -> Tree:
    """Return the tree of groups with ``counts`` and ``spreads`` (G,) and the joins ``found``.

    It is the same whatever the order in which they were found.
    """
    groups = len(counts)
    order = np.lexsort((found.highs, found.lows, found.levels, found.heights))
    node = np.arange(groups + len(order))
    node[groups + order] = groups + np.arange(len(order))
    pairs = np.stack([node[found.ones[order]], node[found.others[order]]], axis=1)
    return Tree(
        joins=np.sort(pairs, axis=1).reshape(-1, 2).astype(np.int64),
        heights=found.heights[order],
        counts=np.concatenate([counts, found.counts[order]]),
        spreads=np.concatenate([spreads, found.spreads[order]]),
    )
