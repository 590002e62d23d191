"""Our wheel, installed as ``pipx install`` does it: from wheels alone, without a compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing
from tests.support import environments
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.system

NOT_THERE = ("dlib", "face_recognition", "pkg_resources")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the Python of an environment into which our wheel was installed, and nothing else."""
    home = tmp_path_factory.mktemp("install")
    wheel = environments.wheel(home / "dist")
    made = environments.environment(home / "environment")
    probe = environments.pip(made, "--dry-run", "--no-deps", "click")
    if subprocess.run(probe, capture_output=True, timeout=120, check=False).returncode:
        missing("a package index that pip reaches")
    ended = subprocess.run(
        environments.pip(made, "--only-binary", ":all:", wheel),
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        env=os.environ | {"CC": "false", "CXX": "false"},
    )
    assert ended.returncode == 0, ended.stderr
    yield made
    shutil.rmtree(home)  # hundreds of megabytes


@pytest.fixture
def installed(python: Path, tmp_path: Path) -> Iterator[Daemon]:
    environment = {
        "PYTHONSAFEPATH": "1",  # or our sources in the current folder would be imported
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    made = Daemon(tmp_path, python=python, environment=environment)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


@pytest.mark.timeout(600)
def test_the_main_job_is_done_without_dlib_face_recognition_and_pkg_resources(
    installed: Daemon, python: Path, photos: Path
) -> None:
    wanted = [f"importlib.util.find_spec({name!r})" for name in NOT_THERE]
    program = f"import importlib.util; print({', '.join(wanted)})"
    found = subprocess.run([python, "-c", program], capture_output=True, check=True, timeout=60)
    assert found.stdout == b"None None None\n"

    for person in ("amy", "raj"):
        shutil.copytree(photos / "bbt" / person, installed.photos / person)
    installed.start()
    status = installed.wait_until_idle(300)
    assert status["files"]["done"] == 10, installed.log()
    assert status["recluster"]["last"] is not None
    folders = [
        {os.path.basename(os.path.dirname(path)) for path in paths}
        for paths in installed.folders().values()
    ]
    assert folders in ([{"amy"}, {"raj"}], [{"raj"}, {"amy"}])

    told = subprocess.run(
        [python.with_name("facewatchctl"), "--socket", installed.state / "api.sock", "people"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert b"person_0002" in told.stdout
    assert installed.stop() == 0
    assert "Traceback" not in installed.log()
