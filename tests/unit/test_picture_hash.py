"""A photo is its picture: what metadata tools change leaves the hash, what shows changes it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from facewatchd.decode import Photo
from facewatchd.decode.jpeg import picture_hash

FORMATS: dict[str, dict[str, Any]] = {
    "JPEG": {},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"},
    "HEIF": {},
    "AVIF": {},
}


def scene(seed: int = 1, mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 10, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **FORMATS.get(kind, {}) | options)
    return file.getvalue()


def tags(orientation: int = 1, **values: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    for name, value in values.items():
        exif[ExifTags.Base[name]] = value
    return exif


def hash_of(data: bytes) -> bytes:
    return Photo(data, 10).facts().hash


@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_do_not_count(kind: str) -> None:
    plain = saved(scene(), kind)
    tagged = saved(scene(), kind, exif=tags(Artist="Somebody", DateTime="2001:02:03 04:05:06"))
    assert tagged != plain
    assert hash_of(tagged) == hash_of(plain)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_does_not_count_and_is_told(kind: str, orientation: int) -> None:
    plain = Photo(saved(scene(), kind), 1)
    photo = Photo(saved(scene(), kind, exif=tags(orientation)), 1)
    assert photo.facts().hash == plain.facts().hash
    assert (photo.facts().orientation, plain.facts().orientation) == (orientation, 1)
    picture = photo.picture(1600)
    assert (picture.width, picture.height) == ((40, 24) if orientation < 5 else (24, 40))


@pytest.mark.parametrize("kind", FORMATS)
def test_another_picture_is_another_photo(kind: str) -> None:
    assert hash_of(saved(scene(1), kind)) != hash_of(saved(scene(2), kind))


def test_facts_and_picture_of_one_photo_agree_whatever_is_asked_first() -> None:
    data = saved(scene(), "TIFF", exif=tags(6))
    photo, unasked = Photo(data, 1), Photo(data, 1)
    photo.facts()
    assert np.array_equal(photo.picture(1600).pixels, unasked.picture(1600).pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
def test_every_mode_has_a_hash(mode: str) -> None:
    data = saved(scene(mode=mode), "PNG")
    assert hash_of(data) == hash_of(saved(scene(mode=mode), "PNG", exif=tags(Artist="me")))
    assert hash_of(data) != hash_of(saved(scene(2, mode), "PNG"))


def test_the_same_indices_in_another_palette_are_another_picture() -> None:
    one = scene(mode="P")
    other = one.copy()
    other.putpalette(list(reversed(range(256))) * 3)
    assert hash_of(saved(one, "PNG")) != hash_of(saved(other, "PNG"))


def test_a_tall_picture_is_hashed_to_its_last_row() -> None:
    """Pixels are hashed some rows at a time."""
    image = Image.new("L", (3000, 3000))
    before = hash_of(saved(image, "PNG"))
    image.putpixel((2999, 2999), 1)
    assert hash_of(saved(image, "PNG")) != before


def test_an_exif_behind_the_pixels_of_a_png_is_read() -> None:
    file = BytesIO()
    scene().save(file, "PNG", exif=tags(6))
    chunks = dict(chunks_of(file.getvalue()))
    order = [b"IHDR", b"IDAT", b"eXIf", b"IEND"]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunks[name] for name in order)
    assert Photo(data, 1).facts().orientation == 6
    assert Photo(data, 1).picture(1600).height == 40


def chunks_of(png: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big") + 12
        found.append((png[at + 4 : at + 8], png[at : at + size]))
        at += size
    return found


def test_text_in_a_png_does_not_count() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a lovely day")
    assert hash_of(saved(scene(), "PNG", pnginfo=info)) == hash_of(saved(scene(), "PNG"))


def test_a_second_picture_in_a_jpeg_counts() -> None:
    one = saved(scene(), "MPO", save_all=True, append_images=[scene(2)])
    other = saved(scene(), "MPO", save_all=True, append_images=[scene(3)])
    assert hash_of(one) != hash_of(other)


def test_comments_colour_profiles_and_thumbnails_of_a_jpeg_do_not_count() -> None:
    plain = saved(scene(), "JPEG")
    assert hash_of(saved(scene(), "JPEG", comment=b"hello")) == hash_of(plain)
    assert hash_of(saved(scene(), "JPEG", icc_profile=b"profile" * 20_000)) == hash_of(plain)
    assert hash_of(saved(scene(), "JPEG", quality=40)) != hash_of(plain)


@given(st.binary(max_size=200), st.data())
def test_whatever_a_jpeg_looks_like_it_has_a_hash(noise: bytes, data: st.DataObject) -> None:
    good = saved(scene(), "JPEG", comment=b"hello", exif=tags(6))
    at = data.draw(st.integers(0, len(good)))
    bad = good[:at] + noise + good[at + len(noise) :]
    assert len(picture_hash(bad)) == 16
    assert picture_hash(bad) == picture_hash(bad)
    assert len(picture_hash(noise)) == 16


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_change_of_the_pixels_of_a_jpeg_changes_its_hash(
    noise: bytes, data: st.DataObject
) -> None:
    good = saved(scene(), "JPEG")
    start = good.index(b"\xff\xda")
    at = data.draw(st.integers(start, len(good) - 1))
    bad = good[:at] + noise + good[at + len(noise) :]
    assert (picture_hash(bad) == picture_hash(good)) == (bad == good)
