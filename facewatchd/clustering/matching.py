"""Which person a cluster goes on to be, so that people outlive a clustering run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


def match(labels: NDArray[np.int64], persons: Sequence[str | None]) -> dict[int, str]:
    """Return the person that each cluster keeps; a cluster that is somebody new is absent.

    ``labels`` (N,) are the faces' clusters, -1 for none; ``persons`` (N) the people they belonged
    to before, or None.  The pair that shares most faces is taken first, then the next of those
    whose cluster and person are both still free.  Of equal overlaps the one that is the larger
    share of its cluster goes first, then the lower label, then the lower person id.
    """
    clusters = labels.tolist()
    sizes = Counter(clusters)
    shared = Counter(
        (cluster, person)
        for cluster, person in zip(clusters, persons, strict=True)
        if cluster >= 0 and person is not None
    )
    ranked = sorted(
        (-overlap, sizes[cluster], cluster, person) for (cluster, person), overlap in shared.items()
    )
    kept: dict[int, str] = {}
    taken: set[str] = set()
    for _, _, cluster, person in ranked:
        if cluster not in kept and person not in taken:
            kept[cluster] = person
            taken.add(person)
    return kept
