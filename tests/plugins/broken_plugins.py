"""Plugins that do not keep to their protocol, each in one way; Whole and Plain do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd.model import Box, Detection
from facewatchd.plugins import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Setup


class Whole:
    """Takes the whole picture for a face."""

    protocol = 1
    name = "whole"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        return [Detection(self.box(*pixels.shape[1::-1]), 1.0)]

    def box(self, width: int, height: int) -> Any:
        return Box(0, 0, width, height)


class OfAnotherVersion(Whole):
    protocol = 2


class RaisesAtConstruction(Whole):
    name = "raises-at-construction"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        raise KeyError("weights")


class Raises(Whole):
    name = "raises"

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        raise IndexError(pixels.shape[0])


class Outside(Whole):
    name = "outside"

    def box(self, width: int, height: int) -> Any:
        return Box(0, 0, width + 1, height)


class Floats(Whole):
    name = "floats"

    def box(self, width: int, height: int) -> Any:
        return (0.5, 0.5, width - 0.5, height - 0.5)


class Plain:
    """Encodes every face as the same four numbers."""

    protocol = 1
    name = "plain"
    version = "1"
    needs_points = False
    scale = Scale(dimensions=4, similarity=0.68, floor=0.5, eps=0.32, merge=0.52)

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> Any:
        del pixels
        return np.ones((len(faces), 4), np.float32)


class WithoutScale(Plain):
    name = "without-scale"
    scale = {"dimensions": 4}  # type: ignore[assignment]  # noqa: RUF012 - it is wrong on purpose


class TooFew(Plain):
    name = "too-few"

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> Any:
        return super().encode(pixels, faces)[:, :3]


class OfFloat64(Plain):
    name = "of-float64"

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> Any:
        return super().encode(pixels, faces).astype(np.float64)


class NotFinite(Plain):
    name = "not-finite"

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> Any:
        return super().encode(pixels, faces) * np.nan


class WithoutGroup:
    protocol = 1
    name = "without-group"
    version = "1"


class CountsFromTwo(WithoutGroup):
    name = "counts-from-two"

    def group(
        self, encodings: NDArray[np.float32], photos: NDArray[np.int64], **_others: Any
    ) -> Any:
        del encodings
        return np.full(len(photos), 2, np.int64)


class GivesLists(CountsFromTwo):
    name = "gives-lists"

    def group(
        self, encodings: NDArray[np.float32], photos: NDArray[np.int64], **_others: Any
    ) -> Any:
        return super().group(encodings, photos).tolist()
