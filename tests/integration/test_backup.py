"""Backups of a store that is written to, by the clock and on demand, and going back to one."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.batch.restore import put_back
from facewatchd.config import load
from facewatchd.errors import BackupError, StoreError
from facewatchd.journal import Journal
from facewatchd.pipeline.backups import Backups
from facewatchd.store import Store, backup
from facewatchd.store.lock import locked
from facewatchd.store.sound import held
from tests.support.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.config import Settings

DAY = 24 * 3600.0
PATIENCE = 30.0


class Rig:
    """Nightly backups of a library, by an invented clock."""

    def __init__(self, library: Library, **settings: Any) -> None:
        self.library = library
        self.folder = library.output.parent / "backups"
        given = {
            "roots": [{"path": library.photos}],
            "output": library.output,
            "state": library.settings.state,
            "backups": {"folder": self.folder, **settings},
        }
        self.settings: Settings = load(None, given)
        self.done = threading.Event()
        self.backups = Backups(self.settings, library.store, library.clock, self.done.set)

    def night(self) -> None:
        """Let a day pass, and what is begun then come to its end."""
        self.library.clock.now += DAY
        self.backups.step()
        self.finish()

    def finish(self) -> None:
        if self.backups.look().running:
            assert self.done.wait(PATIENCE)
            self.done.clear()
            self.backups.step()

    def order(self, to: Path, *, force: bool = False) -> None:
        self.backups.order(to, force=force)
        self.finish()

    def change(self) -> None:
        """Write something, later than all backups there are."""
        self.library.add((0.0, 0.0))
        late = self.library.clock.time() + 1e9
        for file in backup.written(self.library.store.path):
            os.utime(file, (late, late))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        made.photos.mkdir()
        for place in ((0.0, 0.0), (0.02, 0.0), (0.0, 0.02)):
            made.add(place)
        made.found([1, 2, 3])
        yield made


@pytest.fixture
def rig(library: Library) -> Iterator[Rig]:
    made = Rig(library, keep=2)
    yield made
    made.backups.close()


def ann(library: Library) -> str:
    person = library.person_of(1)
    assert person is not None
    return person


def test_a_backup_is_one_private_sound_file_that_a_store_opens(rig: Rig, tmp_path: Path) -> None:
    rig.library.saying.name(ann(rig.library), "Ann")
    to = tmp_path / "mine.db"
    rig.order(to)
    assert rig.backups.look().path == bytes(to)
    assert to.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("*mine*")] == ["mine.db"]
    assert list(tmp_path.glob(".*")) == []
    found = held(to)
    assert found.library == rig.library.deciding._journal.library
    assert len(found.lines) == 1
    with closing(Store(to)) as store:
        assert store.faces.count() == 3


def test_the_store_is_written_to_while_it_is_copied(library: Library, tmp_path: Path) -> None:
    """A copy is one snapshot: of what is written meanwhile it has nothing."""
    written: list[int] = []

    def write() -> bool:
        if not written:
            written.append(library.add((0.0, 0.01)))
        return False

    backup.copy(library.store.path, tmp_path / "copy.db", write)
    assert written
    with closing(Store(tmp_path / "copy.db")) as store:
        assert store.faces.count() == 3
    assert library.store.faces.count() == 4


def test_a_copy_that_is_stopped_leaves_nothing(library: Library, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(backup.StoppedError):
        backup.copy(library.store.path, tmp_path / "copy.db", lambda: True)
    assert set(tmp_path.iterdir()) == before


def test_of_a_damaged_store_no_backup_is_made(library: Library, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    backup.copy(library.store.path, damaged, lambda: False)
    good = damaged.read_bytes()
    with damaged.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(b"\xff" * 4096)
    to = tmp_path / "copy.db"
    to.write_bytes(good)
    with pytest.raises(BackupError, match=r"malformed|damaged"):
        backup.copy(damaged, to, lambda: False)
    assert to.read_bytes() == good


def test_one_is_made_each_night_if_anything_changed_and_the_oldest_go(rig: Rig) -> None:
    rig.night()
    (first,) = backup.own(rig.folder)
    assert rig.backups.look().path == bytes(first)
    for file in backup.written(rig.library.store.path):
        os.utime(file, (1, 1))
    rig.night()
    assert backup.own(rig.folder) == [first]
    for _ in range(2):
        rig.change()
        rig.night()
    kept = backup.own(rig.folder)
    assert len(kept) == 2
    assert first not in kept
    assert rig.backups.look().error is None


def test_only_files_that_are_named_so_and_of_this_library_are_removed(rig: Rig) -> None:
    rig.folder.mkdir()
    others = {
        rig.folder / "facewatchd-20010101-000000.db": b"not a store",
        rig.folder / "facewatchd-20010102-000000.db.txt": b"a note",
        rig.folder / "holiday.db": b"mine",
    }
    for path, content in others.items():
        path.write_bytes(content)
    theirs = rig.folder / "facewatchd-20010103-000000.db"
    backup.copy(rig.library.store.path, theirs, lambda: False)
    with closing(sqlite3.connect(theirs)) as db, db:
        db.execute("UPDATE facts SET value = 'theirs' WHERE name = 'library'")
    for _ in range(4):
        rig.change()
        rig.night()
    assert len(backup.own(rig.folder)) == 2 + 2
    assert theirs.exists()
    assert {path: path.read_bytes() for path in others} == others


@pytest.mark.parametrize("every", [None, 0])
def test_nightly_backups_can_be_turned_off(library: Library, every: float | None) -> None:
    rig = Rig(library, every=every)
    assert rig.backups.next_due() is None
    rig.night()
    assert not rig.folder.exists()


def test_a_folder_that_cannot_be_is_told_and_tried_again(rig: Rig) -> None:
    rig.folder.write_text("in the way")
    rig.night()
    assert "cannot be made" in (rig.backups.look().error or "")
    rig.folder.unlink()
    rig.night()
    assert rig.backups.look().error is None
    assert len(backup.own(rig.folder)) == 1


def test_a_backup_is_refused_where_it_must_not_be(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("keep me")
    (tmp_path / "way").symlink_to(rig.library.photos)
    for to in (
        rig.library.photos / "b.db",
        tmp_path / "way" / "b.db",
        rig.settings.state / "store.db",
        tmp_path / "people" / ".facewatchd" / "decisions.jsonl",
        tmp_path / "nowhere" / "b.db",
        tmp_path / "state",
        tmp_path / "note",
    ):
        with pytest.raises(BackupError):
            rig.backups.order(to, force=False)
    for to in (rig.library.photos / "b.db", rig.settings.state / "store.db"):
        with pytest.raises(BackupError):
            rig.backups.order(to, force=True)
    assert (tmp_path / "note").read_text() == "keep me"


def test_a_backup_of_this_library_is_replaced_and_anything_else_by_force(
    rig: Rig, tmp_path: Path
) -> None:
    to = tmp_path / "mine.db"
    rig.order(to)
    rig.library.add((0.0, 0.01))
    rig.order(to)
    with closing(Store(to)) as store:
        assert store.faces.count() == 4
    to.write_text("something else")
    with pytest.raises(BackupError, match="no backup of this library"):
        rig.order(to)
    rig.order(to, force=True)
    assert held(to).library is not None


# -- going back


class Shelf:
    """A backup, a state folder with a newer journal, and a copy of that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places = (folder / "state", folder / "copies")
        self.file = folder / "backup.db"
        library = Library(folder)
        for place in ((0.0, 0.0), (0.02, 0.0), (0.0, 0.02)):
            library.add(place)
        library.found([1, 2, 3])
        self.person = ann(library)
        library.saying.name(self.person, "Ann")
        backup.copy(library.store.path, self.file, lambda: False)
        library.saying.name(self.person, "Anna")
        library.close()
        (folder / "store.db").rename(folder / "state" / "store.db")

    def restore(self, *, without_newer: bool = False) -> str:
        found = held(self.file)
        told = put_back(self.file, found, *self.state_first(), without_newer=without_newer)
        return "\n".join(told)

    def state_first(self) -> tuple[Path, tuple[Path, ...]]:
        return self.places[0], self.places

    def names(self) -> list[str | None]:
        with closing(Store(self.places[0] / "store.db")) as store:
            library = store.fact("library")
            decisions = Journal(self.places, library).read(store.decisions.lines())
        return [decision.name for decision in decisions]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def test_newer_decisions_are_kept_and_the_present_state_is_set_aside(shelf: Shelf) -> None:
    before = (shelf.places[0] / "store.db").read_bytes()
    said = shelf.restore()
    assert "1 newer decision" in said
    (aside,) = shelf.places[0].glob("set-aside-*")
    assert (aside / "store.db").read_bytes() == before
    assert (aside / "decisions.jsonl").exists()
    assert len(held(shelf.places[0] / "store.db").lines) == 1
    assert shelf.names() == ["Ann", "Anna"]


