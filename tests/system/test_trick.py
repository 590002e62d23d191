"""The daemon inside watchdog's own command: a real ``watchmedo tricks-from``."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemon import Daemon, wait_for_children

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

WATCHMEDO = Path(sys.executable).with_name("watchmedo")


class Watchmedo(Daemon):
    """The same folders as a daemon's, with watchmedo as the process."""

    def command(self) -> list[str]:
        folders = {
            "source_directory": str(self.photos),
            "output": str(self.output),
            "state": str(self.state),
        }
        trick: dict[str, Any] = {"facewatchd.trick.FaceWatchTrick": {**folders, **self.settings}}
        tricks = self.home / "tricks.yaml"
        tricks.write_text(json.dumps({"tricks": [trick]}))  # JSON is YAML
        return [str(WATCHMEDO), "tricks-from", str(tricks)]


@pytest.fixture
def watchmedo(tmp_path: Path) -> Iterator[Watchmedo]:
    made = Watchmedo(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_photos_dropped_in_become_links_and_ctrl_c_ends_it_cleanly(
    watchmedo: Watchmedo, photos: Path
) -> None:
    shutil.copytree(photos / "bbt" / "raj", watchmedo.photos / "raj")
    watchmedo.start()
    watchmedo.wait_until_idle()
    assert watchmedo.root(watchmedo.photos)["state"] == "polled"
    assert watchmedo.status()["files"]["done"] == 5

    # Listing the root anew is not due for ten minutes: these are seen because watchdog tells.
    shutil.copytree(photos / "bbt" / "amy", watchmedo.photos / "amy")
    watchmedo.wait_for(lambda: watchmedo.status()["files"]["done"] == 10, 60)
    watchmedo.recluster()
    linked = set().union(*watchmedo.folders().values())
    assert {os.path.basename(os.path.dirname(path)) for path in linked} == {"amy", "raj"}

    shutil.rmtree(watchmedo.photos / "amy")
    watchmedo.wait_for(lambda: watchmedo.status()["files"]["done"] == 5, 60)

    process = watchmedo.process
    assert process is not None
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130  # what watchmedo makes of Ctrl-C
    wait_for_children(process)
    assert "Traceback" not in watchmedo.log()
    assert "Stopped." in watchmedo.log()
    assert not (watchmedo.state / "api.sock").exists()
    assert json.loads((watchmedo.state / "status.json").read_text())["files"]["done"] == 5


def test_a_configuration_that_cannot_be_used_ends_watchmedo_with_one_error(
    watchmedo: Watchmedo,
) -> None:
    watchmedo.settings = {"recluster": {"clusterer": "nosuch"}}
    ended = subprocess.run(
        watchmedo.command(), capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "There is no clusterer named 'nosuch'." in ended.stderr
    assert "Traceback" not in ended.stderr
