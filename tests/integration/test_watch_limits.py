"""What watching may cost: watches, memory, threads, files, and no work when nothing happens."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.watch import Watcher
from tests.conftest import missing
from tests.support.soak import WHOLE
from tests.support.watching import PATIENCE, Watching

if TYPE_CHECKING:
    from collections.abc import Callable


REPOSITORY = Path(__file__).resolve().parents[2]


def below(root: Path, *names: str) -> set[bytes]:
    return {bytes(root / name) for name in names}


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


def in_a_user_namespace() -> tuple[str, ...]:
    by = ("unshare", "--user", "--map-root-user")
    if subprocess.run([*by, "true"], capture_output=True, check=False).returncode != 0:
        missing("user namespaces (unshare --user)")
    return by


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


@WHOLE[0]
@WHOLE[1]
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
