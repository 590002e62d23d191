"""The looks of one person: everyone's faces together, and each tight group among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.linkage import average_linkage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of the distance up to which groups of one person are merged; chosen with bench/looks.py.
TIGHTER = 0.75
SMALLEST = 2


def looks_of(encodings: NDArray[np.float32], merge: float) -> list[NDArray[np.int64]]:
    """Return the looks of the person whose faces are ``encodings`` (n, D), n > 0, as indices.

    The first look is all faces.  The others are the groups of at least two faces that average
    linkage joins up to three quarters of ``merge``, how far large groups of one person may be: with
    glasses and without, then and now.  When all faces are one such group it is left out.
    """
    everyone = np.arange(len(encodings))
    groups = average_linkage(encodings, np.full(len(encodings), -1), TIGHTER * merge)
    numbers, sizes = np.unique(groups, return_counts=True)
    tight = [
        np.flatnonzero(groups == number)
        for number in numbers[(sizes >= SMALLEST) & (sizes < len(encodings))]
    ]
    return [everyone, *tight]
