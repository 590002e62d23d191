"""How many photos were read since the start, and how long each took."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import NamedTuple

RESULTS = ("read", "known", "failed", "unsupported", "changed")
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 120.0)  # seconds


class Tallied(NamedTuple):
    """Tries by their result, in the order of RESULTS, and the time of those that read a photo.

    ``buckets`` counts the reads of at most so many seconds as BOUNDS says, and last all of them;
    ``seconds`` is what they took together.
    """

    results: tuple[int, ...] = (0,) * len(RESULTS)
    buckets: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: float = 0.0


class Tally:
    """Counts tries to read a file, each from when a worker got it to its result.

    ``read`` is a photo that was new, ``known`` one that some other file has shown already,
    ``changed`` a file that was still being written.
    """

    def __init__(self) -> None:
        self._began: dict[int, float] = {}  # by file
        self._results: Counter[str] = Counter()
        self._buckets: Counter[int] = Counter()
        self._seconds = 0.0

    def begin(self, file: int, now: float) -> None:
        """A worker has got ``file``."""
        self._began[file] = now

    def end(self, file: int, result: str, now: float) -> None:
        """It came to one of RESULTS."""
        self._results[result] += 1
        if result == "read":
            took = now - self._began.get(file, now)
            self._seconds += took
            self._buckets[next((i for i, b in enumerate(BOUNDS) if took <= b), len(BOUNDS))] += 1

    def drop(self, file: int) -> None:
        """``file`` is not being read any more, whether that came to anything or not."""
        self._began.pop(file, None)

    def look(self) -> Tallied:
        """Return what was counted."""
        return Tallied(
            tuple(self._results[result] for result in RESULTS),
            tuple(accumulate(self._buckets[i] for i in range(len(BOUNDS) + 1))),
            self._seconds,
        )
