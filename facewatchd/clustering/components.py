"""Which faces are connected: disjoint sets with whole arrays of connections at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Components:
    """Connected faces; a component is known by the lowest of its faces.

    ``above`` int64 (N,) says for each face another of its component that is lower, or itself.
    """

    def __init__(self, above: NDArray[np.int64]) -> None:
        self._above = above

    def of(self, faces: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the component of each of ``faces``."""
        found = self._above[faces]
        while not np.array_equal(higher := self._above[found], found):
            # Halving the way up keeps it short for whoever asks next (Tarjan, van Leeuwen 1984).
            self._above[found] = self._above[higher]
            found = self._above[higher]
        return found

    def maybe_apart(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mark all pairs that are not of one component, and few others, at little cost."""
        return np.not_equal(self._above[ones], self._above[others])

    def join(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """Connect each of ``ones`` to its one of ``others``."""
        while True:
            ones, others = self.of(ones), self.of(others)
            apart = ones != others
            if not apart.any():
                return
            ones, others = np.minimum(ones, others)[apart], np.maximum(ones, others)[apart]
            # Of several that one shall be put below, the last stays; the next round sees the rest.
            self._above[others] = ones
