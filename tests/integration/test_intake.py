"""Real folders and real inotify; the clock is invented."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd.config import load
from facewatchd.errors import RootError
from facewatchd.model import FileStat, FileState
from facewatchd.pipeline import intake
from facewatchd.pipeline.intake import MANY, Intake
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.walker import Walked
from facewatchd.scan import Listing, Unreadable
from facewatchd.settle import QUIET, QUIET_COMPLETE
from facewatchd.store import Store
from tests.support.library import ENGINE, InventedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 30.0
YEAR = 31_536_000


class House:
    """A root with an Intake over it."""

    def __init__(self, folder: Path, *ignore: str) -> None:
        self.root = folder / "photos"
        self.root.mkdir(exist_ok=True)
        settings = load(
            None,
            {
                "roots": [{"path": self.root, "ignore": ignore}],
                "output": self.root / "people",
                "state": folder / "state",
            },
        )
        self.store = Store(folder / "store.db", ENGINE)
        self.clock = InventedClock()
        self.news = threading.Event()
        publishing = Publishing(settings, self.store, self.clock)
        self.intake = Intake(settings, self.store, publishing, self.clock, self.news.set)

    def close(self) -> None:
        self.intake.close()
        self.store.close()

    def write(self, name: str, *, age: float = YEAR) -> bytes:
        """Write a file that looks as if it had been written ``age`` seconds ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        then = self.clock.time() - age
        os.utime(path, (then, then))
        return bytes(path)

    def step(self) -> None:
        """Let the walker and inotify come to an end, and take in what they say."""
        while self.intake._walker.busy:
            assert self.news.wait(PATIENCE)
            self.news.clear()
            self.intake.step()

    def settle(self, path: bytes, seconds: float) -> None:
        """Wait for the hint about ``path``, let it rest, and take in what is there."""
        while path not in self.intake._settling._paths:
            assert self.news.wait(PATIENCE), f"no hint about {path!r}"
            self.news.clear()
            self.intake.step()
        while path in self.intake._settling._paths:
            self.clock.now += seconds
            self.intake.step()
        self.step()
        self.intake.step()

    def known(self) -> set[str]:
        prefix = bytes(self.root) + b"/"
        files = self.store.files.at_or_below(bytes(self.root))
        return {os.fsdecode(file.stat.path.removeprefix(prefix)) for file in files}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path, "private/")) as made:
        yield made


def start(house: House) -> None:
    house.intake.start()
    house.step()


def test_what_is_there_at_the_start_is_pending(house: House) -> None:
    house.write("a.jpg")
    house.write("b/c.png")
    house.write("film.mp4")
    house.write("private/d.jpg")
    start(house)
    assert house.known() == {"a.jpg", "b/c.png", "film.mp4"}
    assert house.store.files.counts()[FileState.PENDING] == 2
    assert [(root.state, root.reason) for root in house.intake.roots] == [("watched", None)]


def test_a_file_written_just_now_rests_first(house: House) -> None:
    path = house.write("a.jpg", age=1.0)
    start(house)
    assert house.known() == set()
    assert house.intake.busy
    house.settle(path, QUIET)
    assert house.known() == {"a.jpg"}


def test_a_file_that_arrives_is_pending_once_it_has_settled(house: House) -> None:
    start(house)
    house.settle(house.write("a.jpg"), QUIET)
    assert house.known() == {"a.jpg"}


def test_a_folder_that_arrives_is_walked(house: House) -> None:
    start(house)
    house.write("new/deep/a.jpg")
    house.settle(bytes(house.root / "new"), QUIET_COMPLETE)
    assert house.known() == {"new/deep/a.jpg"}


def test_a_deleted_file_is_forgotten(house: House) -> None:
    path = house.write("a.jpg")
    start(house)
    os.unlink(path)
    house.settle(path, QUIET_COMPLETE)
    assert house.known() == set()


def test_a_folder_that_appears_in_an_ignored_one_stays_ignored(house: House) -> None:
    start(house)
    (house.root / "private").mkdir()
    house.settle(bytes(house.root / "private"), QUIET_COMPLETE)
    house.write("private/a.jpg")
    house.settle(house.write("b.jpg"), QUIET)
    assert house.known() == {"b.jpg"}


def test_what_is_made_in_the_output_gives_no_work(house: House) -> None:
    start(house)
    house.write("people/person_0001/a.jpg")
    path = house.write("b.jpg")
    house.settle(path, QUIET)
    assert house.known() == {"b.jpg"}
    assert not [p for p in house.intake._settling._paths if b"/people" in p]


def test_a_stop_file_takes_its_folder_out(house: House) -> None:
    house.write("trip/a.jpg")
    house.write("trip/deep/b.jpg")
    house.write("c.jpg")
    start(house)
    stop = house.write("trip/.nomedia")
    house.settle(stop, QUIET)
    assert house.known() == {"c.jpg"}


