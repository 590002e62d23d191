"""Encodings in a file, as the benches of clustering read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Mask = NDArray[np.bool_]


class Library(NamedTuple):
    """Encodings float32 (N, D), the photo of each, and the person of each, -1 where not known."""

    encodings: NDArray[np.float32]
    photos: Numbers
    people: Numbers

    def some(self, which: Mask | Numbers) -> Library:
        """Return the faces that ``which`` marks, or whose numbers it is."""
        return Library(self.encodings[which], self.photos[which], self.people[which])


def load(path: Path) -> Library:
    """Return what is in ``path``, an .npz with X (N, D), and maybe lab and photo (N,).

    Without photo each face is in a photo of its own; without lab nobody is known.  ValueError says
    what is wrong with the file.
    """
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            encodings = _encodings(file)
            count = len(encodings)
            photos = _numbers(file, "photo", np.arange(count))
            people = _numbers(file, "lab", np.full(count, -1))
    except FileNotFoundError:
        raise ValueError(f"{path} is not there") from None
    except (OSError, EOFError, BadZipFile, AttributeError, TypeError) as cause:
        raise ValueError(f"{path} is no .npz file that can be read: {cause}") from cause
    except ValueError as cause:
        raise ValueError(f"{path}: {cause}") from cause
    return Library(encodings, photos, people)


def _encodings(file: np.lib.npyio.NpzFile) -> NDArray[np.float32]:
    if "X" not in file:
        raise ValueError(f"there is no array X; there is {', '.join(file) or 'nothing'}")
    found = file["X"]
    if found.ndim != 2 or found.dtype.kind not in "fiu":  # noqa: PLR2004 - rows and columns
        raise ValueError(f"X must be numbers (N, D), not {found.dtype} {found.shape}")
    encodings = found.astype(np.float32)
    bad = np.flatnonzero(~np.isfinite(encodings).all(axis=1))
    if len(bad):
        raise ValueError(f"{len(bad)} rows of X are not finite, the first is number {bad[0]}")
    return encodings


def _numbers(file: np.lib.npyio.NpzFile, name: str, instead: Numbers) -> Numbers:
    if name not in file:
        return instead
    found = file[name]
    if found.shape != instead.shape or found.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be {len(instead)} whole numbers, one for each row of X,"
            f" not {found.dtype} {found.shape}"
        )
    return np.asarray(found, dtype=np.int64)
