"""Real folders and the real inotify: what happens in a root is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.watch import Gone, Hint, Unwatched, Watched
from tests.conftest import missing
from tests.support.watching import Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


NOBODY = 65534


def below(root: Path, *names: str) -> set[bytes]:
    return {bytes(root / name) for name in names}


@contextmanager
def mounted(place: Path) -> Iterator[None]:
    """A file system of its own at ``place``, gone at the end in any case."""
    if os.geteuid() != 0:
        missing("root, to mount a file system")
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-q", place], check=False)


def test_the_first_pass_watches_all_folders_and_gives_no_hints(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "@eaDir/c").mkdir(parents=True)
    (tmp_path / "a/link").symlink_to(tmp_path / "a")
    with closing(Watching(tmp_path).ready()) as watching:
        assert watching.news == [Watched(bytes(tmp_path), 3)]
        assert watching.watched() == {bytes(tmp_path), *below(tmp_path, "a", "a/b")}
        assert watching.watcher.alive
        assert watching.watcher.limit.used >= 3


def test_what_happens_to_a_file_is_told_and_whether_it_is_complete(tmp_path: Path) -> None:
    name = os.fsdecode(b"new\nline \xff.jpg")
    photo = tmp_path / "folder" / name
    photo.parent.mkdir()
    moved = photo.with_name("moved.jpg")
    with closing(Watching(tmp_path).ready()) as watching:

        def told(path: Path, *, complete: bool) -> None:
            watching.until(lambda: Hint(bytes(path), complete) in watching.news, f"{path}")
            watching.forget()

        with photo.open("wb") as file:
            told(photo, complete=False)
            file.write(b"x")
            file.flush()
            photo.chmod(0o600)  # it is still being written
            told(photo, complete=False)
        told(photo, complete=True)
        photo.chmod(0o644)
        told(photo, complete=True)
        photo.rename(moved)
        told(moved, complete=True)
        moved.unlink()
        told(moved, complete=True)
        assert watching.watched() == {bytes(tmp_path), bytes(photo.parent)}


def test_reading_a_file_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    with closing(Watching(tmp_path).ready()) as watching:
        watching.forget()
        assert (tmp_path / "a.jpg").read_bytes() == b"x"
        assert [*tmp_path.iterdir()]
        watching.catch_up()
        assert {os.path.basename(path)[:5] for path in watching.hinted} == {b"fence"}


def test_a_renamed_folder_keeps_its_watches_and_all_below_has_its_new_path(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    with closing(Watching(tmp_path).ready()) as watching:
        before = watching.numbers()
        watching.forget()
        (tmp_path / "a").rename(tmp_path / "elsewhere/new")
        watching.catch_up()
        assert watching.hinted[bytes(tmp_path / "a")]
        assert watching.hinted[bytes(tmp_path / "elsewhere/new")]
        after = watching.numbers()
        assert after.keys() == watching.should_be_watched()
        for old, new in (("a", "new"), ("a/b", "new/b"), ("a/b/c", "new/b/c")):
            place = bytes(tmp_path / "elsewhere" / new)
            assert after[place] == before[bytes(tmp_path / old)]
        photo = tmp_path / "elsewhere/new/b/c/photo.jpg"
        photo.touch()
        watching.until(lambda: bytes(photo) in watching.found, "a file below")


def test_a_folder_moved_out_is_let_go_and_one_moved_in_is_watched(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a/b").mkdir(parents=True)
    outside.mkdir()
    with closing(Watching(root).ready()) as watching:
        used = watching.watcher.limit.used
        (root / "a").rename(outside / "a")
        watching.catch_up()
        assert watching.hinted[bytes(root / "a")]
        assert watching.watched() == {bytes(root)}
        assert watching.watcher.limit.used == used - 2
        (outside / "a/b/photo.jpg").touch()
        (outside / "a").rename(root / "back")
        photo = bytes(root / "back/b/photo.jpg")
        watching.until(lambda: photo in watching.found, "what came with it")
        assert watching.watched() == {bytes(root), *below(root, "back", "back/b")}
        assert watching.watcher.limit.used == used


def test_a_name_that_is_ignored_costs_its_watches_and_another_name_gives_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with closing(Watching(tmp_path).ready()) as watching:
        (tmp_path / "a").rename(tmp_path / "@eaDir")
        watching.catch_up()
        assert watching.watched() == {bytes(tmp_path)}
        (tmp_path / "@eaDir").rename(tmp_path / "c")
        watching.catch_up()
        assert watching.watched() == {bytes(tmp_path), *below(tmp_path, "c", "c/b")}


@pytest.mark.parametrize("name", [".nomedia", ".facewatchignore"])
def test_nothing_is_watched_below_a_folder_with_a_stop_file_until_it_vanishes(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a" / name).touch()
    with closing(Watching(tmp_path).ready()) as watching:
        alone = {bytes(tmp_path), bytes(tmp_path / "a")}
        every = alone | below(tmp_path, "a/b", "a/b/c")
        assert watching.watched() == alone
        (tmp_path / "a/new").mkdir()
        (tmp_path / "a/new").rmdir()
        watching.catch_up()
        assert watching.watched() == alone
        watching.forget()
        (tmp_path / "a" / name).unlink()
        watching.catch_up()
        assert watching.watched() == every
        assert {bytes(tmp_path / "a" / name), *below(tmp_path, "a/b", "a/b/c")} <= {
            *watching.hinted
        }
        watching.forget()
        (tmp_path / "a" / name).touch()
        watching.catch_up()
        assert watching.watched() == alone
        assert bytes(tmp_path / "a" / name) in watching.hinted


def test_an_unmounted_root_is_gone(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk):
        (disk / "a/b").mkdir(parents=True)
        with closing(Watching(disk).ready()) as watching:
            subprocess.run(["umount", disk], check=True)
            watching.until(lambda: bool(watching.told(Gone)), "the end")
            assert watching.told(Gone) == [Gone(bytes(disk), "its file system was unmounted")]
            assert watching.watcher.alive
            watching.anew()
            watching.forget()
            watching.ready()
            assert watching.watched() == {bytes(disk)}


def test_a_disk_unmounted_inside_a_root_leaves_its_empty_folder_watched(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk):
        (disk / "a").mkdir()
        with closing(Watching(tmp_path).ready()) as watching:
            subprocess.run(["umount", disk], check=True)
            watching.until(lambda: bytes(disk) in watching.hinted, "the folder below the mount")
            watching.catch_up()
            assert watching.watched() == {bytes(tmp_path), bytes(disk)}
            (disk / "photo.jpg").touch()
            watching.until(lambda: bytes(disk / "photo.jpg") in watching.found, "what is in it")


def rename_root(root: Path) -> None:
    root.rename(root.with_name("renamed"))


def rename_above(root: Path) -> None:
    root.parent.rename(root.parent.with_name("renamed"))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (rename_root, "it was moved away"),
        (rename_above, "it is not where it was: No such file or directory"),
        (shutil.rmtree, "it was deleted"),
    ],
)
def test_a_root_that_is_moved_or_deleted_is_gone_and_can_be_watched_again(
    tmp_path: Path, end: Callable[[Path], None], words: str
) -> None:
    root = tmp_path / "home/photos"
    (root / "a").mkdir(parents=True)
    with closing(Watching(root).ready()) as watching:
        end(root)
        watching.until(lambda: bool(watching.told(Gone)), "the end")
        assert watching.told(Gone) == [Gone(bytes(root), words)]
        assert watching.watcher.alive
        with pytest.raises(FileNotFoundError):
            watching.anew()
        root.mkdir(parents=True)
        watching.anew()
        watching.forget()
        watching.ready()
        (root / "photo.jpg").touch()
        watching.until(lambda: bytes(root / "photo.jpg") in watching.found, "a new file")


def test_a_folder_that_must_not_be_watched_is_named_and_nothing_below_it(tmp_path: Path) -> None:
    (tmp_path / "share/below").mkdir(parents=True)
    share = bytes(tmp_path / "share")

    def refused(path: bytes) -> str | None:
        return "it is on another machine" if path == share else None

    with closing(Watching(tmp_path, refused=refused).ready()) as watching:
        words = Unwatched(bytes(tmp_path), share, "it is on another machine")
        assert watching.news == [words, Watched(bytes(tmp_path), 1)]
        watching.forget()
        (tmp_path / "share").rename(tmp_path / "ours")
        watching.catch_up()
        assert watching.watched() == {bytes(tmp_path), *below(tmp_path, "ours", "ours/below")}
        (tmp_path / "ours").rename(tmp_path / "share")
        watching.catch_up()
        assert watching.watched() == {bytes(tmp_path)}
        assert watching.told(Unwatched) == [words]


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A folder of a user without rights, whom this process is while the test runs."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        if root:
            os.chown(name, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)


def test_a_folder_that_may_not_be_read_is_named_until_it_may(nobodys_folder: Path) -> None:
    closed, open_ = nobodys_folder / "closed", nobodys_folder / "open"
    (closed / "a").mkdir(parents=True)
    (open_ / "b").mkdir(parents=True)
    closed.chmod(0)
    root = bytes(nobodys_folder)
    with closing(Watching(nobodys_folder).ready()) as watching:
        assert watching.news == [
            Unwatched(root, bytes(closed), "Permission denied"),
            Watched(root, 3),
        ]
        closed.chmod(0o700)
        watching.catch_up()
        assert bytes(closed) in watching.hinted
        assert watching.watched() == watching.should_be_watched()
        watching.forget()
        open_.chmod(0)
        watching.catch_up()
        assert watching.unwatched == {bytes(open_): "Permission denied"}
        open_.chmod(0o700)
        watching.catch_up()
        assert watching.watched() == watching.should_be_watched()
