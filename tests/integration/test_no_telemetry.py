"""ONNX Runtime, whose builds report to their maker by default, is kept from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.child import Child

if TYPE_CHECKING:
    import pytest

ENCODE = (
    "import numpy as np; from facewatchd.engines import Setup, encoder;"
    "from facewatchd.model import Box, Detection;"
    "print(encoder('dlib')(Setup()).encode(np.zeros((99, 99, 3), np.uint8),"
    " [Detection(Box(9, 9, 90, 90), 1.0)]).shape)"
)


def run(home: Path, code: str) -> str:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI", "GITHUB_ACTIONS"}
    }
    command = [sys.executable, "-c", code]
    environment["HOME"] = str(home)
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_an_engine_leaves_no_trace_in_the_home_of_its_user(tmp_path: Path) -> None:
    assert run(tmp_path, ENCODE) == "(1, 128)\n"
    assert list(tmp_path.rglob("*")) == []


def test_without_that_it_would(tmp_path: Path) -> None:
    """What the test above looks for is there to be found."""
    run(tmp_path, "import onnxruntime")
    assert list(tmp_path.rglob("deviceid"))


def test_every_child_is_kept_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1] / "plugins"))
    child = Child("echo_child")
    child.send("__import__('os').environ['ORT_DISABLE_TELEMETRY']")
    assert child.connection.poll(20)
    assert child.connection.recv() == "1"
    assert child.close(10)
