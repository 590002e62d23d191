"""Pure: a share of tries, and between which bounds it lies."""

from __future__ import annotations

import math
from typing import NamedTuple

_Z = 1.959964  # of the normal distribution, for 95 %


class Share(NamedTuple):
    """``hits`` of ``tries``, with the 95 % interval of Wilson (1927) from ``low`` to ``high``."""

    hits: int
    tries: int

    @property
    def share(self) -> float | None:
        """Hits over tries, 0 to 1; None when nothing was tried."""
        return self.hits / self.tries if self.tries else None

    @property
    def low(self) -> float:
        """The lower bound, 0 to 1."""
        return 0.0 if self.hits == 0 else self._bound(-1)

    @property
    def high(self) -> float:
        """The upper bound, 0 to 1."""
        return 1.0 if self.hits == self.tries else self._bound(1)

    def _bound(self, sign: int) -> float:
        share, z2 = self.hits / self.tries, _Z**2 / self.tries
        width = math.sqrt(z2 * share * (1 - share) + z2**2 / 4)
        return (share + z2 / 2 + sign * width) / (1 + z2)
