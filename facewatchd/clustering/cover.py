"""The face that stands for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cover(encodings: NDArray[np.float32], qualities: NDArray[np.float64]) -> int:
    """Return the index of the face of best quality among the half nearest to the centroid.

    ``encodings`` (n, D) are one person's faces, n > 0, ``qualities`` (n,) theirs.  The half keeps
    out a sharp face that is not really this person; of two faces both are equally near, so both
    are looked at.  Of equal qualities the nearer face is taken, then the first.
    """
    if len(encodings) == 0:
        raise ValueError("a person without faces has no cover")
    faces = encodings.astype(np.float64)
    distances = np.linalg.norm(faces - faces.mean(axis=0), axis=1)
    half = np.argsort(distances, kind="stable")[: max(2, (len(faces) + 1) // 2)]
    return int(half[np.argmax(qualities[half])])
