"""Photos that end or hold up their worker, and a clock that jumps: all others go on as ever."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import missing
from tests.support.pictures import QUICK, aged, album
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

DAY = 86400
FAKETIME = "faketime/libfaketimeMT.so.1"
ROGUES = {
    101: "crashed (SIGSEGV)",
    102: "took longer than 3 seconds",
    107: "took longer than 3 seconds",
    103: "needed more than 512 MB",
    108: "needed more than 512 MB",
}


@WHOLE[0]
@WHOLE[1]
def test_photos_that_end_their_worker_cost_only_themselves(daemon: Daemon, shown: Shown) -> None:
    """The detector here does as the picture's width says."""
    daemon.environment = {"PYTHONPATH": str(Path(__file__).parents[1] / "plugins")}
    daemon.settings = {
        "engine": {"detector": "rogue"},
        "limits": {"seconds": 3, "memory_mb": 512},
        "workers": 2,
    }
    daemon.start()
    daemon.wait_until_idle()
    for width in (*range(200, 220), *ROGUES, *range(220, 240)):
        Image.effect_noise((width, 8), 50).save(daemon.home / f"{width}.png")
        (path,) = aged([daemon.home / f"{width}.png"])
        path.rename(daemon.photos / path.name)
    good = {bytes(daemon.photos / f"{width}.png") for width in range(200, 240)}
    daemon.wait_for(lambda: _done(daemon) >= good, 90)
    status = daemon.wait_until_idle(90)
    assert status["files"]["failed"] == len(ROGUES)
    errors = {int(Path(error["path"]).stem): error for error in daemon.client.errors(10)}
    assert errors.keys() == ROGUES.keys()
    wrong = {w: errors[w] for w, words in ROGUES.items() if words not in errors[w]["reason"]}
    assert wrong == {}
    late = album(daemon.photos / "late", 5)
    daemon.wait_for(lambda: _done(daemon) >= set(map(bytes, late)), 15)
    assert daemon.stop() == 0
    shown(
        "photos that crash their worker, take memory without end, loop for ever",
        "each failed with its reason after two tries; 45 others read",
    )


def _done(daemon: Daemon) -> set[bytes]:
    return {path for path, state in daemon.files(daemon.home).items() if state == "done"}


@WHOLE[0]
@WHOLE[1]
def test_a_clock_that_jumps_a_day_disturbs_nothing(daemon: Daemon, shown: Shown) -> None:
    library = next((p for p in Path("/usr/lib").glob("*") if (p / FAKETIME).exists()), None)
    if library is None:
        missing("libfaketime")
        return
    polled = daemon.home / "polled"
    polled.mkdir()
    daemon.settings = QUICK | {
        "roots": [{"path": str(daemon.photos)}, {"path": str(polled), "watch": "poll"}],
        "watching": {"poll": "3s"},
    }
    clock = daemon.home / "clock"
    daemon.environment = {
        "LD_PRELOAD": str(library / FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
        "PYTHONPATH": str(Path(__file__).parents[1] / "support" / "faketime"),
    }
    clock.write_text("+0\n")
    album(daemon.photos / "first", 40)
    daemon.start()
    for number, jump in enumerate((-DAY, DAY, 0), 1):
        clock.write_text(f"{jump:+}\n")  # also while the first are being read
        assert abs(daemon.status()["time"] - time.time() - jump) < 60, "the clock did not jump"
        for folder in (daemon.photos, polled):
            arrived = _dated(album(folder / f"after {number}", 4, first=100 * number), 0)
            arrived += _dated(album(folder / f"dated {number}", 4, first=100 * number + 50), jump)
            _wait_for(daemon, arrived)
        quiet = daemon.wait_until_idle()
        assert [root["state"] for root in quiet["roots"]] == ["watched", "polled"]
    (daemon.photos / "first" / "0000.jpg").unlink()
    daemon.wait_for(lambda: daemon.status()["missing"] == 1, 15)
    daemon.wait_until_idle()
    before = daemon.cpu_seconds()
    time.sleep(4)  # the time over which the use is measured
    assert daemon.cpu_seconds() - before < 0.5, "a timer runs wild"
    status = daemon.status()
    assert status["files"] == {"pending": 0, "done": 87, "failed": 0, "unsupported": 0}
    assert status["photos"] == 87 - 24, "pictures of both roots are equal"
    assert daemon.stop() == 0
    shown(
        "the clock set a day back, a day forth, and right",
        "photos before and after found and read in normal time; timers unaffected",
    )


def _dated(paths: list[Path], jump: float) -> list[Path]:
    """Give files the times that they would have on a machine whose clock has jumped."""
    for path in paths:
        os.utime(path, (time.time() + jump,) * 2)
    return paths


def _wait_for(daemon: Daemon, paths: list[Path]) -> None:
    """Settling takes at most 10 s for a file that is new, and twice 3 s are between the looks."""
    wanted = set(map(bytes, paths))
    daemon.wait_for(lambda: _done(daemon) >= wanted, 30)
