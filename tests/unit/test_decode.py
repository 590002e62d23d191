"""Decoding pictures made here, and dating them."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from facewatchd.decode import Photo, Picture, capture_date, open_photo, read_capture_date
from facewatchd.errors import PhotoError
from facewatchd.model import Box, DateSource

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
MTIME = 1_500_000_000.0


def decode(data: bytes, longest_side: int, megapixels: float) -> Picture:
    return Photo(data, megapixels).picture(longest_side)


def square(data: bytes, box: Box, side: int, megapixels: float) -> bytes:
    return Photo(data, megapixels).square(box, side)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """Return a picture with a different colour in each corner."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 10, 10)
    pixels[: height // 2, width // 2 :] = (10, 250, 10)
    pixels[height // 2 :, : width // 2] = (10, 10, 250)
    pixels[height // 2 :, width // 2 :] = (240, 240, 240)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("HEIF", {"quality": 95}),
        ("AVIF", {"quality": 95}),
    ],
)
def test_every_format_gives_the_same_picture(kind: str, options: dict[str, Any]) -> None:
    picture = decode(saved(scene(), kind, **options), 1600, 1)
    assert (picture.width, picture.height) == (64, 48)
    assert picture.pixels.dtype == np.uint8
    difference = np.abs(picture.pixels.astype(int) - np.asarray(scene()).astype(int))
    assert difference.mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (32, 32), "white"), Image.new("RGB", (32, 32), "black")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode(data, 1600, 1).pixels.mean() > 250


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
def test_every_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = scene().transpose(turn[orientation]) if orientation in turn else scene()
    picture = decode(saved(stored, kind, exif=exif), 1600, 1)
    assert (picture.width, picture.height) == (64, 48)
    difference = np.abs(picture.pixels.astype(int) - np.asarray(scene()).astype(int))
    assert difference.mean() < 8


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_mode_becomes_rgb_and_keeps_its_brightness(mode: str) -> None:
    if mode == "I;16":
        levels = np.array([[0, 0x8000, 0xFFFF]], np.uint16)
    else:
        levels = np.array([[0, 128, 255]], np.uint8)
    grey = Image.fromarray(levels).resize((30, 10), Image.Resampling.NEAREST)
    if mode != "I;16":
        grey = grey.convert("RGB").convert(mode)
    kind = "TIFF" if mode in {"CMYK", "YCbCr"} else "PNG"
    pixels = decode(saved(grey, kind), 1600, 1).pixels
    assert pixels.shape == (10, 30, 3)
    assert pixels[:, :8].mean() < 3
    assert pixels[:, 22:].mean() > 252
    if mode != "1":
        assert 120 < pixels[:, 12:18].mean() < 136


def test_a_float_picture_is_stretched_from_black_to_white() -> None:
    values = np.linspace(-3, 12, 100, dtype=np.float32).reshape(10, 10)
    values[0, 1] = np.nan
    pixels = decode(saved(Image.fromarray(values), "TIFF"), 1600, 1).pixels
    assert pixels[0, 0].tolist() == [0, 0, 0]
    assert pixels[9, 9].tolist() == [255, 255, 255]
    assert 120 < pixels[5, 0, 0] < 136


def test_what_is_transparent_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (10, 10), (0, 0, 0, 0))
    assert decode(saved(clear), 1600, 1).pixels.min() == 255


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.new("P", (10, 10), 1)
    image.putpalette([255, 0, 0, 0, 0, 0])
    assert decode(saved(image, transparency=1), 1600, 1).pixels.min() == 255


def test_a_large_jpeg_is_decoded_smaller_and_knows_its_scale() -> None:
    picture = decode(saved(scene(4000, 3000), "JPEG"), 900, 20)
    assert picture.pixels.shape == (750, 1000, 3)
    assert (picture.width, picture.height, picture.scale) == (4000, 3000, 4.0)


def test_a_jpeg_is_never_decoded_below_the_longest_side() -> None:
    picture = decode(saved(scene(3198, 2000), "JPEG"), 1600, 20)
    assert picture.pixels.shape == (2000, 3198, 3)


