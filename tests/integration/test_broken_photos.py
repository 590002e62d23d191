"""Every broken file ends with a reason."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import pytest

from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.model import (
    Answer,
    FileStat,
    Hashed,
    PhotoFailed,
    ReadPhoto,
    Setup,
    WorkerSettings,
)
from facewatchd.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = WorkerSettings(
    DEFAULT_DETECTOR, DEFAULT_ENCODER, Setup(), megapixels=250, file_mb=500, memory_mb=2048
)

REASONS = {
    "broken.jpg": "The file is truncated: image file is truncated (7 bytes not processed).",
    "broken.png": "The file is damaged: it starts as PNG and cannot be read.",
    "broken_data_stream.png": "The file is damaged: unrecognized data stream contents",
    "broken_exif_dpi.jpg": "The file's EXIF is damaged",
    "corrupted.heic": "The file is damaged: it starts as HEIF or AVIF and cannot be read.",
    "corrupted.hif": "The file is damaged: it starts as HEIF or AVIF and cannot be read.",
    "crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif": "The file is damaged: decoder error -2.",
    "crash-2020-10-test.tif": "The file is damaged: ",
    "decompression_bomb.gif": "The picture has 4,365 megapixels; the limit is 250",
    "decompression_bomb_extents.gif": "The picture has 4,308 megapixels; the limit is 250",
    "empty.heic": "The file is empty.",
    "empty.jpg": "The file is empty.",
    "oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": "The file is damaged: it starts as TIFF",
    "png_decompression_dos.png": "The file is damaged: Decompressed data too large",
    "sugarshack_bad_mpo_header.jpg": "The file is damaged: the index of its further pictures",
    "sugarshack_no_data.mpo": "The file is truncated: its index (MPF) names a picture that ends",
    "truncated.heic": "The file is truncated: 1 of its 3,658 bytes are missing.",
    "truncated_app14.jpg": "The file is damaged: no JPEG segment starts at byte 21,834.",
    "truncated_end_chunk.png": "The file is truncated: Truncated File Read.",
    "truncated_exif_dpi.jpg": "The file's EXIF is damaged",
}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    pool = Pool(1, SETTINGS, seconds=120)
    yield pool
    pool.close()


def read(pool: Pool, path: Path) -> Answer:
    name, found = os.fsencode(path), path.stat()
    stat = FileStat(name, found.st_size, found.st_mtime_ns, found.st_ino)
    task = ReadPhoto(1, stat)
    pool.submit(task, time.monotonic())
    while True:
        wait(pool.connections(), timeout=1)
        for _, answer in pool.step(time.monotonic()):
            if not isinstance(answer, Hashed):
                return answer
            pool.answer(task, encode=True)


def test_every_broken_photo_fails_with_a_reason(photos: Path, pool: Pool) -> None:
    found = {}
    for path in sorted((photos / "odd" / "broken").iterdir()):
        answer = read(pool, path)
        assert isinstance(answer, PhotoFailed), (path.name, answer)
        assert answer.remedy
        found[path.name] = answer.reason
    assert found.keys() == REASONS.keys()
    wrong = {name: found[name] for name in found if not found[name].startswith(REASONS[name])}
    assert wrong == {}
