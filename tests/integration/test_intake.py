"""Real folders, real inotify, a real scout; the clock is invented."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd import logs
from facewatchd.errors import NotFoundError, RootError
from facewatchd.model import FileStat, FileState
from facewatchd.pipeline import intake, removing
from facewatchd.pipeline.removing import MANY
from facewatchd.pipeline.roots import LOOK_AGAIN
from facewatchd.settle import QUIET, QUIET_COMPLETE
from facewatchd.watch import Hint
from tests.support.house import House

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path, "private/")) as made:
        yield made


@pytest.fixture
def polled(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path, watch="poll")) as made:
        yield made


def test_what_is_there_at_the_start_is_pending(house: House) -> None:
    house.write("a.jpg")
    house.write("b/c.png")
    house.write("film.mp4")
    house.write("private/d.jpg")
    house.start()
    assert house.known() == {"a.jpg", "b/c.png", "film.mp4"}
    assert len(house.store.files.pending(10)) == 2
    assert (house.root.state, house.root.reason) == ("watched", None)
    assert [(rule.text, n) for rule, n in house.root.ignored] == [("private/", 1)]


def test_a_file_written_just_now_rests_first(house: House) -> None:
    path = house.write("a.jpg", age=1.0)
    house.start()
    assert house.known() == set()
    assert house.intake.busy
    house.settle(path, QUIET)
    assert house.known() == {"a.jpg"}


def test_a_file_that_arrives_is_pending_once_it_has_settled(house: House) -> None:
    house.start()
    house.settle(house.write("a.jpg"), QUIET)
    assert house.known() == {"a.jpg"}


def test_a_folder_that_arrives_is_walked(house: House) -> None:
    house.start()
    house.write("new/deep/a.jpg")
    house.settle(bytes(house.path / "new"), QUIET_COMPLETE)
    assert house.known() == {"new/deep/a.jpg"}


def test_a_deleted_file_is_forgotten(house: House) -> None:
    path = house.write("a.jpg")
    house.start()
    os.unlink(path)
    house.settle(path, QUIET_COMPLETE)
    assert house.known() == set()


def test_a_folder_that_appears_in_an_ignored_one_stays_ignored(house: House) -> None:
    house.start()
    (house.path / "private").mkdir()
    house.write("private/a.jpg")
    house.settle(house.write("b.jpg"), QUIET)
    assert house.known() == {"b.jpg"}


def test_what_is_made_in_the_output_gives_no_work(house: House) -> None:
    house.start()
    inside = house.write("people/person_0001/a.jpg")
    path = house.write("b.jpg")
    while not house.intake.is_settling(path):
        house.step()
    assert not house.intake.is_settling(inside)
    house.rest(QUIET)
    assert house.known() == {"b.jpg"}


def test_a_stop_file_takes_its_folder_out_and_its_end_brings_it_back(house: House) -> None:
    house.write("trip/a.jpg")
    house.write("trip/deep/b.jpg")
    house.write("c.jpg")
    house.start()
    stop = house.write("trip/.nomedia")
    house.settle(stop, QUIET)
    assert house.known() == {"c.jpg"}
    os.unlink(stop)
    house.settle(stop, QUIET)
    assert house.known() == {"trip/a.jpg", "trip/deep/b.jpg", "c.jpg"}


def test_a_tree_that_a_facewatchd_makes_is_left_out_from_its_first_entry_on(house: House) -> None:
    house.write("c.jpg")
    house.start()
    mark = house.path / "theirs" / ".facewatchd"
    house.write("theirs/person_0001/cover.jpg")
    house.write("theirs/.facewatchd/made.jsonl")
    house.settle(bytes(mark.parent), QUIET_COMPLETE)
    house.write("theirs/person_0002/cover.jpg")
    house.settle(house.write("d.jpg"), QUIET)
    assert house.known() == {"c.jpg", "d.jpg"}
    (mark / "made.jsonl").unlink()
    mark.rmdir()
    house.settle(bytes(mark), QUIET_COMPLETE)
    assert len(house.known()) == 4


def test_a_walk_over_what_is_known_changes_nothing(house: House) -> None:
    for number in range(5):
        house.write(f"{number}/a.jpg")
    house.start()
    before = house.store._db.total_changes
    house.scan()
    assert house.store._db.total_changes == before


class TestAnOfflineRoot:
    def test_on_another_disk_at_the_start_waits_for_the_user(self, tmp_path: Path) -> None:
        with closing(House(tmp_path)) as house:
            house.write("a.jpg")
            house.start()
            with house.store.transaction():
                house.store._db.execute("UPDATE places SET identity = 'UUID=another /'")
        with closing(House(tmp_path)) as house:
            house.start()
            house.intake.check()
            assert house.root.state == "offline"
            house.intake.accept(bytes(house.path))
            house.work()
            assert house.root.state == "watched"

    def test_whose_marker_goes_with_its_photos_keeps_them(self, house: House) -> None:
        path = house.write("trip/a.jpg")
        marker = house.path / ".stfolder"
        marker.mkdir()
        house.start()
        house.read_all()
        marker.rmdir()
        os.unlink(path)
        while house.root.state != "offline":
            house.step()
        house.rest(QUIET_COMPLETE)
        assert house.known() == {"trip/a.jpg"}

    def test_that_was_lost_during_a_walk_is_not_judged_by_that_walk(self, house: House) -> None:
        path = house.write("trip/a.jpg")
        house.start()
        house.read_all()
        known = house.store.files.at(path)
        assert known is not None
        house.intake.roots.walk_all()
        house.intake.step()
        house.intake._removing.note(house.root, [known])  # as a walk over a vanishing disk saw it
        house.intake.roots.stuck(bytes(house.path))
        while house.root.state == "offline":
            house.clock.now += LOOK_AGAIN
            house.intake.step()
            house.work()
        assert house.root.vanished == 0
        assert house.known() == {"trip/a.jpg"}

    def test_that_waits_for_the_user_believes_no_further_deletion(self, house: House) -> None:
        paths = [house.write(f"{number}.jpg") for number in range(2 * MANY)]
        house.start()
        house.read_all()
        for path in paths[:MANY]:
            os.unlink(path)
        house.scan()
        assert house.root.vanished == MANY
        house.rest(QUIET_COMPLETE)
        house.clock.now += 61
        os.unlink(paths[-1])
        house.settle(paths[-1], QUIET_COMPLETE)
        assert len(house.known()) == 2 * MANY

    def test_of_which_half_vanishes_when_it_has_fifty(self, house: House) -> None:
        paths = [house.write(f"{number}.jpg") for number in range(MANY)]
        house.start()
        house.read_all()
        for path in paths[: MANY // 2]:
            os.unlink(path)
        house.settle(paths[MANY // 2 - 1], QUIET_COMPLETE)
        assert len(house.known()) == MANY
        assert house.root.vanished == MANY // 2

    def test_that_is_moved_away_keeps_what_is_known_of_it(self, house: House) -> None:
        house.write("a.jpg")
        house.start()
        house.read_all()
        elsewhere = house.path.with_name("elsewhere")
        house.path.rename(elsewhere)
        while house.root.state != "offline":
            house.step()
        assert house.known() == {"a.jpg"}
        elsewhere.rename(house.path)
        house.write("b.jpg")
        house.scan()
        house.rest(QUIET)
        assert house.root.state == "watched"
        assert house.known() == {"a.jpg", "b.jpg"}
        path = house.write("c.jpg")
        house.settle(path, QUIET)
        assert house.known() == {"a.jpg", "b.jpg", "c.jpg"}

    def test_that_was_made_anew_and_is_empty_waits_for_the_user(self, house: House) -> None:
        house.write("a.jpg")
        house.write("b.jpg")
        house.start()
        house.read_all()
        house.path.rename(house.path.with_name("elsewhere"))
        while house.root.state != "offline":
            house.step()
        house.path.mkdir()
        house.scan()
        assert house.root.state == "offline"
        assert "2 photos vanished at once" in str(house.root.reason)
        assert house.known() == {"a.jpg", "b.jpg"}
        assert house.missing() == 0
        house.intake.accept(bytes(house.path))
        house.work()
        assert house.known() == set()
        assert house.missing() == 2
        assert (house.root.state, house.root.reason) == ("watched", None)

    def test_where_many_vanish_between_two_walks(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        names = {f"{number}.jpg" for number in range(MANY)}
        for name in names:
            house.write(name)
        house.write("stays/a.jpg")
        house.start()
        house.read_all()
        elsewhere = house.path.with_name("elsewhere")
        elsewhere.mkdir()
        for name in names:
            (house.path / name).rename(elsewhere / name)
        house.scan()
        assert house.known() == {*names, "stays/a.jpg"}
        assert (house.root.state, house.root.vanished) == ("offline", MANY)
        assert "scan --accept-deletions" in str(house.root.reason)
        assert "50 of 51 photos vanished at once" in caplog.text
        for name in names:
            (elsewhere / name).rename(house.path / name)
        house.scan()
        house.rest(QUIET)
        assert (house.root.state, house.root.reason) == ("watched", None)
        assert house.missing() == 0

    def test_where_many_are_deleted_one_after_the_other(self, house: House) -> None:
        paths = [house.write(f"{number % 7}/{number}.jpg") for number in range(2 * MANY)]
        house.start()
        house.read_all()
        for path in paths[:MANY]:
            os.unlink(path)
        house.settle(paths[MANY - 1], QUIET_COMPLETE)
        assert len(house.known()) == 2 * MANY
        assert house.root.vanished == MANY
        house.intake.accept(bytes(house.path))
        house.work()
        assert len(house.known()) == MANY

    def test_without_syncthings_marker_is_not_walked(self, house: House) -> None:
        house.write("a.jpg")
        (house.path / ".stfolder").mkdir()
        house.start()
        (house.path / ".stfolder").rmdir()
        os.unlink(house.path / "a.jpg")
        house.write("b.jpg")
        house.scan()
        assert house.root.state == "offline"
        assert ".stfolder was in it and is gone" in str(house.root.reason)
        assert house.known() == {"a.jpg"}
        (house.path / ".stfolder").mkdir()
        house.write("a.jpg")
        house.scan()
        house.rest(QUIET)
        assert house.known() == {"a.jpg", "b.jpg"}

    def test_on_another_disk_is_not_walked(self, tmp_path: Path) -> None:
        with closing(House(tmp_path)) as house:
            house.write("a.jpg")
            house.start()
            with house.store.transaction():
                house.store._db.execute("UPDATE places SET identity = 'UUID=another /'")
            os.unlink(house.path / "a.jpg")
            house.scan()
            assert "it was UUID=another /" in str(house.root.reason)
            assert house.known() == {"a.jpg"}
            house.intake.accept(bytes(house.path))
            house.work()
            assert house.known() == set()

    def test_takes_moved_photos_for_moved(self, house: House) -> None:
        for number in range(2 * MANY):
            house.write(f"old/{number}.jpg")
        house.start()
        house.read_all()
        (house.path / "old").rename(house.path / "new")
        house.scan()
        house.rest(QUIET_COMPLETE)
        assert house.known() == {f"new/{number}.jpg" for number in range(2 * MANY)}
        assert house.root.state == "watched"
        assert house.missing() == 0


def test_an_unknown_root_cannot_be_accepted(house: House) -> None:
    with pytest.raises(NotFoundError, match="is no watched root"):
        house.intake.accept(b"/elsewhere")


def test_a_file_that_cannot_be_looked_at_is_neither_taken_in_nor_removed(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = house.write("known.jpg")
    house.start()

    def refuse(path: bytes) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(intake, "look", refuse)
    monkeypatch.setattr(removing, "look", refuse)
    house.settle(house.write("new.jpg"), QUIET_COMPLETE)
    house.intake._removing.add(house.root, known)
    house.rest(QUIET)
    assert house.known() == {"known.jpg"}
    told = {record.getMessage(): record.args for record in caplog.records}
    refused = logs.error("Permission denied")
    new, known_photo = (logs.photo(bytes(house.path / name)) for name in ("new.jpg", "known.jpg"))
    assert told["a photo is left to the next scan: Permission denied"] == (new, refused)
    assert told["a photo is kept, gone or not: Permission denied"] == (known_photo, refused)
    monkeypatch.undo()
    house.scan()
    house.rest(QUIET)  # the last event of writing it may have come only now
    assert house.known() == {"known.jpg", "new.jpg"}


def test_a_renamed_folder_is_not_read_again(house: House) -> None:
    house.write("a/b.jpg")
    house.start()
    house.read_all()
    (house.path / "a").rename(house.path / "z")
    house.settle(bytes(house.path / "z"), QUIET_COMPLETE)
    moved = house.store.files.at(bytes(house.path / "z" / "b.jpg"))
    assert moved is not None
    assert moved.state is FileState.DONE
    assert house.missing() == 0


def test_a_polled_root_is_listed_again_and_again(polled: House) -> None:
    polled.write("a.jpg")
    polled.start()
    assert (polled.root.state, polled.root.reason) == ("polled", "roots.watch is poll")
    polled.write("b.jpg")
    os.unlink(polled.path / "a.jpg")
    polled.clock.now += 601
    polled.work()
    assert polled.known() == {"b.jpg"}


def test_a_folder_that_somebody_else_saw_come_is_walked_over_whatever_came_in_it(
    polled: House,
) -> None:
    polled.start()
    path = polled.write("trip/a.jpg")
    for hint in (Hint(os.path.dirname(path), complete=True), Hint(path, complete=False)):
        polled.intake.roots.hint(hint)
    polled.intake.step()
    polled.rest(QUIET)
    assert polled.known() == {"trip/a.jpg"}


def test_a_young_file_on_a_polled_root_is_looked_at_twice(polled: House) -> None:
    path = polled.write("a.jpg", age=1.0)
    polled.start()
    assert polled.known() == set()
    polled.clock.now += QUIET
    polled.write("a.jpg", age=1.0, content=b"longer than before")
    polled.work()
    assert polled.known() == set()
    polled.rest(QUIET)
    known = polled.store.files.at(path)
    assert known is not None
    assert known.stat.size == 18


def test_a_folder_that_is_no_root_any_more_is_left(tmp_path: Path) -> None:
    with closing(House(tmp_path)) as house:
        house.write("a.jpg")
        house.start()
        with house.store.transaction():
            for name in (b"/former/b.jpg", b"/former/deep/c.jpg", bytes(house.path) + b"2/d.jpg"):
                house.store.files.put(FileStat(name, 1, 1, 1), FileState.PENDING, 0.0)
    with closing(House(tmp_path)) as house:
        house.start()
        assert house.known() == {"a.jpg"}
        assert [file.stat.path for file in house.store.files.pending(10)] == [
            bytes(house.path / "a.jpg")
        ]


def test_without_any_root_there_is_one_error(tmp_path: Path) -> None:
    with closing(House(tmp_path)) as house:
        shutil.rmtree(house.path)
        house.start()
        with pytest.raises(RootError, match="No such file or directory"):
            house.intake.check()
