"""What a newer version does with the store of an older one, and what an older one does with its."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlite_utils

from facewatchd.batch.restore import put_back
from facewatchd.config import load
from facewatchd.errors import BackupError, JournalError, StoreError
from facewatchd.journal import Journal
from facewatchd.pipeline.upgrading import prepare
from facewatchd.store import Store, backup, schema
from facewatchd.store.sound import held, known, made_by

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.config import Settings

LAST = max(known())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a library whose store the version before this one has left."""
    for name in ("photos", "state"):
        (tmp_path / name).mkdir()
    given = {
        "roots": [{"path": tmp_path / "photos"}],
        "output": tmp_path / "people",
        "state": tmp_path / "state",
    }
    made = load(None, given)
    with closing(sqlite3.connect(made.database, isolation_level=None)) as db:
        schema.migrations.apply(sqlite_utils.Database(db), stop_before=LAST)
        db.execute("INSERT INTO facts VALUES ('library', 'ours')")
        db.execute("INSERT INTO people (id, name) VALUES ('p1', 'Ann')")
    return made


def copies(settings: Settings) -> list[Path]:
    return backup.own(settings.backup_folder)


def newer_store(settings: Settings) -> None:
    with closing(Store(settings.database)):
        pass
    with closing(sqlite3.connect(settings.database)) as db, db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('facewatchd', '9999_future', '2031-01-01')"
        )


def test_the_store_is_copied_as_it_was_before_it_is_migrated(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        prepare(settings)
    assert made_by(settings.database) == (known() - {LAST}, "ours")
    (copy,) = copies(settings)
    assert copy.name.endswith("-upgrade.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert LAST in caplog.text
    assert str(copy) in caplog.text
    with closing(Store(settings.database)):
        assert made_by(settings.database)[0] == known()
    assert made_by(copy)[0] == known() - {LAST}
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT name FROM people").fetchall() == [("Ann",)]


def test_a_store_that_is_current_new_or_not_there_is_not_copied(settings: Settings) -> None:
    with closing(Store(settings.database)):
        pass
    prepare(settings)
    settings.database.unlink()
    prepare(settings)
    settings.database.touch()
    prepare(settings)
    assert copies(settings) == []


def test_a_store_that_cannot_be_copied_is_not_changed(settings: Settings) -> None:
    settings.backup_folder.write_text("no folder")
    with pytest.raises(BackupError, match="Before the upgrade"):
        prepare(settings)
    assert made_by(settings.database)[0] == known() - {LAST}


def test_a_migration_that_fails_leaves_the_store_to_the_older_version(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what migrations before it in the same upgrade have done."""

    def fails(_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    steps = [*schema.migrations._migrations]
    steps.append(schema.migrations._Migration("9998_more", fails))
    monkeypatch.setattr(schema.migrations, "_migrations", steps)
    before = made_by(settings.database)
    with pytest.raises(StoreError, match="disk is full"):
        Store(settings.database)
    assert made_by(settings.database) == before
    assert LAST not in before[0]


def test_nights_do_not_take_the_copies_away_and_the_third_upgrade_takes_the_first(
    settings: Settings,
) -> None:
    names = [f"facewatchd-2026010{day}-000000-upgrade.db" for day in (1, 2)]
    settings.backup_folder.mkdir()
    for name in (*names, "facewatchd-20260105-000000.db", "facewatchd-20260106-000000.db"):
        backup.copy(settings.database, settings.backup_folder / name, lambda: False)
    backup.rotate(settings.backup_folder, 1, "ours")
    assert {path.name for path in copies(settings)} == {*names, "facewatchd-20260106-000000.db"}
    prepare(settings)
    left = {path.name for path in copies(settings)}
    assert names[0] not in left
    assert names[1] in left
    assert len(left) == 3


def test_a_newer_store_is_refused_with_the_backup_to_go_back_to(settings: Settings) -> None:
    prepare(settings)
    (copy,) = copies(settings)
    newer_store(settings)
    later = settings.backup_folder / "facewatchd-20400101-000000.db"
    backup_of_newer = settings.database.read_bytes()
    later.write_bytes(backup_of_newer)
    with pytest.raises(StoreError, match=r"newer facewatchd.*9999_future") as refused:
        prepare(settings)
    assert refused.value.exit_code == 78
    assert f"facewatchctl restore {copy}" in refused.value.remedy
    assert settings.database.read_bytes() == backup_of_newer


def test_behind_decisions_of_a_newer_kind_one_goes_back_without_newer_ones(
    settings: Settings,
) -> None:
    """They are refused, not taken for damage, and are set aside when told to."""
    prepare(settings)
    (copy,) = copies(settings)
    places = settings.journal_places
    Journal(places, "ours").read()
    with (places[0] / "decisions.jsonl").open("a") as journal:
        journal.write('{"v":2,"id":"d1","number":1,"at":1.5,"kind":"marry","person":"p1"}\n')
    with pytest.raises(JournalError, match="version 2") as refused:
        list(put_back(copy, held(copy), settings.state, places, without_newer=False))
    assert "--without-newer" in refused.value.remedy
    said = list(put_back(copy, held(copy), settings.state, places, without_newer=True))
    assert any("without what a newer facewatchd has added" in each for each in said)
    assert Journal(places, "ours").read() == []
    (aside,) = settings.state.glob("set-aside-*")
    assert "marry" in (aside / "decisions.jsonl").read_text()
