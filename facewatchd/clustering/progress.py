"""How a long run says how far it is, and how it is cancelled."""

from __future__ import annotations

from collections.abc import Callable

# Called with the share that is done, from 0 to 1, which never falls.  To cancel a run the caller's
# function raises; what it raises passes through the run unchanged.
Progress = Callable[[float], None]


def silent(_share: float) -> None:
    """Tell nobody."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return the progress of a stage that is the part of ``progress`` from ``start`` to ``end``."""
    return lambda share: progress(start + share * (end - start))
