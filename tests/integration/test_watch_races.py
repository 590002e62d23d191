"""Much at once, and events that come late or not at all: nothing is missed in a root."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd.watch import Lost
from tests.conftest import missing
from tests.support.watching import IGNORED, PATIENCE, Watching

if TYPE_CHECKING:
    from pathlib import Path


class Chance:
    """Changes folders in ``root``, and sometimes outside it, without waiting for anything."""

    def __init__(self, root: Path, outside: Path, seed: int) -> None:
        self._root, self._outside = root, outside
        self._chance = random.Random(seed)
        self._kinds = {
            self._make: 45,
            self._rename: 40,
            self._remove: 5,
            self._stop: 5,
            self._unstop: 5,
        }

    def change(self) -> None:
        """Make, rename, remove, stop or unstop something, if that is possible."""
        (kind,) = self._chance.choices([*self._kinds], [*self._kinds.values()])
        with contextlib.suppress(OSError):
            kind()

    def _anywhere(self) -> Path:
        base = self._outside if self._chance.random() < 0.1 else self._root
        names = ["a", "b", "c", os.fsdecode(IGNORED)]
        return base.joinpath(*self._chance.choices(names, k=self._chance.randint(1, 4)))

    def _make(self) -> None:
        self._anywhere().mkdir(parents=self._chance.random() < 0.5)

    def _rename(self) -> None:
        self._anywhere().rename(self._anywhere())

    def _remove(self) -> None:
        shutil.rmtree(self._anywhere())

    def _stop(self) -> None:
        (self._anywhere() / ".nomedia").touch()

    def _unstop(self) -> None:
        next(self._root.rglob(".nomedia"), self._root / "none").unlink()


class Gate:
    """An ``ignored`` that holds the watching thread at a folder named "gate" until it is opened."""

    def __init__(self) -> None:
        self._reached, self._opened = threading.Event(), threading.Event()

    def __call__(self, path: bytes) -> bool:
        if path.endswith(b"/gate"):
            self._reached.set()
            assert self._opened.wait(PATIENCE)
        return False

    def hold(self, root: Path) -> None:
        (root / "gate").mkdir()
        assert self._reached.wait(PATIENCE)

    def open(self) -> None:
        self._opened.set()


@pytest.mark.parametrize("attempt", range(20))
def test_900_files_in_nested_folders_made_at_once_are_all_found(
    tmp_path: Path, attempt: int
) -> None:
    with closing(Watching(tmp_path).ready()) as watching:
        made = set()
        for number in range(900):
            folder = tmp_path / f"{number % 7}/{number % 30}/{number // 10}"
            folder.mkdir(parents=True, exist_ok=True)
            photo = folder / f"{attempt}-{number}.jpg"
            photo.touch()
            made.add(bytes(photo))
        watching.until_found(made)


@pytest.mark.parametrize("seed", range(6))
def test_after_any_wild_sequence_of_changes_exactly_what_should_be_is_watched(
    tmp_path: Path, seed: int
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    chance = Chance(root, outside, seed)
    with closing(Watching(root).ready()) as watching:
        folders = watching.emitter._folders
        for _ in range(10):
            for _ in range(300):
                chance.change()
            watching.catch_up()
            assert watching.watched() == watching.should_be_watched()
            files = {os.path.join(folder, b"p.jpg") for folder in watching.watched()}
            for file in files:
                os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
            watching.until_found(files)
            watching.forget()
        assert len(folders.tree) == len(watching.watched())
        assert watching.watcher.limit.used == len(folders.tree) + len(folders._above)


def test_a_folder_that_took_the_place_of_another_before_that_was_told_is_not_taken_for_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "first").mkdir()
    (tmp_path / "second/album").mkdir(parents=True)
    gate = Gate()
    with closing(Watching(tmp_path, ignored=gate).ready()) as watching:
        gate.hold(tmp_path)
        (tmp_path / "first/album").mkdir()
        (tmp_path / "first").rename(tmp_path / "third")
        (tmp_path / "second").rename(tmp_path / "first")
        gate.open()
        watching.catch_up()
        assert watching.watched() == watching.should_be_watched()
        files = {bytes(tmp_path / f"{name}/album/a.jpg") for name in ("first", "third")}
        for file in files:
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY))
        watching.until_found(files)


def test_threads_that_make_and_remove_deep_trees_leave_nothing_unwatched(tmp_path: Path) -> None:
    def make_and_remove(number: int) -> None:
        for turn in range(30):
            top = tmp_path / f"{number}"
            (top / "/".join(f"{turn}.{depth}" for depth in range(12))).mkdir(parents=True)
            if turn % 3:
                shutil.rmtree(top)
            else:
                top.rename(tmp_path / f"{number}-{turn}")

    with closing(Watching(tmp_path).ready()) as watching:
        threads = [threading.Thread(target=make_and_remove, args=[n]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        watching.catch_up()
        assert watching.watched() == watching.should_be_watched()
        assert len(watching.watched()) > 4 * 10 * 12


def test_after_lost_events_what_is_missing_is_watched_and_the_root_is_to_be_listed(
    tmp_path: Path,
) -> None:
    gate = Gate()
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        queue = max(16_384, int(file.read()))  # another test may just have made it smaller
    if queue > 65_536:
        missing("a queue of inotify that can be filled (fs.inotify.max_queued_events)")
    (tmp_path / "old/below").mkdir(parents=True)
    (tmp_path / "removed/below").mkdir(parents=True)
    with closing(Watching(tmp_path, ignored=gate).ready()) as watching:
        before = watching.numbers()
        gate.hold(tmp_path)
        for number in range(queue // 2 + 1):
            (tmp_path / f"{number}").touch()
        (tmp_path / "old").rename(tmp_path / "renamed")
        shutil.rmtree(tmp_path / "removed")
        (tmp_path / "new/below").mkdir(parents=True)
        gate.open()
        watching.until(lambda: bool(watching.told(Lost)), "the loss")
        assert watching.told(Lost)[0].root == bytes(tmp_path)
        assert "max_queued_events" in watching.told(Lost)[0].reason
        watching.catch_up()
        after = watching.numbers()
        assert after.keys() == watching.should_be_watched()
        assert after[bytes(tmp_path / "renamed/below")] == before[bytes(tmp_path / "old/below")]
        assert len(watching.told(Lost)) == 1
