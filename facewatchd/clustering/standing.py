"""Which groups may still be joined, and what those that may not have become part of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Standing:
    """G groups; a joined one goes on under the number of its lowest part.

    ``used`` bool (G + 1,) says who may still be joined, ``nodes`` int64 (G + 1,) which node of the
    tree each is now, -1 when it is none; the last of both is for -1, which is nobody.
    """

    def __init__(self, size: int) -> None:
        """Let all of ``size`` groups be joined; each is the node of its number."""
        self.left = size
        self.used = np.append(np.ones(size, dtype=np.bool_), False)
        self.nodes = np.append(np.arange(size), -1)
        self._into = np.append(np.arange(size), -1)
        self._made = size

    def all(self) -> NDArray[np.int64]:
        """Return the groups that may still be joined, in ascending order."""
        return np.flatnonzero(self.used)

    def now(self, groups: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which groups these are part of now; -1 stays."""
        into = self._into[groups]
        while not np.array_equal(into, further := self._into[into]):
            into = further
        return into

    def join(self, kept: NDArray[np.int64], gone: NDArray[np.int64]) -> None:
        """Make one of each of ``kept`` and its one of ``gone`` (n,), in this order.

        Each makes a node; of several joins of one group the last is what it is.
        """
        self._into[gone] = kept
        self.nodes[kept] = self.next_nodes(len(kept))
        self._made += len(kept)
        self.end(gone)

    def next_nodes(self, count: int) -> NDArray[np.int64]:
        """Return the numbers of the next ``count`` joins."""
        return self._made + np.arange(count)

    def end(self, groups: NDArray[np.int64]) -> None:
        """Let ``groups`` take no more part."""
        self.used[groups] = False
        self.nodes[groups] = -1
        self.left -= len(groups)