def test_a_very_large_picture_of_another_format_is_reduced() -> None:
    picture = decode(saved(scene(1000, 10)), 100, 1)
    assert picture.pixels.shape == (2, 200, 3)
    assert picture.scale == 5.0


def test_a_picture_above_the_limit_is_refused_before_it_is_unpacked() -> None:
    data = bytearray(saved(Image.new("L", (10, 10))))
    data[16:24] = struct.pack(">II", 50_000, 50_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(PhotoError) as refused:
        decode(bytes(data), 1600, 250)
    assert "2,500 megapixels; the limit is 250 (limits.megapixels)" in refused.value.title


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF"])
def test_the_limit_is_ours_and_not_pillows(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(scene(), kind)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # above it Pillow warns, then refuses
    assert decode(data, 1600, 1).width == 64
    assert Image.MAX_IMAGE_PIXELS == 100


def test_what_libraries_warn_of_is_no_error_of_the_photo() -> None:
    """Warnings are errors in this test, as in all of them."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A name that is longer than four bytes"
    cut = saved(scene(), "TIFF", exif=exif)
    tag = cut.index(struct.pack("<HH", ExifTags.Base.Artist, 2))
    far = cut[: tag + 8] + struct.pack("<I", 10**6) + cut[tag + 12 :]
    with (
        pytest.warns(UserWarning, match="Truncated File Read"),
        Image.open(BytesIO(far)) as image,
    ):
        image.getexif()
    assert decode(far, 1600, 1).width == 64


def test_an_empty_file_is_called_empty() -> None:
    with pytest.raises(PhotoError, match=r"The file is empty\."):
        decode(b"", 1600, 1)


@pytest.mark.parametrize("data", [b"hello", b"\0" * 5000, b"<svg></svg>", b"%PDF-1.4 ..."])
def test_what_is_no_picture_is_called_so(data: bytes) -> None:
    with pytest.raises(PhotoError, match=r"This is not a picture that can be read\."):
        decode(data, 1600, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF", "AVIF"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_picture_cut_short_is_an_error(kind: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(PhotoError, match=r"truncated|damaged|not a picture"):
        decode(data[: int(len(data) * share)], 1600, 1)


@given(st.binary(max_size=400), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "BMP"]), st.data())
def test_whatever_the_bytes_are_only_a_photo_error_comes(
    noise: bytes, kind: str, data: st.DataObject
) -> None:
    good = bytearray(saved(scene(), kind))
    at = data.draw(st.integers(0, len(good)))
    good[at : at + len(noise)] = noise
    with suppress(PhotoError):
        assert decode(bytes(good), 1600, 1).pixels.shape[2] == 3


def test_a_square_shows_the_box_in_its_middle() -> None:
    image = Image.new("RGB", (400, 300), "white")
    image.paste("black", (180, 130, 220, 170))
    crop = Image.open(BytesIO(square(saved(image), Box(180, 130, 220, 170), 512, 1)))
    assert crop.size == (72, 72)
    assert crop.getpixel((36, 36)) == (0, 0, 0)
    assert crop.getpixel((4, 4)) == (255, 255, 255)
    assert not crop.getexif()


def test_a_square_at_the_edge_stays_inside_the_picture() -> None:
    image = Image.new("RGB", (400, 300), "white")
    crop = Image.open(BytesIO(square(saved(image), Box(0, 0, 100, 100), 512, 1)))
    assert crop.size == (180, 180)
    assert crop.convert("L").getextrema() == (255, 255)


def test_a_square_is_never_larger_than_asked() -> None:
    image = scene(3000, 2000)
    crop = Image.open(BytesIO(square(saved(image, "JPEG"), Box(800, 400, 1900, 1500), 512, 10)))
    assert crop.size == (512, 512)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"IMG_20190131_142233.jpg", "2019-01-31 14:22:33"),
        (b"2019-01-31 14.22.33.jpg", "2019-01-31 14:22:33"),
        (b"PXL_20190131_142233123.MP.jpg", "2019-01-31 14:22:33"),
        (b"IMG-20190131-WA0001.jpg", "2019-01-31 00:00:00"),
        (b"WhatsApp Image 2019-01-31 at 14.22.33.jpeg", "2019-01-31 14:22:33"),
        (b"Screenshot_20190131-142233.png", "2019-01-31 14:22:33"),
        (b"Screenshot_2019-01-31-14-22-33-123_com.app.png", "2019-01-31 14:22:33"),
        (b"signal-2019-01-31-142233.jpg", "2019-01-31 14:22:33"),
        (b"20190131142233.jpg", "2019-01-31 14:22:33"),
        (b"\xff20190131\xfe.jpg", "2019-01-31 00:00:00"),
    ],
)
def test_a_date_in_the_name_is_found(name: bytes, expected: str) -> None:
    date = capture_date(None, b"/photos/1999-01-01/" + name, MTIME, NOW)
    assert date.source is DateSource.NAME
    assert datetime.fromtimestamp(date.at, UTC).strftime("%Y-%m-%d %H:%M:%S") == expected


@pytest.mark.parametrize(
    "name",
    [b"DSC_0001.jpg", b"IMG_20191331.jpg", b"12345678.jpg", b"20990101.jpg", b"201901310.jpg"],
)
def test_a_number_that_is_no_date_is_left_alone(name: bytes) -> None:
    assert capture_date(None, name, MTIME, NOW) == (MTIME, DateSource.FILE)


@given(st.binary(max_size=60))
def test_any_name_has_a_date(name: bytes) -> None:
    assert capture_date(None, name, MTIME, NOW).at <= NOW + 2 * 86400


def photo_taken(folder: Path, **dates: str) -> bytes:
    exif = Image.Exif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, value in dates.items():
        place = exif if tag == "DateTime" else details
        place[ExifTags.Base[tag]] = value
    path = folder / "photo.jpg"
    path.write_bytes(saved(scene(), "JPEG", exif=exif))
    os.utime(path, (MTIME, MTIME))
    return os.fsencode(path)


@pytest.mark.parametrize(
    ("dates", "year", "source"),
    [
        (
            {
                "DateTimeOriginal": "2001:02:03 04:05:06",
                "DateTimeDigitized": "2002:02:03 04:05:06",
                "DateTime": "2003:02:03 04:05:06",
            },
            2001,
            DateSource.EXIF,
        ),
        (
            {"DateTimeDigitized": "2002:02:03 04:05:06", "DateTime": "2003:02:03 04:05:06"},
            2002,
            DateSource.EXIF,
        ),
        ({"DateTime": "2003:02:03 04:05:06"}, 2003, DateSource.EXIF),
        (
            {"DateTimeOriginal": "0000:00:00 00:00:00", "DateTime": "2003:02:03 04:05:06"},
            2003,
            DateSource.EXIF,
        ),
        ({"DateTimeOriginal": "    :  :     :  :  "}, 2017, DateSource.FILE),
        ({"DateTimeOriginal": "1700:01:01 00:00:00"}, 2017, DateSource.FILE),
        ({"DateTimeOriginal": "2190:01:01 00:00:00"}, 2017, DateSource.FILE),
        ({}, 2017, DateSource.FILE),
    ],
)
def test_the_best_date_of_the_exif_wins_and_nonsense_is_ignored(
    tmp_path: Path, dates: dict[str, str], year: int, source: DateSource
) -> None:
    path = photo_taken(tmp_path, **dates)
    date = read_capture_date(path, NOW)
    assert (datetime.fromtimestamp(date.at, UTC).year, date.source) == (year, source)
    with open_photo(path) as file:
        taken = Photo(file.readall(), 1).facts().taken
    assert capture_date(taken, path, MTIME, NOW) == date


def test_a_broken_picture_is_dated_by_its_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8\xff nothing")
    os.utime(path, (MTIME, MTIME))
    assert read_capture_date(os.fsencode(path), NOW) == (MTIME, DateSource.FILE)


def test_a_vanished_picture_has_no_date(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_capture_date(os.fsencode(tmp_path / "gone.jpg"), NOW)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe.jpg", tmp_path / "link.jpg"
    os.mkfifo(pipe)
    link.symlink_to(tmp_path / "pipe.jpg")
    for path in (pipe, link, tmp_path):
        with pytest.raises(OSError, match=r"regular|symbolic"):
            open_photo(os.fsencode(path))
