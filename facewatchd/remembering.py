"""What a clustering run leaves in a file for the next, so that it costs what changed.

The file can be lost at any time: the next run then finds everything out again.  It is believed only
when it was written by this version, for the same engine and distances, and of a face only when its
encoding is the same to the last bit.  It holds no encodings, but whose are near each other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.clustering.cores import Cores
from facewatchd.clustering.near import Near
from facewatchd.clustering.recipe import Known

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_VERSION = 1
# 2^64 over the golden ratio: odd multiples of it mix bits (Knuth, TAOCP 3, 6.4).
_MIXING = 0x9E3779B97F4A7C15
_BLOCK = 8192
_ARRAYS = (
    *("faces", "prints", "counts", "few", "component", "groups"),
    *("near", "heights", "bound", "limit"),
)
# What reading a damaged archive can raise; RuntimeError where it says that it is encrypted.
_DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Memory:
    """The file ``path``, and ``engine``, the name of the encodings that it is about.

    ``eps``, ``min_samples`` and ``merge`` are those of the run.
    """

    path: Path
    engine: str
    eps: float
    min_samples: int
    merge: float

    @property
    def _key(self) -> str:
        return f"{_VERSION} {self.engine} {self.eps!r} {self.min_samples} {self.merge!r}"

    def recall(
        self, faces: NDArray[np.int64], encodings: NDArray[np.float32]
    ) -> tuple[Known, NDArray[np.int64]] | None:
        """Return what is known of ``faces``, ids (N,), and which old face each is, -1 if it is new.

        None when nothing is known that can be used.
        """
        try:
            with self.path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                if str(file["key"]) != self._key:
                    return None
                kept = {name: file[name] for name in _ARRAYS}
        except FileNotFoundError:
            return None
        except _DAMAGED as error:
            log.info("What was known of clusters cannot be read, and is found out anew: %s", error)
            return None
        was = _which(kept["faces"], kept["prints"], faces, _prints(encodings))
        if (np.diff(was[was >= 0]) <= 0).any():
            return None  # the order of the faces is another one
        cores = Cores(self.eps, self.min_samples, kept["counts"], kept["few"], kept["component"])
        near = Near(kept["near"], kept["heights"], kept["bound"], float(kept["limit"]))
        return Known(cores, kept["groups"], near), was

    def keep(self, faces: NDArray[np.int64], encodings: NDArray[np.float32], known: Known) -> None:
        """Write what is known of ``faces``, ids (N,), for its owner alone; on a full disk nothing.

        A half-written file is never seen.
        """
        fresh = self.path.with_suffix(".new")
        cores, near = known.cores, known.near
        try:
            with open(fresh, "wb", opener=_private) as file:
                np.savez(
                    file,
                    key=np.array(self._key),
                    faces=faces,
                    prints=_prints(encodings),
                    counts=cores.counts,
                    few=cores.near,
                    component=cores.component,
                    groups=known.groups,
                    near=near.groups,
                    heights=near.heights,
                    bound=near.bound,
                    limit=np.array(near.limit),
                )
            fresh.replace(self.path)
        except OSError as error:
            log.info("What is known of clusters cannot be kept: %s", error)
            with contextlib.suppress(OSError):
                self.forget()

    def forget(self) -> None:
        """Delete what is kept."""
        for path in (self.path, self.path.with_suffix(".new")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _prints(encodings: NDArray[np.float32]) -> NDArray[np.uint64]:
    """Return a number for each encoding (N, D) that another one has by chance of 2^-64 only."""
    odd = (2 * np.arange(encodings.shape[1], dtype=np.uint64) + np.uint64(1)) * np.uint64(_MIXING)
    prints = np.empty(len(encodings), dtype=np.uint64)
    for start in range(0, len(encodings), _BLOCK):
        bits = np.ascontiguousarray(encodings[start : start + _BLOCK]).view(np.uint32)
        mixed = (bits.astype(np.uint64) + np.uint64(1)) * odd
        mixed ^= mixed >> np.uint64(32)
        prints[start : start + _BLOCK] = (mixed * odd).sum(axis=1, dtype=np.uint64)
    return prints


def _which(
    before: NDArray[np.int64],
    prints_before: NDArray[np.uint64],
    now: NDArray[np.int64],
    prints_now: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """Return the place in ``before`` of each id of ``now`` that is there with the same print."""
    if len(before) == 0:
        return np.full(len(now), -1)
    order = np.argsort(before)
    place = order[np.minimum(np.searchsorted(before[order], now), len(before) - 1)]
    same = (before[place] == now) & (prints_before[place] == prints_now)
    return np.where(same, place, -1)
