"""What every clusterer asks of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check(encodings: NDArray[np.float32], photos: NDArray[np.int64]) -> None:
    """Raise ValueError unless ``encodings`` is finite and (N, D), D > 0, and ``photos`` is (N,)."""
    matrix = encodings.ndim == 2 and encodings.size >= len(encodings)  # noqa: PLR2004 - rows, columns
    if not matrix or photos.shape != encodings.shape[:1]:
        raise ValueError(
            f"encodings must be (N, D) and photos (N,), not {encodings.shape} and {photos.shape}"
        )
    # Float32 numbers have a finite sum in float64 exactly when all are finite; it needs no array.
    with np.errstate(invalid="ignore", over="ignore"):
        total = encodings.sum(dtype=np.float64)
    if not np.isfinite(total):
        bad = np.flatnonzero(~np.isfinite(encodings.astype(np.float32)).all(axis=1))
        raise ValueError(f"{len(bad)} encodings are not finite, the first is number {bad[0]}")
