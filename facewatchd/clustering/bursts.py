"""How many moments a person's photos show; the frames of a burst are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.plugins import Scale

SECONDS = 2.0
SIMILARITY = 0.9


def moments(captured: NDArray[np.float64], encodings: NDArray[np.float32], scale: Scale) -> int:
    """Count photos of one person, each frame of a burst with the one before it as one.

    ``captured`` (n,) are the capture dates in seconds, ascending; ``encodings`` (n, D) the person's
    face in each photo.  A frame belongs to a burst when it was taken within 2 s of the one before,
    and its face is at least 0.9 similar (on ``scale``) to that one's.
    """
    if len(captured) == 0:
        return 0
    steps = np.linalg.norm(np.diff(encodings.astype(np.float64), axis=0), axis=1)
    same = (np.diff(captured) <= SECONDS) & (scale.similarity_at(steps) >= SIMILARITY)
    return len(captured) - int(same.sum())
