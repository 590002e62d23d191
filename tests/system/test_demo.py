from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from facewatchd import demo_photos
from facewatchd.errors import Exit, FacewatchError
from tests.conftest import missing
from tests.support.scripted import Scripted, served

pytestmark = pytest.mark.system

COMMAND = [str(Path(sys.executable).with_name("facewatchctl")), "demo"]


@pytest.fixture(scope="module")
def group() -> Path:
    try:
        return demo_photos.group_picture()
    except FacewatchError:
        missing("the picture of the insightface package")
        raise


def run(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("group")
def test_the_demo_gives_each_of_six_people_a_folder_of_their_own(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    people = tmp_path / "facewatchd-demo" / "people"
    folders = sorted(path.name for path in people.iterdir() if path.name.startswith("person_"))
    assert folders == [f"person_000{n}" for n in range(1, 7)]
    assert sorted(shown(people / folder) for folder in folders) == sorted(expected(tmp_path))
    assert re.search(r"^43 photos with 52 faces in .*: 6 people", result.stdout, re.MULTILINE)
    assert "facewatchd-demo/photos/broken.jpg: The file is truncated" in result.stdout
    assert "… and 2 more" in result.stdout
    assert not (people.parent / "state" / "api.sock").exists()


def shown(folder: Path) -> list[Path]:
    """Return the photos that a person's folder links to."""
    return sorted(link.resolve(strict=True) for link in folder.iterdir() if link.is_symlink())


def expected(tmp_path: Path) -> list[list[Path]]:
    """Return the photos of each person, as the making of them says."""
    made, _ = demo_photos.make(demo_photos.group_picture(), tmp_path / "again")
    there = tmp_path.resolve() / "facewatchd-demo" / "photos"
    return [
        sorted(there / p.path.relative_to(tmp_path / "again") for p in made if person in p.people)
        for person in range(6)
    ]


def test_a_folder_that_no_demo_made_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "facewatchd-demo" / "photos" / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.touch()
    result = run(tmp_path)
    assert result.returncode == Exit.FAILED
    assert "is not empty, and no demo made it" in result.stderr
    assert mine.exists()


def test_a_folder_in_which_another_demo_runs_is_left_alone(tmp_path: Path) -> None:
    into = tmp_path / "facewatchd-demo"
    (into / "state").mkdir(parents=True)
    (into / ".facewatchd-demo").touch()
    with served(Scripted(), into / "state" / "api.sock"):
        result = run(tmp_path, tmp_path)
    assert result.returncode == Exit.FAILED
    assert "Another demo is running" in result.stderr
    assert (into / "state").exists()


def test_photos_in_the_folder_that_is_replaced_are_refused(tmp_path: Path) -> None:
    photos = tmp_path / "facewatchd-demo" / "photos"
    photos.mkdir(parents=True)
    result = run(tmp_path, photos)
    assert result.returncode == Exit.FAILED
    assert "which the demo replaces" in result.stderr
    assert photos.exists()


def test_a_daemon_that_cannot_start_ends_the_demo_with_its_error(tmp_path: Path) -> None:
    photos, into = tmp_path / "photos", tmp_path / ("d" * 110)  # too long for a socket
    photos.mkdir()
    result = run(tmp_path, photos, "--into", into)
    assert result.returncode == Exit.FAILED
    assert "The daemon ended with exit code 78." in result.stderr
    assert "the system allows 107" in result.stderr


@pytest.mark.timeout(240)
def test_photos_without_a_face_are_a_demo_too_and_only_what_a_demo_made_is_replaced(
    tmp_path: Path,
) -> None:
    photos, into = tmp_path / "-photos", tmp_path / "into"
    photos.mkdir()
    for _ in range(2):
        result = run(tmp_path, photos, "--into", into)
        assert (result.returncode, result.stderr) == (0, "")
        assert "0 photos with 0 faces" in result.stdout
        (into / "note.txt").write_text("mine")
    assert not (into / "photos").exists()
    assert (into / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("group")
def test_ctrl_c_ends_the_demo_and_its_daemon(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        COMMAND, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        daemon = daemon_of(process, tmp_path / "facewatchd-demo")
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode not in (0, -signal.SIGKILL)
    psutil.wait_procs([daemon], timeout=10)
    assert not daemon.is_running()
    assert "Stopped." in (tmp_path / "facewatchd-demo" / "daemon.log").read_text()


def daemon_of(process: subprocess.Popen[bytes], folder: Path) -> psutil.Process:
    """Return the demo's daemon once it answers."""
    deadline = time.monotonic() + 60
    while not (folder / "state" / "api.sock").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)  # between two looks at another process, with a deadline
    (daemon,) = psutil.Process(process.pid).children()
    return daemon
