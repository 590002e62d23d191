"""Detectors that misbehave, for the tests of the worker pool: the picture's width says how."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup


log = logging.getLogger(__name__)


class RogueDetector:
    protocol = 1
    name = "rogue"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        match pixels.shape[1]:
            case 101:  # crash
                ctypes.string_at(0)
            case 102:  # hang
                time.sleep(3600)
            case 103:  # exhaust memory
                np.ones(10**10, np.uint8)
            case 104:  # a bug
                raise ZeroDivisionError
            case 105:  # what the kernel does when memory is out
                os.kill(os.getpid(), signal.SIGKILL)
            case 107:  # an endless loop
                while True:
                    pass
            case 108:  # take memory without end, a little at a time
                hoard = [np.ones(10**7, np.uint8)]
                while True:
                    hoard.append(hoard[-1] + 1)
        return []


class DiesAtStart(RogueDetector):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        os.kill(os.getpid(), signal.SIGILL)


class Refuses(RogueDetector):
    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        raise PluginError("The weights are missing.", "Install them.")


class Talks(RogueDetector):
    """Talks without end, as libraries do, below Python and above; a narrow picture is too much."""

    name = "talks"

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        libc = ctypes.CDLL(None)
        if pixels.shape[1] < 20:
            libc.puts(b"double free or corruption")
            os.abort()
        for number in range(3000):
            log.warning(f"talk {number}")  # noqa: G004 - each is another message
            libc.printf(b"printed %d\n", number)
        print("all printed")
        return []
