"""Longer lists of groups that were compared with all, for when their short ones are used up.

A large group takes in one face after the other, and has used up a short list at once; and in a
crowd most groups are about equally far away, so that a short list leaves nobody certain.  To
compare them with all again costs far more than to look through some hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Reserves:
    """Some groups' reserves: everybody nearer than ``bound`` (G,) to a group is in its own.

    Who is there may be gone, or part of another group now.
    """

    def __init__(self, size: int) -> None:
        """Prepare for ``size`` groups; none has a reserve."""
        self.bound = np.zeros(size)
        self._has = np.zeros(size, dtype=np.bool_)
        self._lists: dict[int, list[NDArray[np.int32]]] = {}

    def have(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of ``rows`` have a reserve."""
        return self._has[rows]

    def keep(
        self,
        rows: NDArray[np.int64],
        groups: NDArray[np.int32] | NDArray[np.int64],
        bound: NDArray[np.float64],
    ) -> None:
        """Make ``groups`` (n, k), -1 after the last, the reserves of ``rows`` (n,)."""
        lengths = np.count_nonzero(groups >= 0, axis=1).tolist()
        for row, group, length in zip(rows.tolist(), groups, lengths, strict=True):
            self._lists[row] = [group[:length].astype(np.int32)]
        self.bound[rows] = bound
        self._has[rows] = True

    def drop(self, rows: NDArray[np.int64]) -> None:
        """Forget the reserves of those of ``rows`` that have one."""
        for row in rows[self._has[rows]].tolist():
            del self._lists[row]
        self._has[rows] = False

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the reserves of ``rows`` (n,), which all have one; (n, k), -1 after the last."""
        lists = [np.concatenate(self._lists[row]) for row in rows.tolist()]
        found = np.full((len(rows), max(map(len, lists), default=0)), -1, dtype=np.int32)
        for place, groups in enumerate(lists):
            found[place, : len(groups)] = groups
        return found

    def join(
        self,
        kept: NDArray[np.int64],
        gone: NDArray[np.int64],
        share: NDArray[np.float64],
        groups: NDArray[np.int32],
        bound: NDArray[np.float64],
    ) -> None:
        """Give each of ``kept`` both reserves, its own and that of its one of ``gone``.

        For a group that has none its list will do: that of ``groups`` (G, k), with its ``bound``
        (G,).  Where both have none, there is none.  ``share`` (n,) is how much of both the kept is.
        """
        some = self._has[kept] | self._has[gone]
        kept, gone, share = kept[some], gone[some], share[some]
        for one, other in zip(kept.tolist(), gone.tolist(), strict=True):
            own = self._lists.get(one) or [groups[one].copy()]
            self._lists[one] = own + (self._lists.get(other) or [groups[other].copy()])
        one_bound = np.where(self._has[kept], self.bound[kept], bound[kept])
        other_bound = np.where(self._has[gone], self.bound[gone], bound[gone])
        self.bound[kept] = share * one_bound + (1.0 - share) * other_bound
        self.drop(gone)
        self._has[kept] = True
