"""How the command line hands over to work that takes numpy and its like."""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def become(*arguments: str) -> NoReturn:
    """Let one-shot work take our place: its signals and its exit code are then ours."""
    command = [sys.executable, "-P", "-m", "facewatchd.batch", *arguments]
    os.execv(command[0], command)  # noqa: S606 -- our own interpreter, no shell
