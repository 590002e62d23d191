"""What leaves the machine in a bug report holds nothing of a real daemon's names."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

NAME = "Annabelle"


def test_a_bug_report_of_a_real_daemon_tells_what_failed_and_no_name(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / NAME)
    daemon.settings = {
        "roots": [{"path": str(daemon.photos), "ignore": [f"{NAME}.*.bak"]}],
        "limits": {"file_mb": 0.5},
    }
    (daemon.photos / NAME).mkdir()
    for name, content in (
        (f"{NAME}.jpg", b"no picture"),
        (f"{NAME} at home.png", b""),
        (f"{NAME} large.jpg", bytes(600_000)),
        (f"{NAME}.{NAME}", b"what is this"),
        (f"{NAME}.cr2", b"a raw file"),
        (f"{NAME}.1.bak", b"left out"),
        (f"{NAME}.tmp", b"left out"),
    ):
        file = daemon.photos / NAME / name
        file.write_bytes(content)
        os.utime(file, (0, 0))  # nobody is still writing it
    daemon.start()
    try:
        daemon.wait_for(lambda: daemon.status()["files"]["failed"] >= 2, 60)
        daemon.wait_until_idle()
        asked = daemon.ctl("bugreport")
        assert daemon.stop() == 0
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()
    left = daemon.ctl("bugreport")
    for ended in (asked, left):
        assert ended.returncode == 0
        assert NAME.lower().encode() not in ended.stdout.lower()
        assert json.loads(ended.stdout)["status"]["files"]["failed"] >= 2
    report = json.loads(asked.stdout)
    kinds = {error["kind"] for error in report["errors"]}
    large = "The file has … MB; the limit is … (limits.file_mb)."
    assert f"{large} Raise limits.file_mb if it is a real photo." in kinds
    assert all(any(map(str.isalpha, kind)) for kind in kinds)
    (root,) = report["status"]["roots"]
    assert (root["path"], root["state"]) == ("…", "watched")
    assert {"rule": "*.tmp", "files": 1} in root["ignored"]
    assert {"rule": "…", "files": 1} in root["ignored"]
    assert json.loads(left.stdout)["trouble"] == "No daemon answers at …."
