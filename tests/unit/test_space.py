from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.pipeline.space import Space
from tests.support.library import InventedClock

if TYPE_CHECKING:
    from collections.abc import Callable

STATE = Path("/state")
BLOCK = 4096


class Disk:
    """The file system of the state folder, as statvfs tells of it."""

    def __init__(self) -> None:
        self.free_mb = 1000.0
        self.looks = 0

    def statvfs(self, folder: Path) -> os.statvfs_result:
        assert folder == STATE
        self.looks += 1
        free = round(self.free_mb * 1e6 / BLOCK)
        kept_for_root = 10**6  # blocks that count as free, and not for us
        return os.statvfs_result((BLOCK, BLOCK, 10**9, free + kept_for_root, free, 0, 0, 0, 0, 255))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr(os, "statvfs", made.statvfs)
    return made


@pytest.fixture
def clock() -> InventedClock:
    return InventedClock()


@pytest.fixture
def space(clock: InventedClock) -> Space:
    return Space(STATE, 500, clock)


def after(clock: InventedClock, seconds: float, act: Callable[[], None]) -> None:
    clock.now += seconds
    act()


def test_with_room_nothing_pauses_and_nobody_needs_to_look_again(disk: Disk, space: Space) -> None:
    space.step()
    assert space.lack is None
    assert space.next_due() is None
    assert disk.looks == 1


def test_a_pause_says_how_much_is_free_and_how_much_is_needed(disk: Disk, space: Space) -> None:
    disk.free_mb = 312.4
    space.step()
    assert space.lack == (
        "only 312 MB are free on the state folder's disk; 500 are needed (limits.free_mb)"
    )


def test_a_pause_ends_by_itself(disk: Disk, space: Space, clock: InventedClock) -> None:
    disk.free_mb = 499
    space.step()
    due = space.next_due()
    assert due is not None
    disk.free_mb = 501
    after(clock, due - clock.now, space.step)
    assert space.lack is None
    assert space.next_due() is None


def test_the_disk_is_asked_at_most_every_ten_seconds(
    disk: Disk, space: Space, clock: InventedClock
) -> None:
    for _ in range(100):
        space.step()
        clock.now += 0.25
    assert disk.looks == 3


def test_the_log_is_told_once_when_a_pause_begins_and_once_when_it_ends(
    disk: Disk, space: Space, clock: InventedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for free in (1000, 400.5, 300, 200, 1000, 1000):
        disk.free_mb = free
        after(clock, 10, space.step)
    assert [(r.levelname, "400 MB" in r.message) for r in caplog.records] == [
        ("WARNING", True),
        ("INFO", False),
    ]


def test_a_limit_of_nothing_never_pauses(disk: Disk, clock: InventedClock) -> None:
    disk.free_mb = 0
    space = Space(STATE, 0, clock)
    space.step()
    assert space.lack is None
