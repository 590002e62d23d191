"""The time, as the pipeline asks for it; tests bring their own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one that only goes forward, for waiting, and the wall's, for dates."""

    def monotonic(self) -> float:
        """Return seconds that never jump, from no particular beginning."""
        ...

    def time(self) -> float:
        """Return seconds since 1970, as the machine's clock is set now."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
