"""Which groups may not be joined, as they share a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Apart:
    """The marks of groups; a joined group has those of both, under the number that it keeps."""

    def __init__(self, groups: NDArray[np.int64], marks: NDArray[np.int64] | None) -> None:
        """Take ``marks`` (M, 2), pairs (face, mark); ``groups`` (N,) is the group of each face."""
        self._holders: dict[int, set[int]] = {}
        self._marks: dict[int, set[int]] = {}
        if marks is not None:
            for face, mark in marks.tolist():
                self._holders.setdefault(mark, set()).add(int(groups[face]))
        self._holders = {mark: held for mark, held in self._holders.items() if len(held) > 1}
        for mark, held in self._holders.items():
            for group in held:
                self._marks.setdefault(group, set()).add(mark)

    def __bool__(self) -> bool:
        """Return whether there is any mark that two groups share."""
        return bool(self._holders)

    def marked(self, groups: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of ``groups`` (n,) have a mark that another group has had too."""
        return np.array([group in self._marks for group in groups.tolist()], dtype=np.bool_)

    def are(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pairs of groups share a mark; both are (n,)."""
        none: set[int] = set()
        return np.array(
            [
                not self._marks.get(one, none).isdisjoint(self._marks.get(other, none))
                for one, other in zip(ones.tolist(), others.tolist(), strict=True)
            ],
            dtype=np.bool_,
        )

    def blocks(
        self, rows: NDArray[np.int64], columns: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield places in ``rows`` and in ``columns``, which ascend, of which all share a mark."""
        shared: dict[int, list[int]] = {}
        for place, group in enumerate(rows.tolist()):
            for mark in self._marks.get(group, ()):
                shared.setdefault(mark, []).append(place)
        for mark, places in shared.items():
            holders = np.fromiter(self._holders[mark], dtype=np.int64)
            found = np.minimum(np.searchsorted(columns, holders), len(columns) - 1)
            yield np.array(places), found[columns[found] == holders]

    def join(self, kept: int, gone: int) -> None:
        """Hand the marks of a group over to the one that it becomes part of."""
        for mark in self._marks.pop(gone, ()):
            self._holders[mark].remove(gone)
            self._holders[mark].add(kept)
            self._marks.setdefault(kept, set()).add(mark)
