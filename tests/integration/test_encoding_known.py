"""Copies and changed metadata: what is known is not encoded again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.model import (
    Box,
    CaptureDate,
    DateSource,
    Face,
    FileState,
    Hashed,
    PhotoRead,
    PhotoResult,
    Quality,
)
from facewatchd.store import Store
from tests.support.encoding import UNDATED, Bench
from tests.support.library import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "out")


def test_a_copy_is_not_encoded(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    assert bench.reading() == b"/p/a.jpg"
    bench.finish(b"same", (0.0, 0.0))
    assert bench.reading() == b"/p/b.jpg"
    assert not bench.hash(b"same")
    copy, original = bench.store.files.at(b"/p/b.jpg"), bench.store.files.at(b"/p/a.jpg")
    assert copy is not None
    assert original is not None
    assert copy.photo == original.photo
    assert bench.store.faces.count() == 1


def test_a_copy_in_any_format_is_known_before_it_is_decoded(bench: Bench) -> None:
    bench.add_file(b"a.png", captured=2.0)
    bench.add_file(b"b.png", captured=1.0)
    bench.reading()
    bench.finish(b"pixels", (0.0, 0.0), content=b"bytes", orientation=6)
    assert bench.reading() == b"/p/b.png"
    bench.pool.says(Hashed(b"bytes"))
    bench.encoding.step()
    assert bench.pool.answered[-1] is False
    assert bench.file(b"/p/b.png").photo == bench.file(b"/p/a.png").photo
    assert bench.boxes(b"/p/b.png") == bench.boxes(b"/p/a.png")


def test_a_change_of_metadata_encodes_nothing_and_keeps_the_faces(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), (5.0, 0.0))
    before = bench.store.faces.all()
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"other bytes")
    assert bench.file(b"/p/a.jpg").state is FileState.DONE
    assert bench.store.faces.all().ids.tolist() == before.ids.tolist()
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1], [1, 0, 2, 1]]
    bench.add_file(b"b.jpg")
    bench.reading()
    bench.pool.says(Hashed(b"other bytes"))
    bench.encoding.step()
    assert bench.file(b"/p/b.jpg").photo == bench.file(b"/p/a.jpg").photo


def test_a_change_of_orientation_turns_the_boxes_of_that_file_alone(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), (5.0, 0.0))
    bench.reading()
    assert not bench.hash(b"picture", b"turned", orientation=6)
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1], [1, 0, 2, 1]]
    # 9 x 7 pixels, turned to the right, are 7 x 9: the upper left corner is the upper right one.
    assert bench.boxes(b"/p/b.jpg") == [[6, 0, 7, 1], [6, 1, 7, 2]]
    assert bench.store.faces.count() == 2


def test_a_hard_link_has_the_orientation_of_its_file(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0))
    bench.reading()
    assert not bench.hash(b"picture", b"turned", orientation=6)
    linked = bench.file(b"/p/b.jpg")
    stat = replace(linked.stat, path=b"/p/c.jpg")
    bench.store.files.put(stat, FileState.DONE, 0.0, photo=linked.photo)
    assert bench.boxes(b"/p/c.jpg") == bench.boxes(b"/p/b.jpg") == [[6, 0, 7, 1]]


def test_a_photo_without_faces_is_read_anew_when_it_was_lying_on_its_side(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture")
    photo = bench.file(b"/p/a.jpg").photo
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), content=b"turned", orientation=6)
    assert bench.file(b"/p/a.jpg").photo == photo
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1]]
    assert bench.placing.new_faces == 1
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"turned back", orientation=1)
    assert bench.boxes(b"/p/a.jpg") == [[0, 6, 1, 7]]  # of 9 x 7 pixels


EXIF, CORRECTED = CaptureDate(10.0, DateSource.EXIF), CaptureDate(20.0, DateSource.EXIF)
BY_NAME, BY_FILE = CaptureDate(30.0, DateSource.NAME), CaptureDate(40.0, DateSource.FILE)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (EXIF, CORRECTED, CORRECTED),
        (BY_FILE, EXIF, EXIF),
        (BY_FILE, BY_NAME, BY_NAME),
        (EXIF, BY_NAME, EXIF),
        (EXIF, BY_FILE, EXIF),
        (UNDATED, BY_FILE, UNDATED),  # a file's time is that of the change
    ],
)
def test_the_date_follows_the_metadata_unless_they_tell_less(
    bench: Bench, before: CaptureDate, told: CaptureDate, after: CaptureDate
) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", captured=before)
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"other bytes", captured=told)
    assert bench.captured(b"/p/a.jpg") == after


def test_two_files_of_one_picture_that_are_read_at_once_become_one_photo(bench: Bench) -> None:
    """A picture that is known by its pixels may be decoded twice before either is stored."""
    for name in (b"a.png", b"b.png"):
        bench.add_file(name)
        bench.reading()
        face = Face(Box(0, 0, 1, 1), Quality(0.5, 0.5, 0.5), np.zeros(2, np.float32))
        result = PhotoResult(b"pixels", 9, 9, UNDATED, (face,))
        bench.pool.says(PhotoRead(b"bytes of " + name, result))
        bench.encoding.step()
    assert bench.file(b"/p/a.png").photo == bench.file(b"/p/b.png").photo
    assert bench.store.faces.count() == 1
