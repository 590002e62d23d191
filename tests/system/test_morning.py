"""Mixed photos, read from empty by a daemon that nobody touches: what a user finds then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.morning import found, mixed, until_morning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PHOTOS = 300


def test_in_the_morning_there_are_people_and_nothing_waits(
    daemon: Daemon, photos: Path, measured: Callable[[str], None]
) -> None:
    number = mixed(photos, PHOTOS, daemon.photos)
    assert number == PHOTOS
    until_morning(daemon, number)
    morning = found(daemon)
    measured(f"{PHOTOS} mixed photos, untouched: {morning}")
    assert morning["photos"] == number
    assert morning["people with a folder"] >= 8
    assert morning["folders that do not show what they should"] == 0
    assert morning["links in _doubtful"] > 0
    assert morning["links in _doubtful without a candidate"] == 0
    assert morning["files that wait"] == 0
    assert morning["files that failed"] == 0
    assert morning["plans that wait"] == 0
    assert morning["decisions"] == 0
    assert daemon.stop() == 0
