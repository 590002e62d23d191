"""What DBSCAN needs to know of faces, found in one pass, and kept up to date cheaply.

A face with at least ``min_samples`` faces within eps, itself included, is a core; cores within eps
of each other are of one component (Ester, Kriegel, Sander, Xu 1996).  One pass over the pairs
suffices, and none of them is kept but the first few of each face: a pair of which both faces have
shown to be cores connects them at once; any other is on the short list of the face that has not,
and is looked at again at the end.  A list that never fills up is complete, and its face no core.

So, when faces come and go: a pair with a new face is new, and nothing else comes with it.  A face
that goes and was no core takes itself off the lists and counts of its neighbours, which its own
list names.  A core that goes, or stops being one, may break its component: the pairs of cores of
that component, and of no other, are looked for again, and the lists of the faces beside it tell the
rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from facewatchd.clustering.components import Components
from facewatchd.clustering.neighbours import Plan, each_pair, squared_distances
from facewatchd.clustering.progress import Progress, part, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Which cluster has a face that is no core but within eps of some: that of the nearest core, the
# first of equally near ones; or the first cluster, as scikit-learn has it.
Border = Literal["nearest", "first"]


@dataclass(frozen=True, eq=False)
class Cores:
    """The state of DBSCAN for N faces; arrays, equal for equal faces, however it came about.

    ``counts`` int64 (N,) is how many faces are within ``eps`` (L2) of each, itself included.
    ``component`` int64 (N,) is the lowest core that a core is connected with, -1 for a face that is
    no core.  ``near`` int64 (N, k) are all others within ``eps`` of a face that is no core,
    ascending, then -1; a core has only -1.  k is min_samples - 2, but at least 0 and at most N, so
    memory grows with N times min_samples.
    """

    eps: float
    min_samples: int
    counts: NDArray[np.int64]
    near: NDArray[np.int64]
    component: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        encodings: NDArray[np.float32],
        eps: float,
        min_samples: int,
        progress: Progress = silent,
    ) -> Cores:
        """Return the state for ``encodings`` (N, D); ValueError when one is not finite."""
        if not eps > 0 or min_samples < 1:
            raise ValueError(f"eps must be above 0 and min_samples 1, not {eps} and {min_samples}")
        none = np.empty(0, dtype=np.int64)
        nobody = cls(eps, min_samples, none, none.reshape(0, 0), none)
        return nobody.after(encodings, np.full(len(encodings), -1), progress)

    def after(
        self,
        encodings: NDArray[np.float32],
        was: NDArray[np.int64],
        progress: Progress = silent,
    ) -> Cores:
        """Return the state for ``encodings`` (N', D), which is that of `of`, but sooner.

        ``was`` int64 (N',) is the number that each face had in this state, with the same encoding,
        -1 for a new one; faces that stay keep their order.  ValueError when they do not, or an
        encoding of a new face is not finite.
        """
        if was.shape != encodings.shape[:1] or (np.diff(was[was >= 0]) <= 0).any():
            raise ValueError("was must be (N,) and ascending where it is not -1")
        now = np.full(len(self.counts) + 1, -1)  # the last is what became of -1
        now[was[was >= 0]] = np.flatnonzero(was >= 0)
        counts, again = self._without(now[:-1] < 0)
        found = _Pass(self.min_samples, *self._kept(now, counts, again, len(was)))
        torn = np.flatnonzero(again)
        found.beside(now[torn])
        known = Plan.inside(now[torn], self.component[torn])
        new = Plan.touching(np.flatnonzero(was < 0), len(was))
        share = known.pairs / max(known.pairs + new.pairs, 1)
        each_pair(encodings, self.eps, known, found.take, part(progress, 0.0, share))
        each_pair(encodings, self.eps, new, found.take, part(progress, share, 1.0))
        progress(1.0)
        return Cores(self.eps, self.min_samples, *found.end())

    def labels(
        self, encodings: NDArray[np.float32], border: Border = "nearest"
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,), numbered by first core; -1 is none.

        ``encodings`` (N, D) are those that this is the state of.
        """
        core = self.component >= 0
        labels = np.full(len(core) + 1, -1)  # the last is the label of -1
        labels[:-1][core] = np.unique(self.component[core], return_inverse=True)[1]
        face, place = np.nonzero(labels[self.near] >= 0)
        beside = self.near[face, place]
        rank = squared_distances(encodings, face, beside) if border == "nearest" else labels[beside]
        best = np.lexsort((beside, rank, face))
        first = best[np.diff(face[best], prepend=-1) > 0]
        labels[face[first]] = labels[beside[first]]
        return labels[:-1]

    def _without(self, gone: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the counts without the faces ``gone``, and the cores that must be found again.

        These are all that stay of a component of which a core is gone, or is one no longer.  Only
        the counts of the other cores hold.
        """
        counts = self.counts.copy()
        alone = self.near[gone]
        np.subtract.at(counts, alone[alone >= 0], 1)
        lost = (self.component >= 0) & (gone | (counts < self.min_samples))
        torn = np.zeros(len(gone) + 1, dtype=np.bool_)  # the last is for -1, no component
        torn[self.component[lost]] = True
        return counts, torn[self.component] & ~gone

    def _kept(
        self,
        now: NDArray[np.int64],
        counts: NDArray[np.int64],
        again: NDArray[np.bool_],
        size: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the counts, lists and connections of ``size`` faces, as far as they still hold.

        ``now`` is the new number of each old face, and at last of -1.
        """
        stay = np.flatnonzero(now[:-1] >= 0)
        core = self.component[stay] >= 0
        held, others = stay[core & ~again[stay]], stay[~core]
        kept = np.ones(size, dtype=np.int64)
        kept[now[held]] = counts[held]
        # Nobody has more others beside it than there are.
        near = np.full((size, min(self.min_samples - 1, size)), -1)
        lists = _ascending(now[self.near[others]], size)[:, : near.shape[1]]
        near[now[others], : lists.shape[1]] = lists
        kept[now[others]] += np.count_nonzero(lists >= 0, axis=1)
        above = np.arange(size)
        above[now[held]] = now[self.component[held]]
        return kept, near, above


class _Pass:
    """What is known of the faces while the pairs go by."""

    def __init__(
        self,
        min_samples: int,
        counts: NDArray[np.int64],
        near: NDArray[np.int64],
        above: NDArray[np.int64],
    ) -> None:
        self._min_samples = min_samples
        self._counts = counts
        self._near = near
        self._components = Components(above)

    def take(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """Take pairs within eps that were not known."""
        self._note(ones, others)
        self._note(others, ones)
        self._connect(ones, others)

    def beside(self, cores: NDArray[np.int64]) -> None:
        """Take those pairs that the lists already tell, of ``cores`` of which nothing is known."""
        asked = np.zeros(len(self._counts) + 1, dtype=np.bool_)
        asked[cores] = True
        face, place = np.nonzero(asked[self._near])
        self._note(self._near[face, place], face)

    def _note(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """Count ``others``, and put them on the lists of ``ones`` as long as there is room."""
        room = ~self._core(ones)
        ends = ones[room]
        order = np.argsort(ends, kind="stable")
        ends = ends[order]
        starts = np.searchsorted(ends, ends)
        place = self._counts[ends] - 1 + np.arange(len(ends)) - starts
        fits = place < self._min_samples - 1
        self._near[ends[fits], place[fits]] = others[room][order[fits]]
        np.add.at(self._counts, ones, 1)

    def _connect(self, ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """Connect those pairs of which both are cores."""
        apart = self._components.maybe_apart(ones, others)
        ones, others = ones[apart], others[apart]
        cores = self._core(ones) & self._core(others)
        self._components.join(ones[cores], others[cores])

    def _core(self, faces: NDArray[np.int64]) -> NDArray[np.bool_]:
        return self._counts[faces] >= self._min_samples

    def end(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the counts, the lists and the components, when all pairs have gone by."""
        face, place = np.nonzero(self._near >= 0)
        self._connect(face, self._near[face, place])
        every = np.arange(len(self._counts))
        core = self._core(every)
        component = np.where(core, self._components.of(every), -1)
        near = self._near[:, : max(self._min_samples - 2, 0)].copy()
        near[core] = -1
        return self._counts, _ascending(near, len(core)), component


def _ascending(faces: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """Sort each row, -1 last; all are below ``end``."""
    ordered = np.sort(np.where(faces < 0, end, faces), axis=1)
    return np.where(ordered == end, -1, ordered)
