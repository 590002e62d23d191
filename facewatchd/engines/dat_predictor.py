"""Reads dlib's predictor of face landmarks from its ``.dat`` file.

Pure: bytes in, arrays out.  All of the file is integers as `dat` describes them, a real number
being two of them: m and e for m times two to the power of e.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.dat import damaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]

POINTS = 5
QUESTIONS = 15  # of each tree of the five-point predictor: four from the root to a leaf

_VERSION = 1
_MATRIX = (-2 * POINTS, -1)  # rows and columns, negative as dlib writes them
_REAL, _SPLIT, _LEAF = 2, 4, 2 + 2 * 2 * POINTS  # integers that one takes
_LEAVES = QUESTIONS + 1
_LONGEST = 7  # bytes of an integer; real numbers of 32 bits need 3
_LARGEST = 1 << 16  # real number; they are shares of a box, and differences of brightness
_INFINITE = 1000  # an exponent; dlib writes 32000 and more for what is no number
_CHUNK = 1 << 16  # bytes looked through at once: small enough for a processor's cache
_DOUBLINGS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """A cascade of regression forests (Kazemi and Sullivan 2014), for p points.

    A point is x and y, where the face's box is the square from 0 to 1.  ``mean`` (p, 2) is the
    shape to begin with.  Each of c stages compares pixels at ``offsets`` (c, f, 2) from the points
    ``anchors`` (c, f).  Tree t answers its question s with yes when pixel ``pairs[c, t, s, 0]`` is
    more than ``thresholds[c, t, s]`` brighter than pixel ``pairs[c, t, s, 1]``.  After yes comes
    question 2 s + 1, after no 2 s + 2; numbers from that of the questions on are those of
    ``leaves`` (c, t, leaf, p, 2), which say by how much the points move.
    """

    mean: NDArray[np.float32]
    anchors: NDArray[np.int64]
    offsets: NDArray[np.float32]
    pairs: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    def to_bytes(self) -> bytes:
        """Return what `from_bytes` makes a predictor of, much faster than `predictor`."""
        file = BytesIO()
        np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Predictor:
        """Return the predictor of which ``data`` was made."""
        with np.load(BytesIO(data), allow_pickle=False) as arrays:
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def predictor(data: bytes, name: str) -> Predictor:
    """Return the predictor in ``data``; PluginError, about ``name``, when it is damaged."""
    numbers = _Numbers(_integers(data, name), name)
    numbers.must(numbers.take(1) == _VERSION)
    numbers.must(numbers.take(2) == _MATRIX)
    mean = numbers.reals(numbers.take(_REAL * 2 * POINTS))
    stages, trees = numbers.next(2)
    forests = numbers.table(stages, trees, 1 + QUESTIONS * _SPLIT + 1 + _LEAVES * _LEAF)
    middle = 1 + QUESTIONS * _SPLIT
    splits = forests[..., 1:middle].reshape(stages, trees, QUESTIONS, _SPLIT)
    leaves = forests[..., middle + 1 :].reshape(stages, trees, _LEAVES, _LEAF)
    numbers.must(forests[..., [0, middle]] == (QUESTIONS, _LEAVES))
    numbers.must(leaves[..., :2] == _MATRIX)
    _, features = numbers.next(2)
    anchors = numbers.table(stages, features, 1)[..., 0]
    offsets = numbers.reals(numbers.table(stages, features, 2 * _REAL))
    numbers.must_end()
    numbers.must((anchors >= 0) & (anchors < POINTS))
    numbers.must((splits[..., :2] >= 0) & (splits[..., :2] < features))
    return Predictor(
        mean.reshape(POINTS, 2),
        anchors.copy(),  # copies, so that no view keeps all of the numbers in memory
        offsets,
        splits[..., :2].copy(),
        numbers.reals(splits[..., 2:])[..., 0],
        numbers.reals(leaves[..., 2:]).reshape(stages, trees, _LEAVES, POINTS, 2),
    )


class _Numbers:
    """The integers of a file, taken one part after the other."""

    def __init__(self, integers: Integers, name: str) -> None:
        self._integers = integers
        self._name = name
        self._at = 0

    def take(self, count: int) -> Integers:
        end = self._at + count
        if not 0 <= count <= len(self._integers) - self._at:
            raise damaged(self._name, "it is shorter or longer than it says")
        taken = self._integers[self._at : end]
        self._at = end
        return taken

    def next(self, count: int) -> list[int]:
        """Return the integers that come next, to be taken later."""
        at = self._at
        found: list[int] = self.take(count).tolist()
        self._at = at
        return found

    def table(self, rows: int, columns: int, depth: int) -> Integers:
        """Take a list of lists, each item ``depth`` integers; every list begins with its length."""
        self.must(np.array([rows, columns]) > 0)
        self.must(self.take(1) == rows)
        width = 1 + columns * depth
        lists = self.take(rows * width).reshape(rows, width)
        self.must(lists[:, 0] == columns)
        return lists[:, 1:].reshape(rows, columns, depth)

    def reals(self, pairs: Integers) -> NDArray[np.float32]:
        """Return the real numbers (..., n) that ``pairs`` (..., 2 n) stand for."""
        mantissas, exponents = pairs[..., ::2], pairs[..., 1::2]
        exponents = exponents.clip(-_INFINITE, _INFINITE).astype(np.int32)
        with np.errstate(over="ignore"):
            reals = np.ldexp(mantissas.astype(np.float32), exponents)
        self.must(np.abs(reals) <= _LARGEST)
        return reals

    def must(self, condition: NDArray[np.bool_]) -> None:
        if not condition.all():
            raise damaged(self._name, "it is no predictor of five landmarks")

    def must_end(self) -> None:
        if self._at != len(self._integers):
            raise damaged(self._name, "more follows where it should end")


def _integers(data: bytes, name: str) -> Integers:
    """Return all integers of a file that has nothing else."""
    file = np.frombuffer(data, np.uint8)
    starts = _starts(file)
    if not len(starts):
        raise damaged(name, "it is empty")
    controls = file[starts]
    lengths = controls & 0x0F
    if starts[-1] + 1 + lengths[-1] != len(file):
        raise damaged(name, "it ends in the middle of a number")
    if not 1 <= lengths.min() <= lengths.max() <= _LONGEST:
        raise damaged(name, "it holds something else than numbers")
    values = np.zeros(len(starts), np.int64)
    for byte in range(int(lengths.max())):
        there = np.flatnonzero(lengths > byte)
        values[there] |= file[starts[there] + 1 + byte].astype(np.int64) << (8 * byte)
    return np.where(controls & 0x80, -values, values)


def _starts(file: NDArray[np.uint8]) -> Integers:
    """Return where the integers of a file begin.

    Each one says where the next one begins, so that only a walk from one to the next finds them.
    For three million of them the walk goes in strides of 2 ** _DOUBLINGS, which doubling the step
    from every byte has told beforehand, and numpy does the steps in between for all strides at
    once.
    """
    found = []
    at = 0
    while at < len(file):
        piece = file[at : at + _CHUNK + (16 << _DOUBLINGS)]
        end = len(piece)
        step = np.minimum(np.arange(end) + 1 + (piece & 0x0F), end)
        step = np.append(step, end)  # from the end it goes nowhere
        stride = step
        for _ in range(_DOUBLINGS):
            stride = stride.take(stride)
        strides = []
        here = 0
        while here < min(_CHUNK, end):
            strides.append(here)
            here = stride.item(here)
        steps = [np.array(strides)]
        for _ in range((1 << _DOUBLINGS) - 1):
            steps.append(step.take(steps[-1]))
        starts = np.stack(steps, axis=1).ravel()
        found.append(at + starts[starts < end])
        at += here
    return np.concatenate(found) if found else np.empty(0, np.int64)