def test_or_they_are_set_aside_too_in_every_place(shelf: Shelf) -> None:
    shelf.restore(without_newer=True)
    assert shelf.names() == ["Ann"]
    for place in shelf.places:
        assert "Anna" not in (place / "decisions.jsonl").read_text()
    (aside,) = shelf.places[0].glob("set-aside-*")
    for name in ("decisions.jsonl", "decisions.jsonl.1"):
        assert "Anna" in (aside / name).read_text()


def test_nothing_is_done_while_a_daemon_runs(shelf: Shelf) -> None:
    before = (shelf.places[0] / "store.db").read_bytes()
    with locked(shelf.places[0]), pytest.raises(BackupError, match="daemon works"):
        shelf.restore()
    assert (shelf.places[0] / "store.db").read_bytes() == before
    assert list(shelf.places[0].glob("set-aside-*")) == []


def test_the_backup_of_another_library_is_refused_unless_the_journal_goes_too(
    shelf: Shelf,
) -> None:
    with closing(sqlite3.connect(shelf.file)) as db, db:
        db.execute("UPDATE facts SET value = 'theirs' WHERE name = 'library'")
    with pytest.raises(BackupError, match="theirs"):
        shelf.restore()
    shelf.restore(without_newer=True)
    assert shelf.names() == ["Ann"]


