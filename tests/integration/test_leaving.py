"""The last thing that the daemon's process does."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, threading
from facewatchd import daemon
logging.basicConfig()
if sys.argv[1] == "stuck":
    threading.Thread(target=threading.Event().wait, name="the stuck one").start()
daemon.leave(7)
"""


@pytest.mark.parametrize("how", ["stuck", "free"])
def test_a_thread_that_hangs_does_not_keep_the_process(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 7
    assert ("the stuck one" in done.stderr) == (how == "stuck")
