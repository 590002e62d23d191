"""The nearest groups of every group to start from, kept from one run to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.comparing import alone_on_a_core, compare
from facewatchd.clustering.progress import Progress, silent
from facewatchd.clustering.shortlists import Lists

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How many groups are listed.  Longer lists cost memory, shorter ones are sooner used up.
WIDTH = 24
# A list of which less than this share is left when others went is made anew.
_LEFT = 0.5
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Near:
    """Who is near to each of G groups, and how near everybody else is at most.

    ``groups`` int32 (G, k) are others within ``limit`` (a mean squared distance of directions), the
    nearest first, -1 after the last; ``heights`` float32 (G, k) about how far they are, infinite
    after the last; and everybody else is at least ``bound`` float64 (G,) away, which is no more
    than ``limit``.
    """

    groups: NDArray[np.int32]
    heights: NDArray[np.float32]
    bound: NDArray[np.float64]
    limit: float

    @classmethod
    def of(
        cls,
        means: NDArray[np.float64],
        limit: float,
        width: int = WIDTH,
        progress: Progress = silent,
    ) -> Near:
        """Compare all groups of which ``means`` (G, D) are the mean directions; list ``width``."""
        nobody = cls(
            np.empty((0, width), dtype=np.int32),
            np.empty((0, width), dtype=np.float32),
            np.empty(0),
            limit,
        )
        return nobody.after(means, np.full(len(means), -1), progress)

    def after(
        self, means: NDArray[np.float64], was: NDArray[np.int64], progress: Progress = silent
    ) -> Near:
        """Return the lists for other groups, of which those that are the same need not be compared.

        ``means`` (G', D) are their mean directions, and ``was`` (G',) says which group each was
        here, with the same faces (`unchanged`), or -1.  What is joined by them is what it is with
        lists that are made anew.  The groups that are not the same are compared with all, and so
        are those of which more than half of the list is gone, though others are within the limit.
        """
        width = self.groups.shape[1]
        lists = Lists.empty(len(means), width, self.limit, means.shape[1])
        now = np.full(len(self.groups) + 1, -1, dtype=np.int32)  # the last is what became of -1
        now[was[was >= 0]] = np.flatnonzero(was >= 0)
        left = np.count_nonzero(now[self.groups] >= 0, axis=1)
        few = (left < _LEFT * width) & (self.bound < self.limit)
        anew = (was < 0) | np.append(few, True)[was]
        same = np.flatnonzero(~anew)
        # Those that are compared again are listed again, if they still are near enough.
        now[:-1][few] = -1
        lists.groups[same] = now[self.groups[was[same]]]
        lists.heights[same] = np.where(
            lists.groups[same] >= 0, self.heights[was[same]], np.float32(np.inf)
        )
        lists.bound[same] = self.bound[was[same]]
        rows = np.flatnonzero(anew)
        with alone_on_a_core(len(means)):
            compare(lists, short(means), rows, same, progress)
        order = np.argsort(lists.heights, axis=1, kind="stable")
        return Near(
            np.take_along_axis(lists.groups, order, axis=1),
            np.take_along_axis(lists.heights, order, axis=1),
            lists.bound,
            self.limit,
        )


def short(means: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return ``means`` (G, D) as float32, in blocks to save memory."""
    directions = np.empty(means.shape, dtype=np.float32)
    for start in range(0, len(means), _BLOCK):
        directions[start : start + _BLOCK] = means[start : start + _BLOCK]
    return directions


def unchanged(
    before: NDArray[np.int64], now: NDArray[np.int64], was: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return which old group each group is, of exactly the same faces, or -1, int64 (G',).

    ``before`` (N,) and ``now`` (N',) are the groups of the old and the new faces, from 0 without
    gaps; ``was`` (N',) is which old face each new one is, or -1.
    """
    old = np.where(was >= 0, np.append(before, -1)[was], -1)
    size = int(now.max(initial=-1)) + 1
    lowest = np.full(size, np.iinfo(np.int64).max)
    highest = np.full(size, -1)
    np.minimum.at(lowest, now, old)
    np.maximum.at(highest, now, old)
    alike = (lowest == highest) & (lowest >= 0)
    sizes = np.append(np.bincount(before), -1)
    alike &= sizes[np.where(alike, lowest, -1)] == np.bincount(now, minlength=size)
    return np.where(alike, lowest, -1)
