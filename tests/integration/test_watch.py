"""Real folders and the real inotify: what happens in a root is told, and nothing is missed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.watch import Gone, Hint, Lost, Unwatched, Watched, Watcher
from tests.conftest import missing
from tests.support.watching import IGNORED, PATIENCE, Watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


REPOSITORY = Path(__file__).resolve().parents[2]
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


def run_alone(script: str, *arguments: object, by: tuple[str, ...] = ()) -> str:
    """Run a script in a process of its own, started ``by`` a command, and return its output."""
    ended = subprocess.run(
        [*by, sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


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
    blocked, hold = threading.Event(), threading.Event()

    def ignored(path: bytes) -> bool:
        if path.endswith(b"/block") and not hold.is_set():
            blocked.set()
            assert hold.wait(PATIENCE)
        return False

    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        queue = max(16_384, int(file.read()))  # another test may just have made it smaller
    if queue > 65_536:
        missing("a queue of inotify that can be filled (fs.inotify.max_queued_events)")
    (tmp_path / "old/below").mkdir(parents=True)
    (tmp_path / "removed/below").mkdir(parents=True)
    with closing(Watching(tmp_path, ignored=ignored).ready()) as watching:
        before = watching.numbers()
        (tmp_path / "block").mkdir()
        assert blocked.wait(PATIENCE)
        for number in range(queue // 2 + 1):
            (tmp_path / f"{number}").touch()
        (tmp_path / "old").rename(tmp_path / "renamed")
        shutil.rmtree(tmp_path / "removed")
        (tmp_path / "new/below").mkdir(parents=True)
        hold.set()
        watching.until(lambda: bool(watching.told(Lost)), "the loss")
        assert watching.told(Lost)[0].root == bytes(tmp_path)
        assert "max_queued_events" in watching.told(Lost)[0].reason
        watching.catch_up()
        after = watching.numbers()
        assert after.keys() == watching.should_be_watched()
        assert after[bytes(tmp_path / "renamed/below")] == before[bytes(tmp_path / "old/below")]
        assert len(watching.told(Lost)) == 1


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


def test_of_the_watches_only_a_share_is_used_breadth_first_and_the_rest_is_named(
    tmp_path: Path,
) -> None:
    with closing(Watcher(lambda: None, share=1, stop_files=frozenset())) as watcher:
        maximum = watcher.limit.maximum
    above = len(tmp_path.parts) - 2
    for outer in range(5):
        for inner in range(5):
            (tmp_path / f"{outer}/{inner}").mkdir(parents=True)
    share = (1 + above + 5 + 3) / maximum
    with closing(Watching(tmp_path, share=share + 1e-9).ready()) as watching:
        assert watching.watcher.limit == (9 + above, 9 + above, maximum)
        assert below(tmp_path, *"01234") <= watching.watched()
        missed = watching.unwatched
        assert len(missed) == 25 - 3
        assert {os.path.dirname(path) for path in missed} <= below(tmp_path, *"01234")
        assert not missed.keys() & watching.watched()
        words, value = missed.popitem()[1].rsplit("=", 1)
        assert words.endswith("allow more with: sysctl fs.inotify.max_user_watches")
        assert int(int(value) * share) >= 31 + above
        shutil.rmtree(tmp_path / "0")
        watching.catch_up()
        watching.forget()
        watching.anew()
        watching.ready()
        assert len(watching.unwatched) == 20 - 4


def test_a_root_for_which_no_watch_is_left_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no watch is left: 0 of the .* sysctl fs\.inotify"):
        Watching(tmp_path, share=1e-9)


def in_a_user_namespace() -> tuple[str, ...]:
    by = ("unshare", "--user", "--map-root-user")
    if subprocess.run([*by, "true"], capture_output=True, check=False).returncode != 0:
        missing("user namespaces (unshare --user)")
    return by


def test_where_50_watches_are_allowed_100_folders_are_watched_or_named(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
    script = """
        import sys
        from pathlib import Path
        from tests.support.watching import Watching

        Path("/proc/sys/user/max_inotify_watches").write_text("50")
        watching = Watching(Path(sys.argv[1]), share=1).ready()
        missed = watching.unwatched
        folders = watching.watched() | missed.keys()
        print(len(missed), len(folders), *watching.watcher.limit, next(iter(missed.values())))
        watching.close()
        """
    output = run_alone(script, tmp_path, by=in_a_user_namespace())
    missed, folders, *limit, words = output.split(maxsplit=5)
    assert int(missed) >= 51
    assert int(folders) == 101
    assert limit == ["50", "50", "50"]
    assert words.strip() == (
        "no watch is left: 50 of the 50 that the system allows may be used here;"
        " allow more with: sysctl user.max_inotify_watches=128"
    )


def test_when_the_kernel_has_no_watch_left_the_words_are_the_same(tmp_path: Path) -> None:
    """Another program may have taken what we count as ours."""
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
    script = """
        import sys
        from pathlib import Path
        from tests.support.watching import Watching

        limit = Path("/proc/sys/user/max_inotify_watches")
        limit.write_text("1000")
        hog = Watching(Path(sys.argv[1]), share=1).ready()
        used = hog.watcher.limit.used
        limit.write_text(str(used + 50))
        watching = Watching(Path(sys.argv[1]), share=1).ready()
        missed = watching.unwatched
        print(used, len(missed), len(missed) + len(watching.watched()), {*missed.values()})
        watching.close()
        hog.close()
        """
    output = run_alone(script, tmp_path, by=in_a_user_namespace())
    used, missed, folders, words = output.split(maxsplit=3)
    assert int(missed) >= 51
    assert int(folders) == 101
    assert words.strip() == (
        f"{{'no watch is left: {int(used) + 50} of the {int(used) + 50} that the system allows"
        " may be used here; allow more with: sysctl user.max_inotify_watches=256'}"
    )


def test_when_no_inotify_instance_is_left_the_setting_is_named(tmp_path: Path) -> None:
    script = """
        import sys
        from pathlib import Path
        from tests.support.watching import Watching

        Path("/proc/sys/user/max_inotify_instances").write_text("0")
        try:
            Watching(Path(sys.argv[1]))
        except OSError as error:
            print(error.strerror)
        """
    words = run_alone(script, tmp_path, by=in_a_user_namespace())
    assert "allow more with: sysctl fs.inotify.max_user_instances=" in words


def test_50000_folders_cost_at_most_30_mb(tmp_path: Path, measured: Callable[[str], None]) -> None:
    script = """
        import sys
        import threading
        import time
        from pathlib import Path
        from tests.support.watching import Watching

        def memory():
            lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))

        root = Path(sys.argv[1])
        few = root / "few"
        few.mkdir()
        Watching(few).ready().close()
        many = root / "many"
        for outer in range(500):
            for inner in range(100):
                (many / f"folder {outer}" / f"album {inner}").mkdir(parents=True)
        before, start = memory(), time.monotonic()
        watching = Watching(many).ready()
        print(memory() - before, time.monotonic() - start, len(watching.watched()))
        watching.close()
        """
    used, seconds, folders = run_alone(script, tmp_path).split()
    shutil.rmtree(tmp_path / "many")
    assert int(folders) == 50_501
    measured(f"watching 50,501 folders: {int(used) / 1000:.1f} MB, {float(seconds):.1f} s")
    assert int(used) <= 30_000


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


def test_closing_leaves_no_thread_and_no_open_file(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}/a").mkdir(parents=True)
    files, threads = os.listdir("/proc/self/fd"), threading.active_count()
    watcher = Watcher(lambda: None, share=0.5, stop_files=frozenset())
    for number in range(50):
        root = bytes(tmp_path / f"{number}")
        watcher.watch(root, ignored=lambda _: False, refused=lambda _: None)
        if number % 2:
            watcher.unwatch(root)
    with pytest.raises(FileNotFoundError):
        watcher.watch(b"/nonexistent", ignored=lambda _: False, refused=lambda _: None)
    assert threading.active_count() == threads + 26
    watcher.close()
    assert not watcher.alive
    assert threading.active_count() == threads
    assert os.listdir("/proc/self/fd") == files
    assert watcher.limit.used == 0


def test_a_watcher_that_has_nothing_to_tell_does_not_wake_up(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with closing(Watching(tmp_path).ready()) as watching:
        watching.catch_up()
        watching.catch_up()
        threads = [watching.watcher._observer.native_id, watching.emitter.native_id]

        def switches() -> list[str]:
            lines = []
            for thread in threads:
                with open(f"/proc/self/task/{thread}/status", encoding="ascii") as status:
                    lines += [line for line in status if "ctxt_switches" in line]
            return lines

        def is_still() -> bool:
            before = switches()
            assert not threading.Event().wait(2)  # the time in which nothing may happen
            return switches() == before

        # In the first of these times what came before may still come to its end.
        assert is_still() or is_still()


def test_a_dead_thread_is_not_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    died = threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda _: died.set())

    def ignored(_: bytes) -> bool:
        raise ValueError("a fault of ours")

    with closing(Watching(tmp_path, ignored=ignored).ready()) as watching:
        assert watching.watcher.alive
        (tmp_path / "a").mkdir()
        assert died.wait(PATIENCE)
        watching.emitter.join(PATIENCE)
        assert not watching.watcher.alive
