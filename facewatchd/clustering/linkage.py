"""Joining groups of faces by average linkage: the mean squared distance between their members.

The mean of |x - y|^2 over all pairs of two groups is |mu_a - mu_b|^2 + v_a + v_b, v being the mean
squared distance of a group's members from its mean mu.  With q = |mu|^2 + v, the mean squared norm
of the members, that is q_a + q_b - 2 mu_a . mu_b; so a group is known by mu, q and its count, and
of a joined group both are weighted means.

This is UPGMA on squared distances, which is reducible: a joined group is no nearer to a third than
the nearer of its parts was.  Two things follow.  Groups that are each other's nearest can be joined
at once, whatever happens elsewhere, which is what the nearest-neighbour chain does (Benzecri 1982;
Murtagh 1983); it needs one row of distances at a time, so memory is linear in the groups.  And a
group whose nearest neighbour is beyond the limit will never have one within it: it is final.

A cannot-link is an infinite distance, also to whatever one of the two is part of.  It makes no
group nearer to a third than its parts were, so both still hold, and what comes out is what joining
the nearest two that may be joined, again and again, comes to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Two squared distances that differ by less, relative to the largest mean squared norm, are a tie.
# Far above the rounding of float64, so that a chain gets strictly shorter steps and always ends.
_TIE = 1e-12
# The share of rows that must be in use; below it the arrays are squeezed.
_IN_USE = 0.9


def average_linkage(
    encodings: NDArray[np.float32],
    labels: NDArray[np.int64],
    limit: float,
    apart: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Join groups while the mean squared distance between two is at most ``limit`` squared.

    ``labels`` (N,) are the groups to start from; a face with -1 is a group of one.  ``apart``
    (M, 2) are marks (face, mark): two groups with the same mark are never joined.  Returns the
    group of each face, int64 (N,), none of them -1; numbers have gaps.
    """
    if len(labels) == 0:
        return labels
    start = _singles_as_groups(labels)
    groups = _Groups(encodings, start, _Marks(start, apart))
    _join_nearest(groups, limit**2)
    return groups.final()[start]


def _singles_as_groups(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    single = labels < 0
    numbered = labels.copy()
    numbered[single] = labels.max() + 1 + np.arange(np.count_nonzero(single))
    return np.unique(numbered, return_inverse=True)[1].astype(np.int64)


def _join_nearest(groups: _Groups, limit: float) -> None:
    """Follow nearest neighbours until two are each other's nearest, join them, and go on."""
    chain: list[int] = []
    while len(groups):
        if not chain:
            groups.squeeze()
            chain.append(groups.first())
        tip, distances = chain[-1], groups.distances(chain[-1])
        nearest = int(distances.argmin())
        if len(chain) > 1 and distances[chain[-2]] <= distances[nearest] + groups.tie:
            nearest = chain[-2]
        if distances[nearest] > limit:
            groups.retire(chain.pop())
        elif nearest in chain[-2:-1]:
            del chain[-2:]
            groups.join(tip, nearest)
        else:
            chain.append(nearest)


class _Marks:
    """Which groups may not be joined, as they share a mark."""

    def __init__(self, groups: NDArray[np.int64], apart: NDArray[np.int64] | None) -> None:
        self._holders: dict[int, set[int]] = {}
        self._marks: dict[int, set[int]] = {}
        if apart is not None:
            for face, mark in apart.tolist():
                self._holders.setdefault(mark, set()).add(int(groups[face]))
        self._holders = {mark: held for mark, held in self._holders.items() if len(held) > 1}
        for mark, held in self._holders.items():
            for group in held:
                self._marks.setdefault(group, set()).add(mark)

    def apart_from(self, group: int) -> list[int]:
        """Return the groups with a mark of ``group``, ascending; it is one of them itself."""
        return sorted({g for mark in self._marks.get(group, ()) for g in self._holders[mark]})

    def join(self, kept: int, gone: int) -> None:
        """Hand the marks of a group over to the one that it becomes part of."""
        for mark in self._marks.pop(gone, ()):
            self._holders[mark].remove(gone)
            self._holders[mark].add(kept)
            self._marks.setdefault(kept, set()).add(mark)


class _Groups:
    """The groups that may still be joined, one a row; a row that is done has an infinite q."""

    def __init__(
        self, encodings: NDArray[np.float32], groups: NDArray[np.int64], marks: _Marks
    ) -> None:
        faces = encodings[np.argsort(groups, kind="stable")].astype(np.float64)
        counts = np.bincount(groups)
        starts = np.cumsum(counts) - counts
        norms = np.einsum("nd,nd->n", faces, faces)
        self._counts = counts.astype(np.float64)
        self._means = np.add.reduceat(faces, starts) / self._counts[:, None]
        self._squares = np.add.reduceat(norms, starts) / self._counts
        self._numbers = np.arange(len(counts))
        self._into = np.arange(len(counts))
        self._left = len(counts)
        self._marks = marks
        self.tie = _TIE * float(self._squares.max())

    def __len__(self) -> int:
        return self._left

    def first(self) -> int:
        """Return the first row in use."""
        return int(np.isfinite(self._squares).argmax())

    def distances(self, row: int) -> NDArray[np.float64]:
        """Return mean squared distances to all rows.

        They are infinite to itself, to rows not in use, and to groups that share a mark with it.
        """
        found: NDArray[np.float64] = self._means @ self._means[row]
        found *= -2.0
        found += self._squares
        found += self._squares[row]
        found[row] = np.inf
        found[self._rows(self._marks.apart_from(int(self._numbers[row])))] = np.inf
        return found

    def _rows(self, groups: list[int]) -> NDArray[np.int64]:
        """Return the rows of those of ``groups``, ascending, that still have one."""
        wanted = np.array(groups, dtype=np.int64)
        rows = np.minimum(np.searchsorted(self._numbers, wanted), len(self._numbers) - 1)
        there: NDArray[np.bool_] = self._numbers[rows] == wanted
        return rows[there].astype(np.int64)

    def join(self, one: int, other: int) -> None:
        """Make one group of two, in the lower row."""
        kept, gone = sorted((one, other))
        count = self._counts[kept] + self._counts[gone]
        share = self._counts[gone] / count
        self._means[kept] += share * (self._means[gone] - self._means[kept])
        self._squares[kept] += share * (self._squares[gone] - self._squares[kept])
        self._counts[kept] = count
        self._into[self._numbers[gone]] = self._numbers[kept]
        self._marks.join(int(self._numbers[kept]), int(self._numbers[gone]))
        self.retire(gone)

    def retire(self, row: int) -> None:
        """Take a group out that is final, or part of another now."""
        self._squares[row] = np.inf
        self._left -= 1

    def squeeze(self) -> None:
        """Give up unused rows when there are many; rows get other numbers."""
        if self._left < _IN_USE * len(self._squares):
            used = np.isfinite(self._squares)
            self._counts = self._counts[used]
            self._means = self._means[used]
            self._squares = self._squares[used]
            self._numbers = self._numbers[used]

    def final(self) -> NDArray[np.int64]:
        """Return for each group at the start the one that it is part of."""
        into = self._into
        while not np.array_equal(into, into[into]):
            into = into[into]
        return into
