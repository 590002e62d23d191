"""Following nearest neighbours from all groups at once, and joining those who are each other's.

Whether two that are each other's nearest are joined can be left to a judge; if they are not, both
are final, and nobody looks at them any more.  Nothing else can come before: whatever is joined or
taken out elsewhere comes no nearer to either, so the result does not depend on the order.

A chain goes from a group to its nearest, and on, always to a shorter step (or an equal one between
lower numbers), until two are each other's nearest.  A group that is joined is looked at anew; what
pointed to it is, too, but only when a chain comes there, or no chain goes on: else everybody around
a large group would be looked at again whenever it grows by one.

To look is first to see whether what was nearest still is; then to go through the list of the group,
and that of its other part if it was joined; then through its reserve, if it has one (`reserves`).
Who is not certain after that waits to be compared with all who remain (`remaining`), and that is
done only when nothing else can be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.heights import PRECISION, Heights, rounded, within
from facewatchd.clustering.near import short
from facewatchd.clustering.progress import Progress, silent
from facewatchd.clustering.remaining import Remaining
from facewatchd.clustering.reserves import Reserves
from facewatchd.clustering.shortlists import slack
from facewatchd.clustering.standing import Standing
from facewatchd.clustering.tree import Joins, Tree, tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from facewatchd.clustering.apart import Apart
    from facewatchd.clustering.near import Near

    # Says of pairs that are each other's nearest whether they are joined, bool (n,): of the counts
    # and spreads of both, (n, 2), and of how far apart they are, heights (n,).
    Judge = Callable[
        [NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]
    ]

# A height is certainly below a bound when it is so by this, whatever the rounding of either.
_SURE = 2 * PRECISION
# A chain is followed for so many steps at once; a longer one is taken up again later.
_STEPS = 64
# So many of the list of a group are likely to be its nearest, or to be looked at next.
_LIKELY = 2
# Of those who wait, one in so many is compared with all at a time, but at least so many.
_SHARE, _AT_ONCE = 6, 64
# So many groups are looked at at a time, and so many with their reserves.
_BLOCK, _FEW = 65536, 64
# A reserve is so long at least and at most; between, those made at once are so long together.
_SHORTEST, _LONGEST, _TOGETHER = 48, 1024, 1 << 15


class Merging:
    """The groups that may still be joined; a joined one has the number of its lowest part."""

    def __init__(
        self,
        means: NDArray[np.float64],
        counts: NDArray[np.int64],
        near: Near,
        apart: Apart,
        limit: float,
        judge: Judge | None = None,
    ) -> None:
        """Take mean directions (G, D), which are changed, counts (G,), lists, and a limit (L2)."""
        size = len(counts)
        self._heights = Heights(means, counts.copy(), apart)
        self._start = counts, self._heights.spreads(np.arange(size))
        self._near = near
        self._lists, self._bound = near.groups.copy(), near.bound.copy()
        self._remaining = Remaining(short(means), apart)
        self._reserves = Reserves(size)
        self._judge = judge
        self._limit, self._within = rounded(limit**2), within(limit)
        self._standing = Standing(size)
        self._waiting = np.zeros(size + 1, dtype=np.bool_)
        self._partner = np.full(size, -1)
        self._nearest = np.full(size, -1)
        self._seen = np.full(size, -1)
        self._away = np.full(size, np.inf)
        # Everybody but the nearest is at least so far away.
        self._second = np.zeros(size)
        self._top = np.zeros(size)
        self._level = np.zeros(size, dtype=np.int64)
        self._joins: list[Joins] = []

    def tree(self, progress: Progress = silent) -> Tree:
        """Join until no two are within the limit, and return all joins."""
        size = self._standing.left
        self._join_equal()
        rows = self._standing.all()
        self._first_look(rows)
        while self._standing.left:
            rows = np.concatenate([self._join(rows), self._ends(rows)])
            rows = self._with_likely(np.unique(rows[~self._waiting[rows]]))
            if len(rows) == 0:
                rows = self._stale()
            if len(rows):
                self._look(rows)
            else:
                rows = self._look_everywhere()
            progress(1.0 - self._standing.left / size)
        progress(1.0)
        return tree(*self._start, Joins.of(self._joins))

    def _first_look(self, rows: NDArray[np.int64]) -> None:
        """Do as `_look` while heights on the lists hold: few of them have to be computed again."""
        off = slack(self._heights.means.shape[1])
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            heights = self._near.heights[some]
            later = heights > heights[:, :1] + 2 * off
            bound = np.where(later, heights, np.inf).min(axis=1, initial=np.inf).astype(np.float64)
            np.minimum(self._bound[some], bound - off, out=bound)
            certain = self._choose(some, np.where(later, -1, self._lists[some]), bound)[0]
            self._look(some[~certain])

    def _look(self, rows: NDArray[np.int64]) -> None:
        """Find the nearest of each of ``rows`` on its list; who cannot be sure has to wait."""
        rows = self._doubtful(rows)
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            partner = self._partner[some]
            both = [self._lists[some], np.where(partner[:, None] < 0, -1, self._lists[partner])]
            self._partner[some] = -1
            certain = self._list(some, np.concatenate(both, axis=1), self._bound[some])[0]
            self._waiting[self._look_further(some[~certain])] = True

    def _doubtful(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return whose nearest may be another than it was, or what that is part of now."""
        nearest = self._standing.now(self._nearest[rows])
        known = self._standing.used[nearest]
        ones, others = rows[known], nearest[known]
        away = self._heights.of(ones, others)
        same = away < self._second[ones] - _SURE
        self._set(ones[same], others[same], away[same])
        return np.concatenate([rows[~known], ones[~same]])

    def _look_further(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the nearest of each of ``rows`` in its reserve; return who cannot be sure."""
        have = self._reserves.have(rows)
        rows, unsure = rows[have], [rows[~have]]
        for start in range(0, len(rows), _FEW):
            some = rows[start : start + _FEW]
            bound = self._reserves.bound[some]
            certain, found = self._list(some, self._reserves.of(some), bound)
            self._reserves.keep(some[certain], found[certain], bound[certain])
            self._reserves.drop(some[~certain])
            unsure.append(some[~certain])
        return np.concatenate(unsure)

    def _look_everywhere(self) -> NDArray[np.int64]:
        """Find the nearest of those who wait and may be nearest to somebody.

        Many at a time cost little more than one, and the later the fewer are left to compare with.
        """
        rows = np.flatnonzero(self._waiting)
        if len(rows) == 0:
            # Only where rounding makes a joined group nearer than both of its parts.
            rows = self._standing.all()
        first = max(len(rows) // _SHARE, _AT_ONCE)
        rows = np.sort(rows[np.argsort(self._bound[rows], kind="stable")[:first]])
        self._waiting[rows] = False
        short, off = self._lists.shape[1], slack(self._heights.means.shape[1])
        width = max(short + 1, min(max(_TOGETHER // max(len(rows), 1), _SHORTEST), _LONGEST))
        for some, lists in self._remaining.nearest(rows, width, self._within):
            self._reserves.keep(some, lists.groups, lists.bound)
            bound = np.minimum(lists.bound, lists.heights[:, short].astype(np.float64) - off)
            certain = self._list(some, lists.groups[:, :short], bound)[0]
            again = self._look_further(some[~certain])
            if len(again):
                nearest, away = self._heights.nearest(again, self._standing.all(), self._limit)
                self._set(again, nearest, away)
                self._second[again] = away
        return rows

    def _set(
        self,
        rows: NDArray[np.int64],
        nearest: NDArray[np.int64],
        away: NDArray[np.float64],
    ) -> None:
        """Note the nearest of each; who has none within the limit is final, and never will."""
        self._nearest[rows], self._away[rows] = nearest, away
        self._seen[rows] = self._standing.nodes[nearest]
        self._end(rows[away > self._limit])

    def _list(
        self,
        rows: NDArray[np.int64],
        candidates: NDArray[np.int32],
        bound: NDArray[np.float64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Do as `_choose`, and list the nearest of the candidates.

        Returns for which rows it is so, and the candidates within the limit, the nearest first.
        """
        width = self._lists.shape[1]
        certain, found, away = self._choose(rows, candidates, bound)
        order = np.argsort(away, axis=1, kind="stable")
        found, away = np.take_along_axis(found, order, 1), np.take_along_axis(away, order, 1)
        found = np.where(away <= self._limit, found, -1)
        if away.shape[1] > width:
            bound = np.minimum(bound, away[:, width])
        self._lists[rows, : found.shape[1]] = found[:, :width]
        self._lists[rows, found.shape[1] :] = -1
        self._bound[rows] = bound
        return certain, found

    def _choose(
        self,
        rows: NDArray[np.int64],
        candidates: NDArray[np.int32],
        bound: NDArray[np.float64],
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]:
        """Find the nearest of ``candidates`` (n, k), and note it if it is nearer than ``bound``.

        Everybody else is at least that far away.  Returns for which rows it is so, and what groups
        the candidates are part of now, each once and else -1, and how far away these are.
        """
        found = self._standing.now(candidates)
        found[(found == rows[:, None]) | ~self._standing.used[found]] = -1
        found.sort(axis=1)
        found[:, 1:][found[:, 1:] == found[:, :-1]] = -1
        row, place = np.nonzero(found >= 0)
        away = np.full(found.shape, np.inf)
        away[row, place] = self._heights.of(rows[row], found[row, place])
        # They ascend, so this is the lowest of the nearest.
        best = away.argmin(axis=1)
        every = np.arange(len(rows))
        nearest, least = found[every, best], away[every, best]
        certain = np.minimum(least, self._limit + _SURE) < bound - _SURE
        self._set(rows[certain], nearest[certain], least[certain])
        away[every, best] = np.inf
        self._second[rows] = np.minimum(away.min(axis=1), bound)
        away[every, best] = least
        return certain, found, away

    def _fresh(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whose nearest is known: neither they nor it have been joined since."""
        nearest = self._nearest[rows]
        same: NDArray[np.bool_] = self._standing.nodes[nearest] == self._seen[rows]
        return same & (nearest >= 0)

    def _ends(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Follow the chains from ``rows`` to those whose nearest must be found to go on."""
        rows = rows[self._standing.used[rows]]
        ends = []
        for _ in range(_STEPS):
            rows = np.unique(self._nearest[rows[self._fresh(rows)]])
            if len(rows) == 0:
                break
            ends.append(rows[~self._fresh(rows)])
        return np.concatenate(ends) if ends else rows

    def _with_likely(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return ``rows`` and who is likely to be next, as one look at many costs less."""
        near = self._standing.now(self._lists[rows, :_LIKELY]).ravel()
        near = near[self._standing.used[near] & ~self._waiting[near]]
        return np.union1d(rows, near[~self._fresh(near)])

    def _stale(self) -> NDArray[np.int64]:
        """Return all whose nearest is not known, and who do not wait; who waits costs most."""
        rows = self._standing.all()
        return rows[~self._fresh(rows) & ~self._waiting[rows]]

    def _join(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Join those of ``rows`` that are the nearest of their nearest; return what they are."""
        rows = rows[self._standing.used[rows] & self._fresh(rows)]
        nearest = self._nearest[rows]
        mutual = self._fresh(nearest) & (self._nearest[nearest] == rows)
        pairs = np.sort(np.stack([rows[mutual], nearest[mutual]], axis=1), axis=1)
        kept, first = np.unique(pairs[:, 0], return_index=True)
        kept, gone = self._judged(kept, pairs[first, 1])
        top = np.maximum(self._away[kept], np.maximum(self._top[kept], self._top[gone]))
        level = 1 + np.maximum(self._level[kept], self._level[gone])
        nodes = self._standing.nodes[kept], self._standing.nodes[gone]
        share = self._heights.counts[kept] / (
            self._heights.counts[kept] + self._heights.counts[gone]
        )
        self._reserves.join(kept, gone, share, self._lists, self._bound)
        self._bound[kept] = share * self._bound[kept] + (1.0 - share) * self._bound[gone]
        self._heights.join(kept, gone)
        self._remaining.move(kept, self._heights.means[kept])
        counts, spreads = self._heights.counts[kept], self._heights.spreads(kept)
        self._joins.append(Joins(*nodes, kept, gone, top, level, counts, spreads))
        self._standing.join(kept, gone)
        self._remaining.leave(gone)
        self._partner[kept] = gone
        self._nearest[kept] = -1
        self._top[kept], self._level[kept] = top, level
        return kept

    def _judged(
        self, ones: NDArray[np.int64], others: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the pairs that are to be joined, and take both of all others out."""
        if self._judge is None or len(ones) == 0:
            return ones, others
        heights = self._heights
        counts = np.stack([heights.counts[ones], heights.counts[others]], axis=1)
        spreads = np.stack([heights.spreads(ones), heights.spreads(others)], axis=1)
        joined = self._judge(counts, spreads, self._away[ones])
        self._end(ones[~joined])
        self._end(others[~joined])
        return ones[joined], others[joined]

    def _end(self, gone: NDArray[np.int64]) -> None:
        self._standing.end(gone)
        self._remaining.leave(gone)

    def _join_equal(self) -> None:
        """Join faces that are the same: each with the first, which is their nearest, in a row.

        By rounds it would be one in each.
        """
        kept, gone, place = self._heights.equal()
        ones = np.where(place == 1, kept, self._standing.next_nodes(len(gone)) - 1)
        counts = self._heights.take_in(kept, gone)
        zero, spreads = np.zeros(len(gone)), self._heights.spreads(kept)
        self._joins.append(Joins(ones, gone, kept, gone, zero, place, counts, spreads))
        self._standing.join(kept, gone)
        self._remaining.leave(gone)
        self._level[kept] = place
