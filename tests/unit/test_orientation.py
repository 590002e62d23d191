"""Boxes are turned as Pillow turns pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps

from facewatchd.model import Box
from facewatchd.orientation import UPRIGHT, lies, turned, valid

ORIENTATIONS = st.integers(1, 8)


@st.composite
def boxes_in_pictures(draw: st.DrawFn) -> tuple[Box, tuple[int, int]]:
    """A picture's size as it is stored, and a box in it."""
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return Box(left, top, right, bottom), (width, height)


def upright(stored: Image.Image, orientation: int) -> Image.Image:
    """Turn it as Pillow does for a file with this orientation."""
    image = stored.copy()
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def marked(box: Box, size: tuple[int, int]) -> Image.Image:
    image = Image.new("L", size)
    image.paste(255, box)
    return image


def mark(image: Image.Image) -> Box:
    found = image.getbbox()
    assert found is not None
    return Box(*found)


@given(boxes_in_pictures(), ORIENTATIONS, ORIENTATIONS)
def test_a_box_goes_where_its_pixels_go(
    placed: tuple[Box, tuple[int, int]], before: int, after: int
) -> None:
    stored = marked(*placed)
    seen, wanted = upright(stored, before), upright(stored, after)
    found = turned(mark(seen), seen.size, before, after)
    assert found == mark(wanted)
    assert np.count_nonzero(np.asarray(wanted.crop(found)) == 0) == 0


@given(boxes_in_pictures(), ORIENTATIONS, ORIENTATIONS)
def test_turning_there_and_back_changes_nothing(
    placed: tuple[Box, tuple[int, int]], before: int, after: int
) -> None:
    box, size = placed
    there_size = size[::-1] if lies(before) != lies(after) else size
    there = turned(box, size, before, after)
    assert turned(there, there_size, after, before) == box


@given(boxes_in_pictures(), ORIENTATIONS)
def test_what_is_not_turned_stays(placed: tuple[Box, tuple[int, int]], orientation: int) -> None:
    box, size = placed
    assert turned(box, size, orientation, orientation) == box


@pytest.mark.parametrize("nonsense", [None, 0, 9, -1, "6", 6.5, (6,), b"\6"])
def test_nonsense_is_taken_for_upright(nonsense: object) -> None:
    assert valid(nonsense) == UPRIGHT
    assert [valid(each) for each in range(1, 9)] == list(range(1, 9))
