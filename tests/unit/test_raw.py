"""The JPEG in RAW files, made here as the cameras lay theirs out; exiftool finds the same."""

from __future__ import annotations

import shutil
import struct
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facewatchd.decode import Photo
from facewatchd.errors import PhotoError, UnsupportedError
from facewatchd.scan import is_picture
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TAKEN = datetime(2019, 6, 6, 7, 29, 51, tzinfo=UTC).timestamp()
WRITTEN = b"2019:06:06 07:29:51\0"
CFA, DNG_VERSION = (262, 3, 32803), (50706, 1, b"\1\4\0\0")
_TYPES = {3: "H", 4: "I", 13: "I"}


def jpeg(width: int, height: int, seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def lossless(width: int, height: int) -> bytes:
    """Return how sensor data start in a Canon RAW or a DNG: a JPEG of another process."""
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xc3" + struct.pack(">H", len(frame) + 2) + frame + bytes(5000)


class Layout:
    """A TIFF that is laid out from front to back; whoever knows an offset writes it in."""

    def __init__(self, head: bytes = b"II*\0", order: str = "<") -> None:
        self.order = order
        self.data = bytearray(head + bytes(4))

    def put(self, content: bytes) -> int:
        self.data += bytes(len(self.data) % 2)
        self.data += content
        return len(self.data) - len(content)

    def directory(
        self,
        *tags: tuple[int, int, int | bytes | Sequence[int]],
        base: int = 0,
        first: bool = False,
    ) -> int:
        """Add a directory of (tag, type, value) and return where; numbers may be several."""
        entries = b""
        for tag, kind, value in sorted(tags, key=lambda each: each[0]):
            if isinstance(value, bytes):
                count, content = len(value), value
            else:
                numbers = [value] if isinstance(value, int) else list(value)
                count = len(numbers)
                content = struct.pack(f"{self.order}{count}{_TYPES[kind]}", *numbers)
            if len(content) > 4:
                content = struct.pack(self.order + "I", self.put(content) - base)
            entries += struct.pack(self.order + "HHI", tag, kind, count) + content.ljust(4, b"\0")
        place = self.put(struct.pack(self.order + "H", len(tags)) + entries + bytes(4))
        if first:
            struct.pack_into(self.order + "I", self.data, 4, place)
        return place

    def follow(self, place: int, following: int) -> None:
        """Chain ``following`` behind the directory at ``place``."""
        (count,) = struct.unpack_from(self.order + "H", self.data, place)
        struct.pack_into(self.order + "I", self.data, place + 2 + 12 * count, following)

    def exif(self) -> tuple[int, int, int]:
        return 34665, 4, self.directory((36867, 2, WRITTEN))


SMALL, LARGE = jpeg(160, 120), jpeg(640, 480, 2)
MAKE = (271, 2, b"NIKON CORPORATION\0")


def nikon() -> bytes:
    """NEF: a small uncompressed thumbnail first, preview and sensor data in sub-directories."""
    raw = Layout(b"MM\0*", ">")
    thumbnail, preview = raw.put(bytes(160 * 120 * 3)), raw.put(LARGE)
    subs = (
        raw.directory((254, 4, 1), (259, 3, 6), (513, 4, preview), (514, 4, len(LARGE))),
        raw.directory((254, 4, 0), (256, 4, 6000), (257, 4, 4000), (259, 3, 34713), CFA),
    )
    raw.directory(
        *((254, 4, 1), (256, 4, 160), (257, 4, 120), (258, 3, (8, 8, 8)), (259, 3, 1)),
        *((262, 3, 2), MAKE, (273, 4, thumbnail), (274, 3, 8), (277, 3, 3), (278, 3, 120)),
        *((279, 4, 160 * 120 * 3), (330, 4, subs), raw.exif()),
        first=True,
    )
    return bytes(raw.data)


def canon() -> bytes:
    """CR2: a full JPEG first, a thumbnail second, lossless sensor data last in the chain."""
    raw = Layout(b"II*\0")
    raw.data += b"CR\2\0" + bytes(4)
    preview, thumbnail, sensor = raw.put(LARGE), raw.put(SMALL), raw.put(lossless(6000, 4000))
    first = raw.directory(
        *((256, 3, 640), (257, 3, 480), (259, 3, 6), (271, 2, b"Canon\0"), (273, 4, preview)),
        *((274, 3, 6), (279, 4, len(LARGE)), raw.exif()),
        first=True,
    )
    second = raw.directory((513, 4, thumbnail), (514, 4, len(SMALL)))
    last = raw.directory((259, 3, 6), (273, 4, sensor), (279, 4, len(lossless(6000, 4000))))
    raw.follow(first, second)
    raw.follow(second, last)
    return bytes(raw.data)


def adobe(*previews: bytes) -> bytes:
    """DNG: thumbnail in the first directory, sensor data and previews in sub-directories."""
    raw = Layout()
    sensor = raw.put(lossless(6000, 4000))
    subs = [raw.directory((259, 3, 7), CFA, (273, 4, sensor), (279, 4, 5000))]
    for each in previews:
        place = raw.put(each)
        subs.append(raw.directory((259, 3, 7), (262, 3, 6), (273, 4, place), (279, 4, len(each))))
    raw.directory(
        *(DNG_VERSION, (271, 2, b"Pentax\0"), (274, 3, 3), (330, 4, subs), raw.exif()), first=True
    )
    return bytes(raw.data)


def olympus() -> bytes:
    """ORF: the preview is known only to the maker note, which counts from its own start."""
    raw = Layout(b"IIRO")
    sensor = raw.put(bytes(1000))
    note = raw.put(b"OLYMPUS\0II\3\0" + bytes(2 + 12 + 4) + bytes(2 + 24 + 4))
    struct.pack_into("<HHHII", raw.data, note + 12, 1, 0x2020, 13, 1, 30)
    preview = raw.put(LARGE)
    struct.pack_into("<HHHII", raw.data, note + 30, 2, 0x101, 4, 1, preview - note)
    struct.pack_into("<HHII", raw.data, note + 44, 0x102, 4, 1, len(LARGE))
    end = preview + len(LARGE)
    entry = struct.pack("<HHHII", 2, 36867, 2, len(WRITTEN), raw.put(WRITTEN))
    exif = raw.put(entry + struct.pack("<HHIII", 37500, 7, end - note, note, 0))
    raw.directory(
        *((256, 4, 4000), (257, 4, 3000), (259, 3, 1), (271, 2, b"OLYMPUS CORPORATION\0")),
        *((273, 4, sensor), (274, 3, 6), (279, 4, 1000), (34665, 4, exif)),
        first=True,
    )
    return bytes(raw.data)


def panasonic() -> bytes:
    """RW2: a TIFF with another number in its head, and the JPEG as the value of a tag."""
    raw = Layout(b"IIU\0")
    raw.directory(
        *((46, 7, LARGE), (271, 2, b"Panasonic\0"), (274, 3, 8), (279, 4, 100), raw.exif()),
        first=True,
    )
    return bytes(raw.data)


def fujifilm() -> bytes:
    """RAF: a head of its own that tells where a whole JPEG with its own EXIF is."""
    exif = Image.Exif()
    exif[274], exif.get_ifd(34665)[36867] = 6, WRITTEN[:-1].decode()
    file = BytesIO()
    with Image.open(BytesIO(LARGE)) as image:
        image.save(file, "JPEG", exif=exif)
    head = b"FUJIFILMCCD-RAW 0201FF383501X-T3".ljust(84, b"\0")
    places = struct.pack(">IIII", 148, len(file.getvalue()), 0, 0)
    return (head + places).ljust(148, b"\0") + file.getvalue() + bytes(1000)


MADE = {
    "nef": (nikon, 8, "JpgFromRaw"),
    "cr2": (canon, 6, "PreviewImage"),
    "dng": (lambda: adobe(SMALL, LARGE, SMALL), 3, "JpgFromRaw"),
    "orf": (olympus, 6, "PreviewImage"),
    "rw2": (panasonic, 8, "JpgFromRaw"),
    "raf": (fujifilm, 6, "PreviewImage"),
}


@pytest.mark.parametrize("suffix", MADE)
def test_the_largest_jpeg_is_the_picture_turned_as_the_raw_says(suffix: str) -> None:
    make, orientation, _ = MADE[suffix]
    photo = Photo(make(), 10)
    facts = photo.facts()
    assert (facts.orientation, facts.taken) == (orientation, TAKEN)
    assert photo.is_jpeg
    picture = photo.picture(1600)
    assert (picture.width, picture.height) == ((640, 480) if orientation < 5 else (480, 640))
    assert is_picture(b"/p/a." + suffix.upper().encode())


@pytest.mark.parametrize("suffix", MADE)
def test_exiftool_finds_the_same_jpeg(suffix: str, tmp_path: Path) -> None:
    if shutil.which("exiftool") is None:
        missing("exiftool")
    make, orientation, tag = MADE[suffix]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(make())
    found = subprocess.run(
        ["exiftool", "-b", f"-{tag}", path], capture_output=True, check=True
    ).stdout
    assert Photo(found, 10).facts().hash == Photo(make(), 10).facts().hash
    told = subprocess.run(
        ["exiftool", "-n", "-s3", "-Orientation", path], capture_output=True, check=True
    ).stdout
    assert int(told) == orientation


def test_a_raw_without_a_jpeg_is_unsupported() -> None:
    with pytest.raises(UnsupportedError, match="This DNG file holds no JPEG") as error:
        Photo(adobe(), 10)
    assert error.value.kind == "DNG"
    assert error.value.remedy


def test_sensor_data_that_are_a_lossless_jpeg_are_no_picture() -> None:
    assert Photo(canon(), 10).picture(1600).width == 480


def test_a_raw_that_is_cut_short_is_truncated_and_not_a_smaller_picture() -> None:
    raw = Layout()
    raw.directory(DNG_VERSION, (513, 4, 0xABCDABCD), (514, 4, len(LARGE)), first=True)
    preview = raw.put(LARGE)
    whole = bytes(raw.data).replace(b"\xcd\xab" * 2, struct.pack("<I", preview))
    assert Photo(whole, 10).picture(1600).width == 640
    with pytest.raises(PhotoError, match=f"truncated: its preview ends at byte {len(whole):,}"):
        Photo(whole[:-1000], 10)


def test_an_ordinary_tiff_with_a_jpeg_in_it_is_no_raw() -> None:
    file = BytesIO()
    pages = [Image.new("RGB", (64, 48), "red"), Image.new("RGB", (640, 480), "blue")]
    pages[0].save(file, "TIFF", compression="jpeg", save_all=True, append_images=pages[1:])
    photo = Photo(file.getvalue(), 10)
    assert not photo.is_jpeg
    assert photo.picture(1600).width == 64


def test_directories_that_lead_in_a_circle_end() -> None:
    raw = Layout()
    first = raw.directory(DNG_VERSION, (330, 4, (8, 8)), first=True)
    raw.follow(first, first)
    with pytest.raises(UnsupportedError):
        Photo(bytes(raw.data), 10)


def test_a_real_dng_shows_its_preview(photos: Path) -> None:
    """Its first directory is a thumbnail of 256 pixels, its sensor data are JPEG tiles."""
    photo = Photo((photos / "odd" / "formats" / "canon_eos_6d.dng").read_bytes(), 10)
    picture = photo.picture(1600)
    assert (picture.width, picture.height) == (1024, 683)
    assert picture.pixels.std() > 20


def test_metadata_of_a_raw_do_not_count(photos: Path, tmp_path: Path) -> None:
    if shutil.which("exiftool") is None:
        missing("exiftool")
    path = tmp_path / "a.dng"
    shutil.copyfile(photos / "odd" / "formats" / "canon_eos_6d.dng", path)
    before = Photo(path.read_bytes(), 10).facts()
    change = ["-Orientation#=6", "-DateTimeOriginal=2001:02:03 04:05:06", "-Artist=Somebody"]
    subprocess.run(["exiftool", "-q", "-overwrite_original", *change, path], check=True)
    after = Photo(path.read_bytes(), 10).facts()
    assert after.hash == before.hash
    assert (before.orientation, after.orientation) == (1, 6)
    assert datetime.fromtimestamp(after.taken or 0, UTC).year == 2001
