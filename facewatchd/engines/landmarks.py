"""Finds five points of each face: both corners of both eyes, and the base of the nose.

dlib's predictor of landmarks in numpy: all trees of a stage and all faces of a photo at once.
Numbers are float32 and are added in dlib's order: a last digit makes another pixel the nearest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facewatchd.engines.dat_predictor import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.engines.dat_predictor import Predictor
    from facewatchd.model import Box

    Floats = NDArray[np.float32]
    Integers = NDArray[np.int64]

_ANSWERS = 16  # bits for the answers of a tree; its questions are 15
_BRIGHTEST = 255
_TOGETHER = 32  # faces, so that a thousand of them need no more memory


class Landmarks:
    """Gives the points that ``dlib.shape_predictor`` gives."""

    def __init__(self, predictor: Predictor) -> None:
        self._mean = predictor.mean.T
        centred = _as_complex(predictor.mean.T) - _as_complex(predictor.mean.T).mean()
        self._to_similarity = centred.conj() / (np.abs(centred) ** 2).sum()
        self._leaf = _leaves_by_answers()
        self._stages = [_Stage(predictor, number) for number in range(len(predictor.anchors))]

    def find(self, pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> Integers:
        """Return the points (n, 5, 2), x and y, of the faces at ``boxes`` of a picture (H, W, 3).

        From left to right in the picture they are 2, 3, 4 (the nose), 1 and 0.
        """
        pixels = np.ascontiguousarray(pixels)
        found = np.empty((len(boxes), 2, self._mean.shape[1]), np.int64)
        for at in range(0, len(boxes), _TOGETHER):
            squares = _Squares(boxes[at : at + _TOGETHER])
            found[at : at + _TOGETHER] = squares.pixels(self._shapes(pixels, squares))
        return found.swapaxes(1, 2)

    def _shapes(self, pixels: NDArray[np.uint8], squares: _Squares) -> Floats:
        """Return the points (n, 2, p), x and y, of the faces in ``squares``."""
        shapes = np.repeat(self._mean[None], len(squares), axis=0)
        for stage in self._stages:
            # What turns and scales the mean into each shape, best in the least squares.
            turns = _as_complex(shapes) @ self._to_similarity
            brightness = _brightness(pixels, squares.pixels(stage.places(shapes, turns)))
            shapes = stage.moved(shapes, brightness, self._leaf)
        return shapes


def _as_complex(points: Floats) -> NDArray[np.complex128]:
    return points[..., 0, :] + 1j * points[..., 1, :].astype(np.float64)


class _Stage:
    """One forest of the cascade, as flat arrays: question 16 t + s is question s of tree t."""

    def __init__(self, predictor: Predictor, number: int) -> None:
        self._anchors = predictor.anchors[number]
        self._offsets = np.ascontiguousarray(predictor.offsets[number].T)
        # Brightness is whole numbers, so that more than 3.4 is more than 3.
        thresholds = np.floor(predictor.thresholds[number]).clip(-_BRIGHTEST - 1, _BRIGHTEST)
        self._thresholds = _padded(thresholds.astype(np.int16), _BRIGHTEST)
        self._one = _padded(predictor.pairs[number, :, :, 0], 0)
        self._other = _padded(predictor.pairs[number, :, :, 1], 0)
        trees, leaves, points, _ = predictor.leaves[number].shape
        # In one piece, or every look at a few of them would copy them all.
        moves = np.ascontiguousarray(predictor.leaves[number].swapaxes(-1, -2))
        self._moves = moves.reshape(trees * leaves, 2, points)
        self._first_leaf = np.arange(trees) * leaves

    def places(self, shapes: Floats, turns: NDArray[np.complex128]) -> Floats:
        """Return where (n, 2, f) to look in faces of ``shapes`` (n, 2, p) and ``turns`` (n,)."""
        x, y = self._offsets
        cosine, sine = (part.astype(np.float32)[:, None] for part in (turns.real, turns.imag))
        places: Floats = shapes.take(self._anchors, axis=2)
        places[:, 0] += cosine * x - sine * y
        places[:, 1] += sine * x + cosine * y
        return places

    def moved(
        self, shapes: Floats, brightness: NDArray[np.int16], leaf: NDArray[np.uint8]
    ) -> Floats:
        """Return ``shapes`` (n, 2, p), moved as pixels of ``brightness`` (n, f) tell."""
        difference = brightness.take(self._one, axis=1)
        difference -= brightness.take(self._other, axis=1)
        answers = np.packbits(difference > self._thresholds, axis=1).view(">u2")
        leaves = leaf.take(answers) + self._first_leaf
        summands = np.empty((len(shapes), 1 + leaves.shape[1], *shapes.shape[1:]), np.float32)
        summands[:, 0] = shapes
        self._moves.take(leaves, axis=0, out=summands[:, 1:], mode="clip")  # no copy between
        moved: Floats = np.add.reduce(summands, axis=1)
        return moved


def _padded(questions: NDArray[np.integer], filling: int) -> NDArray[np.integer]:
    return np.pad(questions, ((0, 0), (0, _ANSWERS - QUESTIONS)), constant_values=filling).ravel()


def _leaves_by_answers() -> NDArray[np.uint8]:
    """Return the leaf of a tree for each of the 2 ** 16 answers; question 0 is the top bit."""
    answers = np.arange(1 << _ANSWERS)
    node = np.zeros_like(answers)
    while node[0] < QUESTIONS:
        yes = answers >> (_ANSWERS - 1 - node) & 1
        node = 2 * node + 2 - yes
    return (node - QUESTIONS).astype(np.uint8)  # small enough to stay in the cache


class _Squares:
    """Boxes of faces, in which (0, 0) is the one corner and (1, 1) the other."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        corners = np.array(boxes, np.float64).reshape(-1, 2, 2, 1)
        self._corner, self._size = corners[:, 0] + 0.5, corners[:, 1] - corners[:, 0]

    def __len__(self) -> int:
        return len(self._corner)

    def pixels(self, places: Floats) -> Integers:
        """Return the pixels (n, 2, k) nearest to ``places`` (n, 2, k); halves are rounded up."""
        return np.floor(places * self._size + self._corner).astype(np.int64)


def _brightness(pixels: NDArray[np.uint8], places: Integers) -> NDArray[np.int16]:
    """Return the mean of the colours (n, k) at ``places`` (n, 2, k); 0 outside the picture."""
    height, width = pixels.shape[:2]
    x, y = places[:, 0], places[:, 1]
    inside = min(x.min(), y.min()) >= 0 and x.max() < width and y.max() < height
    outside = None if inside else (x < 0) | (x >= width) | (y < 0) | (y >= height)
    at = y * width + x
    if outside is not None:
        at[outside] = 0
    colours = pixels.reshape(-1, 3).take(at, axis=0).astype(np.int16)
    mean: NDArray[np.int16] = (colours[..., 0] + colours[..., 1] + colours[..., 2]) // np.int16(3)
    if outside is not None:
        mean[outside] = 0
    return mean
