"""Formats that photos really come in, through a real worker, within the default limits."""

from __future__ import annotations

import os
import time
from io import BytesIO
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from PIL import ExifTags, Image

from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.decode import Photo
from facewatchd.model import (
    Answer,
    FileStat,
    Hashed,
    PhotoFailed,
    PhotoRead,
    PhotoResult,
    PhotoUnsupported,
    ReadPhoto,
    Setup,
    WorkerSettings,
)
from facewatchd.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTINGS = WorkerSettings(
    DEFAULT_DETECTOR, DEFAULT_ENCODER, Setup(), megapixels=250, file_mb=500, memory_mb=2048
)
MIB = 1 << 20
STORED = {  # EXIF orientation -> how a camera held so stores an upright picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
BOMBS = (
    "decompression_bomb.gif",
    "decompression_bomb_extents.gif",
    "oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif",
    "png_decompression_dos.png",
)


class Reader:
    """A pool of one worker, what it takes at most, and how a file ends there."""

    def __init__(self) -> None:
        self.pool = Pool(1, SETTINGS, seconds=120)
        self.hashed: list[Hashed] = []
        self._others = set(psutil.Process().children())

    def end(self, path: Path) -> Answer:
        name = os.fsencode(path)
        task = ReadPhoto(1, FileStat.of(name, path.stat()))
        self.hashed = []
        self.pool.submit(task, time.monotonic())
        while True:
            wait(self.pool.connections(), timeout=1)
            for _, answer in self.pool.step(time.monotonic()):
                if not isinstance(answer, Hashed):
                    return answer
                self.hashed.append(answer)
                self.pool.answer(task, encode=True)

    def read(self, path: Path) -> PhotoResult:
        answer = self.end(path)
        assert isinstance(answer, PhotoRead), (path.name, answer)
        return answer.result

    def _status(self) -> str:
        own = set(psutil.Process().children()) - self._others
        (worker,) = (child for child in own if "facewatchd.worker" in child.cmdline())
        self._pid = worker.pid
        with open(f"/proc/{worker.pid}/status", encoding="ascii") as status:
            return status.read()

    def _kib(self, name: str) -> int:
        return next(int(s.split()[1]) for s in self._status().splitlines() if s.startswith(name))

    def peak(self) -> float:
        """Return how many MB the worker took at most, pages that it shares with others included."""
        return self._kib("VmHWM:") * 1024 / 1e6

    def growth(self, path: Path) -> tuple[Answer, float]:
        """Return how the file ends, and how many MiB the worker took meanwhile beyond before."""
        before = self._kib("VmRSS:")
        with open(f"/proc/{self._pid}/clear_refs", "w", encoding="ascii") as peak:
            peak.write("5")  # the peak is counted from now on
        return self.end(path), (self._kib("VmHWM:") - before) / 1024


@pytest.fixture(scope="module")
def reader(photos: Path) -> Iterator[Reader]:
    reader = Reader()
    reader.read(photos / "lfw" / "AJ_Cook_0001.jpg")  # everything is loaded now
    yield reader
    reader.pool.close()


@pytest.fixture(scope="module")
def odd(photos: Path) -> Path:
    return photos / "odd"


def portrait(odd: Path) -> Image.Image:
    with Image.open(odd / "regions" / "portrait.jpg") as image:
        return image.convert("RGB")


def saved(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_face_is_the_same_in_all_orientations(
    reader: Reader, odd: Path, tmp_path: Path, suffix: str
) -> None:
    first = reader.read(saved(portrait(odd), tmp_path / f"1.{suffix}", quality=95))
    assert len(first.faces) == 1
    for orientation, turn in STORED.items():
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        stored = portrait(odd).transpose(turn)
        path = saved(stored, tmp_path / f"{orientation}.{suffix}", exif=exif, quality=95)
        found = reader.read(path)
        assert (found.width, found.height) == (first.width, first.height) == (840, 700)
        assert found.orientation == orientation
        (face,), (expected,) = found.faces, first.faces
        tolerance, distance = (0, 1e-6) if suffix == "png" else (16, 0.2)
        assert np.abs(np.array(face.box) - expected.box).max() <= tolerance
        assert np.linalg.norm(face.encoding - expected.encoding) <= distance


def test_all_orientations_look_the_same(odd: Path) -> None:
    paths = [odd / "orientation" / f"Portrait_{n}.jpg" for n in range(1, 9)]
    pictures = [Photo(path.read_bytes(), 250).picture(1600) for path in paths]
    for picture in pictures:
        assert (picture.width, picture.height) == (1200, 1800)
        assert np.abs(picture.pixels.astype(int) - pictures[0].pixels.astype(int)).mean() < 3


SIZES = {
    "formats/16bit.MM.deflate.tif": (64, 64),
    "formats/canon_eos_6d.dng": (1024, 683),
    "formats/hopper.avif": (128, 128),
    "formats/hopper.bmp": (128, 128),
    "formats/hopper.gif": (128, 128),
    "formats/hopper.webp": (128, 128),
    "formats/iss634.webp": (245, 245),  # animated
    "formats/pil_sample_cmyk.jpg": (100, 100),
    "formats/rot1mir0.avif": (640, 427),  # turned by a property of the format
    "formats/star.avifs": (159, 159),  # a sequence
    "formats/sugarshack.mpo": (640, 480),
    "formats/this-is-a-jpeg.png": (240, 180),
    "formats/wrong.heic": (500, 500),
    "formats/xmp_tags_orientation.avif": (326, 268),
    "heif/L_8__128x128.heif": (128, 128),
    "heif/RGBA_8__128x128.heif": (128, 128),
    "heif/RGB_10__128x128.heif": (128, 128),
    "heif/arrow.heic": (3024, 4032),
    "heif/pug.heic": (4032, 3024),
    "regions/portrait-orientation-6.jpg": (840, 700),
}


@pytest.mark.parametrize("name", SIZES)
def test_every_format_is_read_and_known(reader: Reader, odd: Path, name: str) -> None:
    found = reader.read(odd / name)
    assert (found.width, found.height) == SIZES[name]
    *before, last = reader.hashed
    assert last.identity is not None
    assert last.identity.hash == found.hash
    # What is no JPEG is asked about by its bytes before it is decoded, and again afterwards.
    is_jpeg = (odd / name).read_bytes().startswith(b"\xff\xd8") or name.endswith(".dng")
    assert [each.identity for each in before] == ([] if is_jpeg else [None])
    assert {each.content for each in reader.hashed} == {last.content}


def test_the_same_face_is_found_in_every_format(reader: Reader, odd: Path) -> None:
    hopper = [odd / "formats" / f"hopper.{suffix}" for suffix in ("avif", "bmp", "gif", "webp")]
    first, *others = (reader.read(path) for path in hopper)
    for found in others:
        (face,), (expected,) = found.faces, first.faces
        assert np.abs(np.array(face.box) - expected.box).max() <= 12
        assert np.linalg.norm(face.encoding - expected.encoding) < 0.35


def test_200_megapixels_are_read_within_the_limits(
    reader: Reader, odd: Path, measured: Callable[[str], None]
) -> None:
    began = time.monotonic()
    answer, mib = reader.growth(odd / "heif" / "200MP.heic")
    seconds = time.monotonic() - began
    measured(f"A HEIC of 200 megapixels: {seconds:.1f} s, {mib:,.0f} MiB more at the peak.")
    assert isinstance(answer, PhotoRead), answer
    assert (answer.result.width, answer.result.height) == (12240, 16320)
    assert mib < SETTINGS.memory_mb


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_unpacks(
    reader: Reader, odd: Path, name: str, measured: Callable[[str], None]
) -> None:
    answer, mib = reader.growth(odd / "broken" / name)
    measured(f"{name}: refused, {max(mib, 0):,.0f} MiB more at the peak.")
    assert isinstance(answer, PhotoFailed), answer
    assert mib < 20


def test_a_raw_file_without_a_jpeg_is_unsupported(reader: Reader, tmp_path: Path) -> None:
    entries = b"\x12\xc6\1\0\4\0\0\0\1\4\0\0"  # one tag: DNGVersion 1.4
    path = tmp_path / "a.dng"
    path.write_bytes(b"II*\0\x08\0\0\0\1\0" + entries + bytes(4))
    answer = reader.end(path)
    assert isinstance(answer, PhotoUnsupported)
    assert (answer.kind, answer.reason[:26]) == ("DNG", "This DNG file holds no JPE")


def test_other_metadata_are_another_content_of_the_same_picture(
    reader: Reader, odd: Path, tmp_path: Path
) -> None:
    seen = []
    for number, orientation in enumerate((1, 6)):
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        file = BytesIO()
        portrait(odd).save(file, "WEBP", lossless=True, exif=exif)
        path = tmp_path / f"{number}.webp"
        path.write_bytes(file.getvalue())
        reader.read(path)
        seen.append(reader.hashed[-1])
    one, other = seen
    assert one.content != other.content
    assert one.identity is not None
    assert other.identity is not None
    assert one.identity.hash == other.identity.hash
    assert (one.identity.orientation, other.identity.orientation) == (1, 6)


def grey(image: Image.Image, path: Path) -> Path:
    return saved(image.convert("L"), path.with_suffix(".png"))


def cmyk(image: Image.Image, path: Path) -> Path:
    return saved(image.convert("CMYK"), path.with_suffix(".tif"))


def sixteen_bits(image: Image.Image, path: Path) -> Path:
    values = np.asarray(image.convert("L"), np.uint16) * 257
    return saved(Image.fromarray(values), path.with_suffix(".png"))


def with_alpha(image: Image.Image, path: Path) -> Path:
    return saved(image.convert("RGBA"), path.with_suffix(".png"))


def with_a_palette(image: Image.Image, path: Path) -> Path:
    return saved(image.convert("P", palette=Image.Palette.ADAPTIVE), path.with_suffix(".gif"))


def animated(image: Image.Image, path: Path) -> Path:
    black = [Image.new("RGB", image.size)]
    return saved(
        image, path.with_suffix(".webp"), save_all=True, append_images=black, lossless=True
    )


def of_two_pictures(image: Image.Image, path: Path) -> Path:
    black = [Image.new("RGB", image.size)]
    return saved(image, path.with_suffix(".mpo"), save_all=True, append_images=black, quality=95)


@pytest.mark.parametrize(
    "stored",
    [grey, cmyk, sixteen_bits, with_alpha, with_a_palette, animated, of_two_pictures],
)
def test_the_face_is_found_however_the_pixels_are_stored(
    reader: Reader, odd: Path, tmp_path: Path, stored: Callable[[Image.Image, Path], Path]
) -> None:
    (expected,) = reader.read(saved(portrait(odd), tmp_path / "plain.png")).faces
    (face,) = reader.read(stored(portrait(odd), tmp_path / "stored")).faces
    assert np.abs(np.array(face.box) - expected.box).max() <= 16
    assert np.linalg.norm(face.encoding - expected.encoding) <= 0.4


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 60_000), (60_000, 1), (60_000, 30)])
def test_a_picture_of_any_shape_is_read_and_shows_nobody(
    reader: Reader, tmp_path: Path, size: tuple[int, int]
) -> None:
    path = saved(Image.new("RGB", size, (90, 140, 90)), tmp_path / "plain.png")
    answer, mib = reader.growth(path)
    assert isinstance(answer, PhotoRead), answer
    assert (answer.result.width, answer.result.height, answer.result.faces) == (*size, ())
    assert mib < 150


