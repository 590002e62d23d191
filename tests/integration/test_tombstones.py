"""What was forgotten is never encoded again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from facewatchd.decisions import Kind, Spoken, Spot
from facewatchd.model import (
    Box,
    Detection,
    Face,
    FileStat,
    FileState,
    PhotoRead,
    PhotoReadAgain,
    PhotoResult,
    Quality,
    ReadAgain,
    ReadPhoto,
    Told,
)
from facewatchd.store import Store
from tests.support.encoding import UNDATED, Bench
from tests.support.library import ENGINE
from tests.support.pictures import noise
from tests.support.workers import NotedDetector, NotedEncoder, do

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POINTS = tuple((float(i), float(i)) for i in range(5))
ANN, BEN = Box(4, 4, 20, 20), Box(40, 10, 60, 30)
FOUND = [Detection(ANN, 0.9, POINTS), Detection(BEN, 0.9, POINTS)]
NEAR_ANN = Box(6, 5, 21, 21)


@pytest.fixture
def picture(tmp_path: Path) -> FileStat:
    path = tmp_path / "a.jpg"
    path.write_bytes(noise(1))  # 64 x 48
    return FileStat.of(bytes(path), path.stat())


def test_a_worker_encodes_no_face_where_one_was_forgotten(picture: FileStat) -> None:
    encoder = NotedEncoder()
    answer = do(ReadPhoto(1, picture), NotedDetector(FOUND), encoder, Told(never=(NEAR_ANN,)))
    assert isinstance(answer, PhotoRead)
    assert encoder.boxes == [BEN]
    assert [face.box for face in answer.result.faces] == [BEN]


def test_a_photo_that_is_read_again_leaves_out_what_was_forgotten(picture: FileStat) -> None:
    first = do(ReadPhoto(1, picture), NotedDetector(FOUND), NotedEncoder(), Told())
    assert isinstance(first, PhotoRead)
    encoder = NotedEncoder()
    task = ReadAgain(1, first.result.hash, 1, picture, Told(never=(NEAR_ANN,)))
    answer = do(task, NotedDetector(FOUND), encoder)
    assert isinstance(answer, PhotoReadAgain)
    assert encoder.boxes == [BEN]


def test_what_was_forgotten_is_left_out_of_a_file_that_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    picture = Image.new("RGB", (64, 48), "grey")
    exif = picture.getexif()
    exif[0x0112] = 6  # turned to the right: upright it is 48 x 64
    picture.save(path, exif=exif)
    stat = FileStat.of(bytes(path), path.stat())
    upright = Box(48 - 20, 4, 48 - 4, 20)  # where the upper left corner comes to lie
    encoder = NotedEncoder()
    detector = NotedDetector([Detection(upright, 0.9, POINTS), Detection(ANN, 0.9, POINTS)])
    do(ReadPhoto(1, stat), detector, encoder, Told(never=(ANN,)))
    assert encoder.boxes == [ANN], "the box is of the stored pixels"


def test_nothing_said_means_that_all_is_encoded(picture: FileStat) -> None:
    encoder = NotedEncoder()
    do(ReadPhoto(1, picture), NotedDetector(FOUND), encoder, Told())
    assert encoder.boxes == [ANN, BEN]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "out")


def forget(bench: Bench, **what: Any) -> None:
    bench.deciding.say(Kind.FORGET, **what)


def test_the_worker_is_told_what_was_forgotten_in_the_photo_that_it_hashed(bench: Bench) -> None:
    forget(bench, faces=(Spoken(Spot(b"picture", ANN)), Spoken(Spot(b"another", BEN))))
    bench.add_file(b"a.jpg")
    bench.reading()
    assert bench.hash(b"picture")
    assert bench.pool.told[-1] == Told(never=(ANN,))


def test_a_photo_that_was_forgotten_is_done_and_not_read(bench: Bench) -> None:
    forget(bench, photos=(b"picture",))
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture")
    file = bench.file(b"/p/a.jpg")
    assert (file.state, file.photo) == (FileState.DONE, None)
    assert bench.store.lacking.lying(b"picture") is None
    bench.encoding.step()
    assert bench.pool.task is None
    assert bench.encoding.idle


def test_what_is_forgotten_while_it_is_read_does_not_come_in(bench: Bench) -> None:
    for name, picture in ((b"a.jpg", b"one"), (b"b.jpg", b"two")):
        bench.add_file(name)
        bench.reading()
        assert bench.hash(picture)
        if picture == b"one":
            forget(bench, photos=(b"one",))
        else:
            forget(bench, faces=(Spoken(Spot(b"two", Box(0, 0, 2, 2))),))
        faces = tuple(
            Face(Box(i, 0, i + 2, 2), Quality(0.5, 0.5, 0.5), np.zeros(2, np.float32))
            for i in (0, 4)
        )
        result = PhotoResult(picture, 9, 7, UNDATED, faces)
        bench.pool.says(PhotoRead(b"file of " + picture, result))
        bench.encoding.step()
    assert bench.file(b"/p/a.jpg").photo is None
    assert bench.boxes(b"/p/a.jpg") == []
    assert bench.boxes(b"/p/b.jpg") == [[4, 0, 6, 2]]
