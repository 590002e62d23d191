"""Short float32 rows whose products tell, for nearly all pairs, that two faces are far apart.

With y the encoding less a centre, in a unit of our own, and h = |y|^2 / 2, half the squared
distance of two faces is h + h' - y.y'.  A row holds y, -h and 1; the product of one with another
whose last two are swapped is y.y' - h - h', so that one matrix product and one comparison settle a
block of pairs.

Encodings vary along few directions.  A distance seen along some orthonormal axes alone is never
larger than the whole one, so axes that hold most of the variance, the first principal ones, rule
out nearly all pairs at a fraction of the arithmetic.

Rounding.  A product of n float32 terms, in any order, is within n u / (1 - n u) of the sum of their
absolute values, u = 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 2002, 3.1), and
that sum is at most 2 (h + h').  Rounding y, h and the threshold adds at most 8 u (h + h').  So the
error is below ``slack`` (h + h') with slack = (2 n + 16) u; rows hold (1 - slack) h, which makes a
computed distance never larger than the true one.  With dlib's encodings that is 1e-5 of a squared
distance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# From so many pairs on it pays to look for axes.
_MANY = 10_000_000
# So many faces, evenly spaced, stand for all where the axes and their number are chosen.
_SAMPLE = 512
# Numbers of axes that are tried.
_STEP = 8
# What a pair costs: each axis, whatever else a block does, and one that must be computed again in
# float64; and each number of each axis for a face.  In hundredths of a nanosecond on an x86-64
# processor; that they are somewhat different elsewhere costs some time, and no pair.
_PER_AXIS, _PER_PAIR, _PER_DOUBT, _PER_TURN = 2.0, 25.0, 40_000.0, 5.0
_UNIT_ROUNDOFF = 2.0**-24
# Products of float32 below this lose digits, or all of them.
_SMALLEST = 2.0**-126


@dataclass(frozen=True)
class Screen:
    """How rows are made: seen from ``centre`` (D,), in ``unit``, along ``axes`` (D, k) or all."""

    centre: NDArray[np.float64]
    unit: float
    axes: NDArray[np.float64] | None

    @property
    def terms(self) -> int:
        """Return how long a row is: one for each axis, and two."""
        return (len(self.centre) if self.axes is None else self.axes.shape[1]) + 2

    @property
    def slack(self) -> float:
        """Return what the rounding of half a squared distance is, at most, relative to h + h'."""
        return (2 * self.terms + 16) * _UNIT_ROUNDOFF

    def rows(self, encodings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows, float32 (n, k + 2), of ``encodings`` (n, D)."""
        seen = encodings - self.centre
        seen /= self.unit
        if self.axes is not None:
            seen = seen @ self.axes
        made = np.ones((len(seen), seen.shape[1] + 2), dtype=np.float32)
        made[:, :-2] = seen
        rounded = made[:, :-2].astype(np.float64)
        halves = np.einsum("nk,nk->n", rounded, rounded) / 2
        made[:, -2] = -(1 - self.slack) * halves
        return made

    def least(self, eps: float) -> float:
        """Return what the product of two faces is at least, if they are within ``eps``."""
        # No two faces are farther apart than this, and it is a float32.
        farthest = 16.0 * len(self.centre)
        return -min((eps / self.unit) ** 2, farthest) / 2 - len(self.centre) * _SMALLEST

    def surely(self, rows: NDArray[np.float32], columns: NDArray[np.float32], eps: float) -> float:
        """Return from what product on two of these are within ``eps``, whatever was rounded."""
        if self.axes is not None:
            return math.inf
        longest = -float(rows[:, -2].min()) - float(columns[:, -2].min())
        doubt = 2 * self.slack * longest / (1 - self.slack) + 2 * len(self.centre) * _SMALLEST
        return self.least(eps) + doubt


def products(
    rows: NDArray[np.float32], columns: NDArray[np.float32], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return, in ``out``, minus half the squared distance of each row and each column."""
    swapped = rows.copy()
    swapped[:, -2] = rows[:, -1]
    swapped[:, -1] = rows[:, -2]
    return np.dot(swapped, columns.T, out=out)


def whole(encodings: NDArray[np.float32]) -> Screen:
    """Return the screen along all axes; ValueError when an encoding (N, D) is not finite."""
    largest = max(abs(float(encodings.max())), abs(float(encodings.min())))
    if not math.isfinite(largest):
        bad = np.flatnonzero(~np.isfinite(encodings).all(axis=1))
        raise ValueError(f"{len(bad)} encodings are not finite, the first is number {bad[0]}")
    return Screen(_sample(encodings).mean(axis=0), largest or 1.0, None)


def cheapest(everything: Screen, encodings: NDArray[np.float32], eps: float, pairs: int) -> Screen:
    """Return the cheapest screen for so many ``pairs`` of ``encodings`` (N, D).

    It is ``everything``, which sees all axes, or one that sees as many of the first principal ones
    as cost least on a sample.
    """
    if pairs < _MANY:
        return everything
    seen = (_sample(encodings) - everything.centre) / everything.unit
    axes = np.linalg.eigh(seen.T @ seen).eigenvectors[:, ::-1]
    turned = (seen @ axes).astype(np.float32)
    halves = np.zeros(len(turned), dtype=np.float32)
    near = np.zeros((len(turned), len(turned)), dtype=np.float32)
    best, cost = len(axes), _PER_PAIR + _PER_AXIS * len(axes)
    for start in range(0, len(axes) - _STEP, _STEP):
        part = turned[:, start : start + _STEP]
        halves += np.einsum("nk,nk->n", part, part) / 2
        near += part @ part.T
        passing = np.count_nonzero(near >= halves[:, None] + halves + everything.least(eps))
        doubts = (passing - len(turned)) / near.size
        turning = _PER_TURN * len(axes) * len(encodings) / pairs
        now = _PER_PAIR + (_PER_AXIS + turning) * (start + _STEP) + _PER_DOUBT * doubts
        if now < cost:
            best, cost = start + _STEP, now
    if best == len(axes):
        return everything
    return replace(everything, axes=np.ascontiguousarray(axes[:, :best]))


def _sample(encodings: NDArray[np.float32]) -> NDArray[np.float64]:
    places = np.linspace(0, len(encodings) - 1, min(_SAMPLE, len(encodings))).astype(np.int64)
    return encodings[places].astype(np.float64)
