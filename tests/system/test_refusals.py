"""What cannot work is refused with one clear error, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facewatchd", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_second_daemon_on_one_state_folder_ends_at_once(daemon: Daemon) -> None:
    daemon.start()
    second = subprocess.run(
        daemon.command(), capture_output=True, text=True, timeout=30, check=False
    )
    assert second.returncode == 78
    assert f"Another facewatchd works on the state folder {daemon.state}" in second.stderr
    assert daemon.status()["state"] == "idle"


def test_a_root_that_is_not_there_is_an_error_with_its_name(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    ended = run("--root", gone, "--output", tmp_path / "out", "--state", tmp_path / "state")
    assert ended.returncode == 1
    assert f"{gone}: it cannot be read: No such file or directory" in ended.stderr


def test_one_missing_root_of_two_is_shown_and_the_other_works(daemon: Daemon, photos: Path) -> None:
    shutil.copytree(photos / "bbt" / "amy", daemon.photos / "amy")
    gone = daemon.home / "gone"
    daemon.arguments = ["--root", str(gone)]
    daemon.start()
    status = daemon.wait_until_idle()
    states = {root["path"]: (root["state"], root["reason"]) for root in status["roots"]}
    assert states[str(daemon.photos)] == ("watched", None)
    assert states[str(gone)][0] == "offline"
    assert "No such file" in str(states[str(gone)][1])
    assert status["files"]["done"] == 5


def test_a_root_inside_the_output_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "out" / "photos"
    root.mkdir(parents=True)
    ended = run("--root", root, "--output", tmp_path / "out", "--state", tmp_path / "state")
    assert ended.returncode == 78
    assert "output" in ended.stderr
    assert list((tmp_path / "out").iterdir()) == [root]


def test_the_output_inside_a_root_is_not_a_source(daemon: Daemon, photos: Path) -> None:
    shutil.copytree(photos / "bbt" / "amy", daemon.photos / "amy")
    shutil.copytree(photos / "bbt" / "raj", daemon.photos / "people" / "theirs")
    daemon.home.joinpath("people").symlink_to(daemon.photos / "people")
    daemon.start()
    assert daemon.wait_until_idle()["files"]["done"] == 5
    assert len(list((daemon.photos / "people").glob("person_*"))) == 1
    assert len(list((daemon.photos / "people" / "theirs").iterdir())) == 5


def test_an_output_that_cannot_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "out").write_text("a file")
    ended = run(
        *("--root", tmp_path / "photos"),
        *("--output", tmp_path / "out"),
        *("--state", tmp_path / "state"),
    )
    assert ended.returncode == 1
    assert str(tmp_path / "out") in ended.stderr
    assert (tmp_path / "out").read_text() == "a file"


def run_bound_by_permissions(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run as somebody whom permissions bind: root is, without two of its capabilities."""
    command = [sys.executable, "-m", "facewatchd", *map(str, arguments)]
    if os.geteuid() == 0:
        lost = "-dac_override,-dac_read_search"
        command = ["setpriv", f"--inh-caps={lost}", f"--bounding-set={lost}", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_root_that_may_not_be_read_is_an_error_with_its_name(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir(mode=0o000)
    ended = run_bound_by_permissions(
        *("--root", photos, "--output", tmp_path / "out", "--state", tmp_path / "state")
    )
    assert ended.returncode == 1
    assert f"{photos}: it cannot be read: Permission denied" in ended.stderr


def test_an_output_that_may_not_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    photos, closed = tmp_path / "photos", tmp_path / "closed"
    photos.mkdir()
    closed.mkdir(mode=0o555)
    ended = run_bound_by_permissions(
        *("--root", photos, "--output", closed / "out", "--state", tmp_path / "state")
    )
    assert ended.returncode == 1
    assert str(closed / "out") in ended.stderr
    assert "Permission denied" in ended.stderr


def test_a_state_folder_that_may_not_be_made_is_an_error_with_its_name(tmp_path: Path) -> None:
    photos, closed = tmp_path / "photos", tmp_path / "closed"
    photos.mkdir()
    closed.mkdir(mode=0o555)
    ended = run_bound_by_permissions(
        *("--root", photos, "--output", tmp_path / "out", "--state", closed / "state")
    )
    assert ended.returncode == 78
    assert f"The state folder {closed / 'state'} cannot be used" in ended.stderr


def test_a_state_folder_behind_a_fuse_program_is_refused(tmp_path: Path) -> None:
    bindfs = shutil.which("bindfs")
    if bindfs is None or not os.access("/dev/fuse", os.W_OK):
        missing("bindfs and /dev/fuse")
    state, photos = tmp_path / "state", tmp_path / "photos"
    for folder in (tmp_path / "real", state, photos):
        folder.mkdir()
    subprocess.run([str(bindfs), tmp_path / "real", state], check=True, timeout=30)
    try:
        ended = run("--root", photos, "--output", tmp_path / "out", "--state", state)
    finally:
        subprocess.run(["umount", state], check=True, timeout=30)
    assert ended.returncode == 78
    assert f"The state folder {state} lies on a network or FUSE file system" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_an_invalid_configuration_names_key_value_and_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "facewatchd.yaml"
    file.write_text("roots: [{path: /p}]\noutput: /o\nsimilarity: 1.5\ncolour: red\n")
    ended = run("--config", file, "--check-config")
    assert ended.returncode == 78
    assert "similarity = 1.5: Input should be less than 1" in ended.stderr
    assert "colour: there is no such setting" in ended.stderr
    assert str(file) in ended.stderr


def test_a_valid_configuration_is_said_to_be_valid(tmp_path: Path) -> None:
    file = tmp_path / "facewatchd.yaml"
    file.write_text("roots: [{path: /p}]\noutput: /o\n")
    ended = run("--config", file, "--check-config")
    assert (ended.returncode, ended.stdout) == (0, "The configuration is valid.\n")
