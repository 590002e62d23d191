"""The store on a real SQLite file."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sqlite_utils

from facewatchd.errors import StoreError, StoreWriteError
from facewatchd.model import (
    Box,
    Candidate,
    CaptureDate,
    DateSource,
    EngineId,
    Entry,
    Face,
    File,
    FileStat,
    FileState,
    Folder,
    Link,
    Look,
    PhotoResult,
    Quality,
)
from facewatchd.store import Store, reading
from facewatchd.store.schema import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = EngineId("hog", "dlib", "1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as opened:
        yield opened


def stat(path: bytes, *, size: int = 1, inode: int = 7) -> FileStat:
    return FileStat(path, size, 10**9, inode)


def photo(content: bytes, *encodings: list[float]) -> PhotoResult:
    faces = tuple(
        Face(Box(10 * i, 0, 10 * i + 9, 9), Quality(0.5, 0.5, 0.5), np.array(values, np.float32))
        for i, values in enumerate(encodings)
    )
    return PhotoResult(content, 100, 80, CaptureDate(5.0, DateSource.EXIF), faces)


def put(store: Store, path: bytes, *, captured: float = 0.0, photo: int | None = None) -> int:
    state = FileState.PENDING if photo is None else FileState.DONE
    store.files.put(stat(path), state, captured, photo=photo)
    file = store.files.at(path)
    assert file is not None
    return file.id


def test_a_new_store_is_private_and_durable(store: Store) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(store.path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s.db", ENGINE)) as first, first.transaction():
        first.files.put(stat(b"/p/a\xff\n.jpg"), FileState.PENDING, 3.0)
    with closing(Store(tmp_path / "s.db", ENGINE)) as second:
        known = second.files.at(b"/p/a\xff\n.jpg")
        assert known is not None
        assert known.stat == stat(b"/p/a\xff\n.jpg")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Store(path, ENGINE).close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('facewatchd', '9999_future', '2031-01-01')"
        )
    with pytest.raises(StoreError, match=r"newer facewatchd.*9999_future"):
        Store(path, ENGINE)


def test_a_store_keeps_its_engine(tmp_path: Path) -> None:
    Store(tmp_path / "s.db", ENGINE).close()
    with closing(Store(tmp_path / "s.db", EngineId("mtcnn", "arcface", "2"))) as store:
        assert store.engines.current == ENGINE


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"my diary, not a database " * 100)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(path, ENGINE)
    assert path.read_bytes() == b"my diary, not a database " * 100


def test_a_failed_transaction_changes_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        put(store, b"/p/a.jpg")
        raise RuntimeError
    assert store.files.at(b"/p/a.jpg") is None


def test_a_full_disk_is_one_clear_error_and_loses_nothing(store: Store) -> None:
    with store.transaction():
        put(store, b"/p/a.jpg")
    store._db.execute("PRAGMA max_page_count = 1")  # SQLite's own full disk
    with pytest.raises(StoreWriteError, match="full"), store.transaction():
        for number in range(20_000):
            put(store, b"/p/%d.jpg" % number)
    assert [f.stat.path for f in store.files.pending(10)] == [b"/p/a.jpg"]


def test_pending_files_come_newest_first(store: Store) -> None:
    for path, captured in ((b"/p/old", 1.0), (b"/p/new", 9.0), (b"/p/mid", 5.0)):
        put(store, path, captured=captured)
    assert [f.stat.path for f in store.files.pending(2)] == [b"/p/new", b"/p/mid"]


def test_reading_dates_changes_the_order_and_is_done_once(store: Store) -> None:
    first, second = put(store, b"/p/a", captured=1.0), put(store, b"/p/b", captured=2.0)
    assert [file for file, _ in store.files.undated(10)] == [first, second]
    store.files.set_dates([first, second], {first: CaptureDate(9.0, DateSource.EXIF)})
    assert store.files.undated(10) == []
    assert [f.id for f in store.files.pending(10)] == [first, second]


def test_photos_of_the_first_version_are_known_by_their_files(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrations.apply(sqlite_utils.Database(db), stop_before="0002_identity")
        db.execute("INSERT INTO facts VALUES ('engine', 'dlib/1')")
        db.execute("INSERT INTO photos VALUES (7, x'aa', 30, 40, 5.0, 'exif', NULL)")
        db.execute(
            "INSERT INTO files (path, folder, size, mtime_ns, inode, state, captured, photo)"
            " VALUES (x'2f61', x'2f', 1, 2, 3, 'done', 5.0, 7)"
        )
        db.execute(
            "INSERT INTO faces (photo, box_left, box_top, box_right, box_bottom, quality, engine,"
            " encoding) VALUES (7, 1, 2, 3, 4, 0.5, 'dlib/1', x'')"
        )
    with closing(Store(path, ENGINE)) as store:
        assert store.photos.of_content(b"\xaa") == (7, 1)
        place = store.faces.place(1)
        assert place is not None
        assert (place.stat.path, place.is_read, place.box) == (b"/a", True, Box(1, 2, 3, 4))
        assert store.engines.current == EngineId("hog", "dlib", "1")
        assert store.faces.all().ids.tolist() == [1]
        with reading(path) as views:
            assert views.read_by_others() == 0
        with store.transaction():
            store.files.remove(1)
            store.photos.remove(7)
        assert store.photos.of_content(b"\xaa") is None


def test_files_below_closed_folders_are_passed_over(store: Store) -> None:
    for captured, path in enumerate((b"/p/a", b"/p/b", b"/pq/c", b"/q/d")):
        put(store, path, captured=captured)
    for outside, left in (
        ([], [b"/q/d", b"/pq/c", b"/p/b", b"/p/a"]),
        ([b"/p"], [b"/q/d", b"/pq/c"]),
        ([b"/q", b"/p/"], [b"/pq/c"]),
        ([b"/"], []),
    ):
        assert [file.stat.path for file in store.files.pending(10, outside)] == left
        assert [path for _, path in store.files.undated(10, outside)] == sorted(left)


def test_a_face_is_placed_in_a_file_that_is_read_and_in_its_pixels(store: Store) -> None:
    number, (face,) = store.photos.add(photo(b"h", [1]), ENGINE)
    assert store.faces.place(face) is None
    store.files.put(stat(b"/p/a", size=9), FileState.PENDING, 0.0, photo=number)
    place = store.faces.place(face)
    assert place is not None
    assert (place.stat, place.is_read) == (stat(b"/p/a", size=9), False)
    other = put(store, b"/p/b", photo=number)
    store.files.done(other, number, 3)
    place = store.faces.place(face)
    assert place is not None
    assert (place.stat.path, place.is_read, place.box) == (b"/p/b", True, Box(91, 71, 100, 80))


def test_a_doubtful_face_is_shown_in_the_pixels_of_the_file_that_is_named(store: Store) -> None:
    number, (face,) = store.photos.add(photo(b"h", [1, 0]), ENGINE)
    person, _ = person_with(store)
    store.faces.doubt(face, [Candidate(person, 0.6)])
    for path, orientation in ((b"/p/b", 1), (b"/p/a", 3)):
        store.files.done(put(store, path, photo=number), number, orientation)
    with reading(store.path) as views:
        (row,) = views.doubtful(10)
    assert (row["photo"], row["box"]) == (b"/p/a", [91, 71, 100, 80])


def test_the_second_failure_is_the_last(store: Store) -> None:
    file = put(store, b"/p/a")
    store.files.failed_once(file, "torn", tries_allowed=2)
    assert [f.tries for f in store.files.pending(10)] == [1]
    store.files.failed_once(file, "torn", tries_allowed=2)
    assert store.files.pending(10) == []
    assert store.files.retry_failed() == 1
    assert [f.tries for f in store.files.pending(10)] == [0]


def test_a_changed_file_starts_anew(store: Store) -> None:
    file = put(store, b"/p/a")
    store.files.failed_once(file, "torn", tries_allowed=1)
    store.files.put(stat(b"/p/a", size=2), FileState.PENDING, 0.0)
    assert [(f.id, f.tries, f.stat.size) for f in store.files.pending(10)] == [(file, 0, 2)]


def test_a_file_with_the_same_inode_size_and_time_is_the_same_photo(store: Store) -> None:
    number, _ = store.photos.add(photo(b"h"), ENGINE)
    put(store, b"/p/a", photo=number)
    assert store.files.same_content(stat(b"/q/b")) == number
    assert store.files.same_content(stat(b"/q/b", size=2)) is None
    assert store.files.same_content(stat(b"/q/b", inode=8)) is None


def test_files_below_a_folder_do_not_include_its_namesakes(store: Store) -> None:
    for path in (b"/p/a/x", b"/p/a/b/y", b"/p/ab/z", b"/p/a.jpg"):
        put(store, path)
    assert {f.stat.path for f in store.files.at_or_below(b"/p/a")} == {b"/p/a/x", b"/p/a/b/y"}
    assert set(store.files.folders_below(b"/p/a")) == {b"/p/a", b"/p/a/b"}


def test_a_photo_is_missing_when_its_last_file_goes_and_back_when_one_returns(
    store: Store,
) -> None:
    number, _ = store.photos.add(photo(b"h"), ENGINE)
    file = put(store, b"/p/a", photo=number)
    store.photos.set_presence(number, 100.0)
    assert store.photos.missing_before(1e9) == []
    store.files.remove(file)
    store.photos.set_presence(number, 100.0)
    store.photos.set_presence(number, 200.0)
    assert store.photos.missing_before(100.0) == []
    assert store.photos.missing_before(101.0) == [number]
    put(store, b"/p/b", photo=number)
    store.photos.set_presence(number, 300.0)
    assert store.photos.missing_before(1e9) == []


def person_with(store: Store, *faces: int) -> tuple[str, int]:
    person = store.people.create()
    look = store.people.add_look(person)
    store.people.save_look(Look(look, person, np.array([1.0, 0.0]), len(faces), 0.0))
    for face in faces:
        store.faces.give(face, look, 0.8)
    return person, look


def test_encodings_come_back_to_the_bit_in_order_of_hash_and_box(store: Store) -> None:
    second = photo(b"b", [0.1, 0.2])
    first = photo(b"a", [0.3, 0.4], [0.5, 0.6])
    for each in (second, first):
        store.photos.add(each, ENGINE)
    everything = store.faces.all()
    expected = [f.encoding for p in (first, second) for f in p.faces]
    assert everything.encodings.tobytes() == np.stack(expected).tobytes()
    assert everything.photos.tolist() == [2, 2, 1]


def test_failures_are_counted_by_the_first_words_of_their_reasons(store: Store) -> None:
    reasons = [
        "The file is truncated: 12 bytes not processed. Copy it anew from its source.",
        "The file is truncated: no end. Copy it anew from its source.",
        "It took longer than 120 seconds (limits.seconds).",
        "The picture has 300 megapixels; the limit is 250 (limits.megapixels). Raise it.",
        "The picture has 400 megapixels; the limit is 250 (limits.megapixels). Raise it.",
        "The file is empty. Copy it anew from its source.",
    ]
    with store.transaction():
        for number, reason in enumerate(reasons):
            stat = FileStat(b"/p/%d.jpg" % number, 1, 1, number)
            store.files.put(stat, FileState.PENDING, 0.0)
            known = store.files.at(stat.path)
            assert known is not None
            store.files.failed_once(known.id, reason, tries_allowed=1)
    with reading(store.path) as views:
        assert dict(views.failures()) == {
            "The file is truncated": 2,
            "It took longer than … seconds": 1,
            "The picture has … megapixels": 2,
            "The file is empty": 1,
        }


def test_an_empty_store_has_no_faces(store: Store) -> None:
    assert len(store.faces.all().ids) == 0


def test_who_is_near_a_photo_are_its_people_and_its_candidates(store: Store) -> None:
    number, (given, doubtful) = store.photos.add(photo(b"h", [1, 0], [0, 1]), ENGINE)
    person, _ = person_with(store, given)
    other, _ = person_with(store)
    store.faces.doubt(doubtful, [Candidate(other, 0.6)])
    assert store.faces.people_near(number) == {person, other}
    store.faces.give(doubtful, 2, 0.7)
    assert [c["face"] for c in _doubtful(store)] == []


def _doubtful(store: Store) -> list[dict[str, int]]:
    with reading(store.path) as views:
        return views.doubtful(10)


def test_folder_numbers_are_given_once_and_for_good(store: Store) -> None:
    people = [store.people.create() for _ in range(3)]
    assert [store.people.give_number(p) for p in people[:2]] == [1, 2]
    store.people.remove(people[1])
    assert store.people.give_number(people[2]) == 3


def test_a_doubtful_photo_is_shown_with_its_nearest_candidate_who_has_a_folder(
    store: Store,
) -> None:
    number, (face,) = store.photos.add(photo(b"h", [1, 0]), ENGINE)
    put(store, b"/p/a", photo=number)
    near, middle, far = (person_with(store)[0] for _ in range(3))
    store.faces.doubt(face, [Candidate(near, 0.66), Candidate(middle, 0.6), Candidate(far, 0.55)])
    store.people.give_number(middle)
    store.people.give_number(far)
    ((shown, path, *_),) = store.people.doubtful_photos_of(middle)
    assert (shown, path) == (b"h", b"/p/a")
    assert store.people.doubtful_photos_of(far) == []


def test_a_readers_answers_are_of_one_moment_while_the_store_is_written(store: Store) -> None:
    with reading(store.path) as views:
        before = views.counts()
        with store.transaction():
            store.photos.add(photo(b"h", [1, 0]), ENGINE)
        assert views.counts() == before
    with reading(store.path) as views:
        assert views.counts()["faces"] == 1


def test_a_full_disk_is_the_same_error_for_the_manifest(store: Store) -> None:
    store._db.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StoreWriteError, match="full"):
        for number in range(20_000):
            store.links.record(b"person_0001/%d" % number, Link(b"../../p/a.jpg"))


def test_the_manifest_keeps_what_was_made(store: Store) -> None:
    entries: dict[bytes, Entry] = {
        b"person_0001": Folder(),
        b"person_0001/a.jpg": Link(b"../../p/a.jpg"),
        b"person_0001/cover.jpg": File(b"key", b"digest"),
        b"person_00012": Folder(),
    }
    for path, entry in entries.items():
        store.links.record(path, entry)
    store.links.commit()
    assert store.links.entries() == entries
    assert set(store.links.within([b"person_0001"])) == set(entries) - {b"person_00012"}
    assert store.links.at(b"person_0001/cover.jpg") == File(b"key", b"digest")
    store.links.forget(b"person_0001/a.jpg")
    store.links.commit()
    assert store.links.at(b"person_0001/a.jpg") is None


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let every write beyond the first byte of a file fail, as on a disk that takes nothing."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_whether_a_store_takes_changes_is_found_out_by_writing_to_its_disk(store: Store) -> None:
    store.set_fact("library", "a" * 32)
    assert store.takes_changes()
    with no_file_grows():
        assert not store.takes_changes()
    assert store.takes_changes()
    assert store.fact("library") == "a" * 32