def test_an_empty_root_that_held_many_photos_is_an_unmounted_disk(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    names = {f"{number}.jpg" for number in range(MANY)}
    for name in names:
        house.write(name)
    start(house)
    shutil.move(house.root, house.root.with_name("elsewhere"))
    house.root.mkdir()
    house.intake.scan()
    house.step()
    assert house.known() == names
    (root,) = house.intake.roots
    assert root.state == "unreadable"
    assert "Is its disk mounted?" in str(root.reason)
    assert "Is its disk mounted?" in caplog.text
    house.root.rmdir()
    shutil.move(house.root.with_name("elsewhere"), house.root)
    house.intake.look_for_roots()
    house.step()
    assert (root.state, root.reason) == ("watched", None)
    assert house.known() == names


def test_a_root_that_goes_keeps_what_is_known_of_it(house: House) -> None:
    house.write("a.jpg")
    start(house)
    house.root.rename(house.root.with_name("elsewhere"))
    house.intake._gone.add(bytes(house.root))
    house.intake.step()
    assert house.known() == {"a.jpg"}
    assert house.intake.roots[0].state == "unreadable"
    house.root.with_name("elsewhere").rename(house.root)
    house.intake.look_for_roots()
    house.step()
    path = house.write("b.jpg")
    house.settle(path, QUIET)
    assert house.known() == {"a.jpg", "b.jpg"}


def test_a_file_that_came_after_the_walk_had_passed_is_not_taken_for_gone(house: House) -> None:
    path = house.write("a/b.jpg")
    start(house)
    with house.store.transaction():
        house.intake._enter(Listing(os.path.dirname(path), []))
        house.intake._end_walk(Walked(bytes(house.root), frozenset(), ()))
    assert house.known() == {"a/b.jpg"}


def test_a_file_that_cannot_be_looked_at_is_neither_taken_in_nor_removed(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = house.write("known.jpg")
    start(house)

    def refuse(path: bytes) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(intake, "look", refuse)
    new = house.write("new.jpg")
    house.settle(new, QUIET_COMPLETE)
    with house.store.transaction():
        house.intake._end_walk(Walked(bytes(house.root), frozenset(), ()))
    assert house.known() == {"known.jpg"}
    assert "new.jpg' is left to the next scan: Permission denied" in caplog.text
    assert os.fsdecode(known) in caplog.text
    monkeypatch.undo()
    house.intake.scan()
    house.step()
    assert house.known() == {"known.jpg", "new.jpg"}


def test_what_lies_in_a_folder_that_cannot_be_listed_is_kept(house: House) -> None:
    house.write("a.jpg")
    locked = house.write("locked/deep/b.jpg")
    start(house)
    shutil.rmtree(house.root / "locked")
    folder = bytes(house.root / "locked")
    refused = (Unreadable(folder, "Permission denied"),)
    with house.store.transaction():
        house.intake._end_walk(Walked(bytes(house.root), frozenset({bytes(house.root)}), refused))
    assert house.store.files.at(locked) is not None
    (root,) = house.intake.roots
    assert root.state == "watched"
    assert root.reason == f"{os.fsdecode(folder)}: Permission denied"


def test_a_renamed_folder_is_not_read_again(house: House) -> None:
    path = house.write("a/b.jpg")
    start(house)
    known = house.store.files.at(path)
    assert known is not None
    photo = house.store._db.execute(
        "INSERT INTO photos (hash, width, height, captured, captured_source)"
        " VALUES (x'00', 1, 1, 0, 'file') RETURNING id"
    ).fetchone()[0]
    house.store.files.done(known.id, photo)
    (house.root / "a").rename(house.root / "z")
    house.settle(bytes(house.root / "z"), QUIET_COMPLETE)
    moved = house.store.files.at(bytes(house.root / "z" / "b.jpg"))
    assert moved is not None
    assert (moved.state, moved.photo) == (FileState.DONE, photo)
    assert house.store.faces.missing_before(1e12) == []


def test_a_folder_that_is_no_root_any_more_is_left(tmp_path: Path) -> None:
    with closing(House(tmp_path)) as house:
        house.write("a.jpg")
        start(house)
        with house.store.transaction():
            for name in (b"/former/b.jpg", b"/former/deep/c.jpg", bytes(house.root) + b"2/d.jpg"):
                house.store.files.put(FileStat(name, 1, 1, 1), FileState.PENDING, 0.0)
    with closing(House(tmp_path)) as house:
        start(house)
        assert house.known() == {"a.jpg"}
        assert [file.stat.path for file in house.store.files.pending(10)] == [
            bytes(house.root / "a.jpg")
        ]


def test_without_any_root_there_is_one_error(tmp_path: Path) -> None:
    with closing(House(tmp_path)) as house:
        house.root.rmdir()
        with pytest.raises(RootError, match="No such file or directory"):
            house.intake.start()
