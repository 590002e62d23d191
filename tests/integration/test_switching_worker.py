"""Workers that read by two engines, and a pool whose workers change."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import blake2b
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from facewatchd.decode import HASH_SIZE
from facewatchd.errors import LoadError
from facewatchd.model import (
    FileStat,
    Hashed,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoReadAgain,
    ReadAgain,
    ReadPhoto,
    Setup,
    WorkerSettings,
)
from facewatchd.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.model import Answer, Task

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
ONE = WorkerSettings("hog", "dlib", Setup(), megapixels=250, file_mb=500, memory_mb=2048)
BOTH = replace(ONE, second=("hog", "tiny"))
PATIENCE = 60.0


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))  # workers find the plugins there
    made = Pool(1, BOTH, PATIENCE)
    yield made
    made.close()


@pytest.fixture
def stat(photos: Path) -> FileStat:
    path = photos / "bbt" / "bbt1.jpg"
    return FileStat.of(bytes(path), path.stat())


def finish(pool: Pool, task: Task) -> Answer:
    """Have ``task`` done, to its end."""
    pool.submit(task, time.monotonic())
    while True:
        assert wait(pool.connections(), PATIENCE), "no answer"
        for _, answer in pool.step(time.monotonic()):
            if not isinstance(answer, Hashed):
                return answer
            pool.answer(task, encode=True)


def test_a_new_photo_is_read_by_both_engines_at_once(pool: Pool, stat: FileStat) -> None:
    answer = finish(pool, ReadPhoto(1, stat))
    assert isinstance(answer, PhotoRead)
    first, second = answer.result.faces, answer.second
    assert second is not None
    assert [face.box for face in second] == [face.box for face in first]
    assert {face.encoding.shape for face in first} == {(128,)}
    assert {face.encoding.shape for face in second} == {(64,)}


def test_a_photo_that_failed_before_is_read_by_the_librarys_engine_alone(
    pool: Pool, stat: FileStat
) -> None:
    answer = finish(pool, ReadPhoto(1, stat, alone=True))
    assert isinstance(answer, PhotoRead)
    assert answer.second is None
    assert {face.encoding.shape for face in answer.result.faces} == {(128,)}


def test_a_known_photo_is_read_again_by_the_last_engine(pool: Pool, stat: FileStat) -> None:
    new = finish(pool, ReadPhoto(1, stat))
    assert isinstance(new, PhotoRead)
    again = finish(pool, ReadAgain(1, new.result.hash, 1, stat))
    assert isinstance(again, PhotoReadAgain)
    assert new.second is not None
    assert [face.encoding.tolist() for face in again.result.faces] == [
        face.encoding.tolist() for face in new.second
    ]


def test_an_unchanged_file_with_another_picture_is_a_failed_try(pool: Pool, stat: FileStat) -> None:
    answer = finish(pool, ReadAgain(1, b"another", 1, stat))
    assert isinstance(answer, PhotoFailed)
    assert "does not show the picture" in answer.reason
    touched = replace(stat, mtime_ns=stat.mtime_ns + 1)
    assert isinstance(finish(pool, ReadAgain(1, b"another", 1, touched)), PhotoChanged)


def test_a_photo_that_an_older_store_knows_by_its_file_is_read_again(
    pool: Pool, photos: Path, tmp_path: Path
) -> None:
    path = tmp_path / "turned.jpg"
    with Image.open(photos / "bbt" / "bbt1.jpg") as picture:
        exif = picture.getexif()
        exif[0x0112] = 6  # Orientation
        picture.rotate(90, expand=True).save(path, quality=95, exif=exif)
    content = blake2b(path.read_bytes(), digest_size=HASH_SIZE).digest()
    stat = FileStat.of(bytes(path), path.stat())
    answer = finish(pool, ReadAgain(1, content, 1, stat))
    assert isinstance(answer, PhotoReadAgain)
    assert answer.result.faces
    assert answer.result.hash == content
    assert answer.result.orientation == 1, "its boxes are those of the upright file"


def test_a_pool_that_starts_anew_gives_back_what_was_under_way(pool: Pool, stat: FileStat) -> None:
    task = ReadPhoto(1, stat)
    pool.submit(task, time.monotonic())
    assert pool.restart(ONE, time.monotonic()) == [task]
    assert pool.free == 1
    answer = finish(pool, task)
    assert isinstance(answer, PhotoRead)
    assert answer.second is None


def test_what_a_worker_without_weights_was_given_is_given_back(pool: Pool, stat: FileStat) -> None:
    task = ReadPhoto(1, stat)
    pool.restart(replace(ONE, second=("hog", "brittle")), time.monotonic())
    with pytest.raises(LoadError, match="weights of 'brittle'"):
        finish(pool, task)
    assert pool.restart(ONE, time.monotonic()) == [task]
    assert isinstance(finish(pool, task), PhotoRead)
