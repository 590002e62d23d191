"""``facewatchctl cluster`` where something is wrong, vanishes, or is stopped."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from PIL import Image

from tests.support.cluster import CTL, Home
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

KEPT = "facewatchctl: Stopped. What was read is kept: type the same again."


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Home:
    made = Home(tmp_path, cache)
    made.photos.mkdir()
    return made


def rows(home: Home, question: str) -> list[Any]:
    """Ask the store of a run that goes on, which may not be there yet."""
    for store in home.output.glob(".facewatchd/*/store.db"):
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
            try:
                return [row[0] for row in db.execute(question)]
            except sqlite3.OperationalError:  # it has no tables yet
                return []
    return []


class Running:
    """A run that goes on, in a session of its own as a terminal's foreground job is."""

    def __init__(self, home: Home, *arguments: object) -> None:
        self._log = home.path / "stderr"
        with self._log.open("wb") as log, (home.path / "stdout").open("wb") as out:
            self.process = subprocess.Popen(
                home.command(*arguments),
                env=home.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 100
        while not condition():
            assert self.process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, condition
            time.sleep(0.02)  # between two looks at another process, with a deadline

    def interrupt(self) -> None:
        """Do what Ctrl-C does: the whole foreground job gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        code = self.process.wait(60)
        return code, self._log.read_text()


def group_of(leader: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == leader:
                found.append(process)
        except ProcessLookupError:
            continue
    return found


def read(home: Home) -> int:
    return len(rows(home, "SELECT id FROM photos"))


def test_ctrl_c_ends_it_cleanly_and_the_same_command_goes_on(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy", "howard", "raj")
    total = len(list(home.photos.rglob("*.png")))
    run = Running(home, "--jobs", 1)
    run.until(lambda: read(home) >= 3)
    run.interrupt()
    code, log = run.end()
    assert code == 128 + signal.SIGINT
    assert log.splitlines()[-1] == KEPT
    assert "Traceback" not in log
    _, alive = psutil.wait_procs(group_of(run.process.pid), timeout=10)
    assert alive == []
    assert {path.name for path in home.output.iterdir()} == {".facewatchd"}
    before = read(home)
    assert 3 <= before < total
    found = home.clustered()
    assert (found["photos"], found["encoded"]) == (total, total - before)
    assert sum(len(names) for names in home.folders().values()) >= total


def says(home: Home, word: str) -> bool:
    return word in (home.path / "stderr").read_text()


def test_ctrl_c_is_heard_after_the_reading_too(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy", "raj")
    home.clustered()
    before = home.there()
    heard = 0
    for word in ("clustering", "writing"):
        run = Running(home, "--crops")
        run.until(partial(says, home, word))
        run.interrupt()
        code, log = run.end()
        assert "Traceback" not in log
        if code != 0:  # else it was faster than the signal
            assert code == 128 + signal.SIGINT
            assert log.splitlines()[-1] == KEPT
            heard += 1
    found = home.clustered()
    assert found["encoded"] == 0
    assert home.there() == before
    if not heard:
        pytest.skip("both were faster than the signal")


def test_a_signal_while_the_program_loads_is_not_lost(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy")
    run = Running(home)
    batch = "facewatchd.batch"
    run.until(lambda: batch in psutil.Process(run.process.pid).cmdline())
    run.interrupt()
    code, log = run.end()
    assert (code, log.splitlines()[-1]) == (130, KEPT)
    assert "Traceback" not in log


def test_a_kill_loses_nothing_that_was_read(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy", "howard", "raj")
    run = Running(home, "--jobs", 1)
    run.until(lambda: read(home) >= 3)
    run.process.kill()
    run.process.wait()
    psutil.wait_procs(group_of(run.process.pid), timeout=10)
    before = read(home)
    found = home.clustered()
    assert found["encoded"] == found["photos"] - before == 15 - before


def test_photos_that_vanish_during_the_run_are_no_longer_there(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy", "howard", "raj")
    run = Running(home, "--jobs", 1, "--json")
    run.until(lambda: read(home) >= 3)
    waiting = rows(home, "SELECT path FROM files WHERE state = 'pending' ORDER BY captured")
    for path in waiting[:5]:
        os.unlink(path)
    code, log = run.end()
    assert code == 0, log
    found = home.folders()
    linked = set().union(*found.values())
    gone = {os.path.relpath(os.fsdecode(path), home.photos) for path in waiting[:5]}
    assert not linked & gone
    assert all((home.photos / name).is_file() for name in linked)
    assert len(rows(home, "SELECT id FROM files WHERE state = 'done'")) >= 15 - 5
    shutil.rmtree(home.photos / "amy")
    assert home.clustered()["encoded"] == 0
    assert not any(name.startswith("amy/") for name in set().union(*home.folders().values()))


def refused(home: Home, *arguments: object, code: int = 1) -> list[str]:
    ended = home.cluster(*arguments)
    assert (ended.returncode, ended.stdout) == (code, ""), ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr[ended.stderr.index("facewatchctl: ") :].splitlines()


def test_a_missing_or_wrong_preset_is_told_before_anything_is_made(home: Home) -> None:
    lines = refused(home, "--preset", "insightface", code=78)
    assert lines[0] == "facewatchctl: There is no preset and no file 'insightface'."
    assert "insightface-kmeans" in lines[1]
    mine = home.path / "mine.yaml"
    mine.write_text("recluster:\n  clusterer: kmeans\n  clusters: 3\n")
    lines = refused(home, "--preset", mine, code=78)
    assert lines[1:-1] == ["  line 3, recluster.clusters: there is no such setting"]
    mine.write_text("recluster:\n  clusterer: kmeans\n")
    lines = refused(home, "--preset", mine, code=78)
    assert "clusters" in lines[0]
    mine.write_text("recluster:\n  clusterer: nothing\n")
    assert "There is no clusterer named 'nothing'" in refused(home, "--preset", mine, code=78)[0]
    assert not home.output.exists()


def test_an_option_that_the_clusterer_does_not_know_is_refused(home: Home) -> None:
    lines = refused(home, "--clusters", 3)
    assert lines[0] == (
        "facewatchctl: The clusterer 'dbscan+merge' has nothing that --clusters could set."
    )
    assert not home.output.exists()


def test_an_output_with_files_of_others_is_left_alone(home: Home, photos: Path) -> None:
    home.take(photos / "bbt", "amy")
    home.output.mkdir()
    (home.output / "letter.txt").write_text("mine")
    lines = refused(home)
    assert lines[0].endswith("holds what this command did not make: letter.txt.")
    assert [path.name for path in home.output.iterdir()] == ["letter.txt"]


def test_a_disk_that_is_too_small_is_told_and_no_hindrance_later(home: Home, photos: Path) -> None:
    needs_root()
    home.take(photos / "bbt", "amy")
    home.output.mkdir()
    mounts = Mounts(home.path)
    mounts.mount(home.output, "-t", "tmpfs", "-o", "size=64k", "small")
    try:
        lines = refused(home)
        assert lines[0].endswith("cannot be opened now: database or disk is full.")
        assert lines[1].strip().startswith("Make room on its disk")
        options = "remount,size=1g"
        subprocess.run(["mount", "-o", options, home.output], check=True)
        assert home.clustered()["encoded"] == 5
    finally:
        mounts.close()


def test_photos_in_the_output_are_refused_and_an_output_in_the_photos_is_no_source(
    home: Home, photos: Path
) -> None:
    home.take(photos / "bbt", "amy")
    inside = home.run(str(CTL), "cluster", str(home.photos / "amy"), str(home.photos))
    assert inside.returncode == 78
    assert "lie in the output" in inside.stderr
    within = home.photos / "groups"
    for _ in range(2):
        ended = home.run(str(CTL), "cluster", str(home.photos), str(within), "--copy", "--crops")
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.startswith("5 photos "), "neither copies nor crops are photos"


def test_without_photos_or_faces_there_is_nothing_to_group(home: Home, photos: Path) -> None:
    notes, noise = home.photos / "notes.txt", home.photos / "noise.png"
    notes.write_text("no photo")
    os.utime(notes, (1e9, 1e9))  # what was written a moment ago is given time to settle
    assert refused(home)[0] == f"facewatchctl: There is no photo in {home.photos}."
    Image.effect_noise((200, 200), 30).convert("RGB").save(noise)
    os.utime(noise, (1e9, 1e9))
    lines = refused(home)
    assert lines[0] == f"facewatchctl: There is no face in the 1 photo of {home.photos}."
    home.take(photos / "bbt", "amy")
    assert home.clustered()["encoded"] == 5


def test_more_clusters_than_faces_are_refused_and_fewer_need_no_second_reading(
    home: Home, photos: Path, shared: Path
) -> None:
    home.take(photos / "bbt", "amy")
    models = ("--preset", "insightface-kmeans", "--models", shared / "models")
    lines = refused(home, *models, "--clusters", 6)
    assert lines[0] == ("facewatchctl: 6 clusters were asked for, but there are only 5 faces.")
    assert home.there() == set()
    found = home.clustered(*models, "--clusters", 2)
    assert (found["encoded"], found["groups"]) == (0, 2)


def test_a_folder_of_photos_that_is_missing_is_a_wrong_command_line(home: Home) -> None:
    home.photos.rmdir()
    ended = home.cluster()
    assert ended.returncode == 2
    assert "does not exist" in ended.stderr
