"""Mends ``time.sleep`` under libfaketime 0.9.10, for Python processes that have this in their path.

Python sleeps until a moment of the monotonic clock.  libfaketime takes that for a moment of the
clock that it fakes, also when it is told to leave the monotonic one alone, and sleeping fails with
EINVAL.  A wait for nothing lasts as long, and is left alone.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex) -> None:
    select.select([], [], [], max(0.0, float(seconds)))


time.sleep = _sleep
