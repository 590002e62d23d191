"""A store that is gone or damaged: what is noticed, what takes its place, what is set aside."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.config import Settings, load
from facewatchd.errors import StoreDamagedError, StoreError, StoreWriteError
from facewatchd.model import FileStat, FileState
from facewatchd.pipeline.recovering import lost, recover
from facewatchd.store import Store, sound
from facewatchd.store.backup import copy
from facewatchd.store.sound import damage_errors, trouble
from tests.support.library import ENGINE, Library
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 400


def never() -> bool:
    return False


@pytest.fixture
def folders(tmp_path: Path) -> Settings:
    for name in ("photos", "people", "state"):
        (tmp_path / name).mkdir()
    return load(
        None,
        {
            "roots": [{"path": tmp_path / "photos"}],
            "output": tmp_path / "people",
            "state": tmp_path / "state",
        },
    )


def fill(path: Path, files: int = FILES) -> None:
    with closing(Store(path, ENGINE)) as store, store.transaction():
        store.set_fact("library", "ours")
        for number in range(files):
            stat = FileStat(b"/photos/%d.jpg" % number, 1, 1, number)
            store.files.put(stat, FileState.PENDING, 0.0)


def files_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM files").fetchone()[0])


def header(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    line = '{"facewatchd":"decisions","v":1,"library":"ours"}\n'
    (folder / "decisions.jsonl").write_text(line)


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def test_the_first_start_finds_nothing_lost(folders: Settings) -> None:
    recover(folders)
    assert not folders.database.exists()
    assert lost(folders.state) is None


def test_a_sound_store_stays(folders: Settings) -> None:
    fill(folders.database)
    recover(folders)
    assert files_in(folders.database) == FILES
    assert lost(folders.state) is None


def test_a_store_that_is_gone_is_missed_when_there_is_a_journal(folders: Settings) -> None:
    header(folders.output.path / ".facewatchd")
    recover(folders)
    assert "was gone" in (lost(folders.state) or "")


@pytest.mark.parametrize(
    ("at", "data"),
    [(0, b"X"), (47, b"\x09"), (18, b"\x07\x07"), (100, b"\xff" * 8), (2 * 4096, b"\xff" * 64)],
    ids=["magic", "schema format", "versions", "first page", "a page of a table"],
)
def test_damage_is_found_and_the_store_is_set_aside_unchanged(
    folders: Settings, at: int, data: bytes
) -> None:
    fill(folders.database)
    overwrite(folders.database, at, data)
    damaged = folders.database.read_bytes()
    recover(folders)
    assert not folders.database.exists()
    (aside,) = folders.state.glob("damaged-*")
    assert (aside / "store.db").read_bytes() == damaged
    assert "was damaged" in (lost(folders.state) or "")
    assert str(aside) in (lost(folders.state) or "")


def test_what_was_lost_is_told_until_its_folder_is_deleted(folders: Settings) -> None:
    fill(folders.database)
    overwrite(folders.database, 0, b"X")
    recover(folders)
    (aside,) = folders.state.glob("damaged-*")
    for file in aside.iterdir():
        file.unlink()
    aside.rmdir()
    assert lost(folders.state) is None


def test_the_newest_sound_backup_of_this_library_takes_its_place(folders: Settings) -> None:
    header(folders.state)
    folders.backup_folder.mkdir()
    for day, files in ((1, 10), (2, 20), (3, 30)):
        made = folders.state / f"made-{day}.db"
        fill(made, files)
        copy(made, folders.backup_folder / f"facewatchd-2026110{day}-030000.db", never)
    overwrite(folders.backup_folder / "facewatchd-20261103-030000.db", 4096, b"\xff" * 64)
    with closing(Store(folders.state / "made-1.db")) as other, other.transaction():
        other.set_fact("library", "theirs")
    newest = folders.backup_folder / "facewatchd-20261104-030000.db"
    copy(folders.state / "made-1.db", newest, never)
    fill(folders.database)
    overwrite(folders.database, 0, b"X")
    recover(folders)
    assert files_in(folders.database) == 20
    assert folders.database.stat().st_mode & 0o777 == 0o600
    assert "facewatchd-20261102-030000.db" in (lost(folders.state) or "")


def test_a_cut_write_ahead_log_leaves_a_sound_store_that_is_older(folders: Settings) -> None:
    fill(folders.database)
    with closing(Store(folders.database)) as store:
        for number in (1, 2, 3):
            with store.transaction():
                store.set_fact("number", str(number))
        log = folders.database.with_name("store.db-wal")
        cut = log.read_bytes()[: -4096 // 2]
        whole = folders.database.read_bytes()
    folders.database.write_bytes(whole)
    log.write_bytes(cut)
    recover(folders)
    assert lost(folders.state) is None
    with closing(Store(folders.database)) as store:
        assert store.fact("number") == "2"


def test_a_log_that_does_not_belong_to_its_store_is_found(folders: Settings) -> None:
    """Parts of the log are in the store already when it is damaged: they do not fit together."""
    fill(folders.database)
    whole = folders.database.read_bytes()
    folders.database.write_bytes(whole[: 4096 * 3] + whole[4096 : 4096 * 2] + whole[4096 * 4 :])
    recover(folders)
    assert "was damaged" in (lost(folders.state) or "")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_flipped_there_is_a_store_to_open_after_it(
    folders: Settings, data: st.DataObject
) -> None:
    for file in folders.state.glob("store.db*"):
        file.unlink()
    fill(folders.database, 50)
    size = folders.database.stat().st_size
    at = data.draw(st.integers(0, size - 1) | st.integers(0, 120))
    overwrite(folders.database, at, data.draw(st.binary(min_size=1, max_size=64)))
    if folders.database.stat().st_size > size:
        os.truncate(folders.database, size)
    recover(folders)
    with closing(Store(folders.database, ENGINE)) as store, store.transaction():
        store.set_fact("after", "it")
    assert trouble(folders.database) is None


def test_a_disk_without_room_to_open_a_store_is_no_damage_and_worth_another_try(
    folders: Settings, tmp_path: Path
) -> None:
    needs_root()
    with closing(Mounts(tmp_path)) as mounts:
        mounts.mount(folders.state, "-t", "tmpfs", "-o", "size=1m", "full")
        fill(folders.database)
        with (folders.state / "other").open("wb", buffering=0) as other, suppress(OSError):
            while other.write(b"x" * 4096):
                pass
        with pytest.raises(StoreWriteError, match="cannot be opened now"):
            trouble(folders.database)
        with pytest.raises(StoreWriteError, match="cannot be opened now"):
            Store(folders.database)
        (folders.state / "other").unlink()
        assert trouble(folders.database) is None


def test_a_disk_that_fails_is_worth_another_try_and_a_closed_file_is_not(
    folders: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folders.database)

    def fails(database: Path, _: object) -> None:
        raise OSError(number, os.strerror(number), database)

    monkeypatch.setattr(sound, "_read_through", fails)
    number = errno.EIO
    with pytest.raises(StoreWriteError, match="Input/output error"):
        trouble(folders.database)
    number = errno.EACCES
    with pytest.raises(StoreError, match="Permission denied"):
        trouble(folders.database)


def test_damage_that_is_come_upon_later_is_an_error_that_says_so(folders: Settings) -> None:
    fill(folders.database)
    with closing(Store(folders.database)) as store:
        pages = folders.database.stat().st_size // 4096
        overwrite(folders.database, 4096 * 3, b"\xff" * 4096 * (pages - 3))
        with pytest.raises(StoreDamagedError), damage_errors(folders.database):
            list(store.files.pending(1000))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        made.photos.mkdir()
        for index in range(4):
            made.add((0.01 * index, 0.0))
        made.recluster()
        made.publish()
        yield made


def forget_manifest(library: Library, folder: str = "") -> None:
    """Lose what was made in the tree, as a store that is made anew does."""
    for path in library.store.links.entries():
        if path.startswith(folder.encode()):
            library.store.links.forget(path)
    library.store.links.commit()


def test_links_of_a_lost_store_are_known_again_and_not_in_the_way(library: Library) -> None:
    made, tree = library.store.links.entries(), library.tree()
    assert made
    forget_manifest(library)
    library.publishing.start()
    assert library.store.links.entries() == made
    library.publish()
    assert library.publishing.conflicts == {}
    assert library.tree() == tree
    library.saying.hide(library.person_of(1) or "")
    library.publish()
    assert library.tree() == {}


def test_what_the_disk_does_not_show_as_recorded_stays_somebody_elses(library: Library) -> None:
    forget_manifest(library)
    link = library.output / "person_0001" / "1.jpg"
    link.unlink()
    link.symlink_to("elsewhere")
    library.publishing.start()
    library.publish()
    library.saying.hide(library.person_of(1) or "")
    library.publish()
    assert library.tree() == {"person_0001": {"1.jpg"}}
    assert os.readlink(link) == "elsewhere"


def test_a_torn_or_hostile_record_is_passed_over(library: Library) -> None:
    made = library.store.links.entries()
    outside = library.output.parent / "outside"
    outside.symlink_to("target")
    record = library.output / ".facewatchd" / "made.jsonl"
    with record.open("a") as file:
        file.write('{"path": "../outside", "link": "target"}\n[1]\n{"path": 3}\n{"path": "per')
    forget_manifest(library)
    library.publishing.start()
    assert library.store.links.entries() == made
    assert record.read_text().count("\n") == len(made)


def test_a_record_that_cannot_be_written_stops_nobody(library: Library) -> None:
    record = library.output / ".facewatchd" / "made.jsonl"
    record.unlink()
    record.mkdir()
    for index in range(3):
        library.add((5.0 + 0.01 * index, 5.0))
    library.recluster()
    library.publish()
    assert library.publishing.error is None
    assert set(library.tree()) == {"person_0001", "person_0002"}
    record.rmdir()
    library.add((5.0, 5.01))
    library.publish()
    assert record.read_text().count("\n") == len(library.store.links.entries())


def test_the_record_leaves_no_trace_of_what_is_gone_when_it_shall_not(library: Library) -> None:
    library.saying.name(library.person_of(1) or "", "Ann")
    library.publish()
    library.saying.name(library.person_of(1) or "", "Ben")
    library.publish()
    record = library.output / ".facewatchd" / "made.jsonl"
    assert "Ann" in record.read_text()
    library.publishing.forget_traces()
    assert "Ann" not in record.read_text()