def test_a_worker_takes_less_than_400_mb_for_photos_of_groups(
    photos: Path, measured: Callable[[str], None]
) -> None:
    reader = Reader()
    try:
        for path in sorted((photos / "groups").glob("*.jpg")):
            assert len(reader.read(path).faces) >= 20
        megabytes = reader.peak()
    finally:
        reader.pool.close()
    measured(f"A worker took {megabytes:.0f} MB at the peak, shared pages included.")
    assert 100 < megabytes < 400


def test_a_thousand_faces_in_one_photo_are_all_encoded(
    reader: Reader, photos: Path, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    with Image.open(photos / "lfw" / "AJ_Cook_0001.jpg") as image:
        face = image.convert("RGB").crop((55, 55, 195, 195)).resize((45, 45))
    mosaic = Image.new("RGB", (35 * 45, 30 * 45))
    for number in range(35 * 30):
        mosaic.paste(face, (45 * (number % 35), 45 * (number // 35)))
    answer, mib = reader.growth(saved(mosaic, tmp_path / "mosaic.png"))
    assert isinstance(answer, PhotoRead), answer
    encodings = np.array([each.encoding for each in answer.result.faces])
    measured(
        f"A photo of 1,050 faces: {len(encodings)} are found, {mib:,.0f} MiB more at the peak."
    )
    assert 1000 <= len(encodings) <= 1060
    assert np.isfinite(encodings).all()
    assert mib < 400