def test_what_is_no_whole_store_of_ours_is_no_backup(shelf: Shelf, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.write_text("text")
    for match in ("is no store", "something else"):
        with pytest.raises(StoreError, match=match):
            held(other)
        other.unlink(missing_ok=True)
        with closing(sqlite3.connect(other)) as db:
            db.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreError, match="cannot be read"):
        held(tmp_path / "nowhere.db")
    with closing(sqlite3.connect(shelf.file)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('facewatchd', '9999_future', '2031-01-01')"
        )
    with pytest.raises(StoreError, match="newer facewatchd"):
        held(shelf.file)


def test_a_store_that_was_copied_while_in_use_is_refused(library: Library, tmp_path: Path) -> None:
    library.add((0.0, 0.01))
    for part in ("", "-wal"):
        source = library.store.path.with_name(f"store.db{part}")
        (tmp_path / f"raw.db{part}").write_bytes(source.read_bytes())
    with pytest.raises(StoreError, match=r"not complete without raw\.db-wal"):
        held(tmp_path / "raw.db")


def test_nothing_is_copied_in_the_first_hour(rig: Rig) -> None:
    rig.library.clock.now += 3500
    rig.backups.step()
    assert not rig.backups.look().running
    rig.library.clock.now += 200
    rig.backups.step()
    rig.finish()
    assert len(backup.own(rig.folder)) == 1
