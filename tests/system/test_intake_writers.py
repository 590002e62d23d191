"""Programs that write a photo slowly, in two goes, or anew: it is encoded from its final bytes."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.arrivals import Arrivals
from tests.support.daemon import Daemon
from tests.support.pictures import QUICK, noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

ONCE = "encoded once and from its final bytes"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Return a daemon that watches an empty root; every test has a folder of its own in it."""
    running = Daemon(tmp_path_factory.mktemp("writers"), ["--log-level", "debug"], settings=QUICK)
    running.start()
    running.wait_until_idle()
    yield running
    running.kill()


@pytest.fixture
def arrivals(daemon: Daemon, request: pytest.FixtureRequest) -> Arrivals:
    return Arrivals(daemon, daemon.photos / request.node.name)


def write(
    arrivals: Arrivals, contents: dict[Path, bytes], seconds: float, mode: str = "wb"
) -> None:
    """Write all files bit by bit, half a second apart, and look at the daemon meanwhile."""
    parts = max(1, round(seconds / 0.5))
    with ExitStack() as stack:
        files = [
            (stack.enter_context(path.open(mode, buffering=0)), content, -(-len(content) // parts))
            for path, content in contents.items()
        ]
        for part in range(parts):
            for file, content, size in files:
                file.write(content[part * size : (part + 1) * size])
            arrivals.look()
            time.sleep(0.5 if seconds else 0)  # the slowness is what is tested


def test_a_slow_writer(arrivals: Arrivals, shown: Shown) -> None:
    """Longer than the time after which a file that nobody closed is looked at."""
    kinds = ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP"]
    contents = {
        arrivals.folder / f"slow.{kind.lower()}": noise(10 + number, 320, 240, kind)
        for number, kind in enumerate(kinds)
    }
    write(arrivals, contents, seconds=13)
    arrivals.check(list(contents))
    shown("a writer that takes 13 s", f"JPEG, PNG, BMP, TIFF, GIF and WebP: each {ONCE}")


def test_a_writer_that_reopens_after_four_seconds(arrivals: Arrivals, shown: Shown) -> None:
    path, content = arrivals.folder / "reopened.jpg", noise(2, 320, 240)
    half = len(content) // 2
    write(arrivals, {path: content[:half]}, seconds=0)
    time.sleep(4)  # the pause is what is tested
    write(arrivals, {path: content[half:]}, seconds=2, mode="ab")
    arrivals.check([path])
    shown("a writer that closes, and appends the rest 4 s later", ONCE)


def test_a_writer_that_truncates_and_rewrites(arrivals: Arrivals, shown: Shown) -> None:
    path, content = arrivals.folder / "rewritten.jpg", noise(4, 320, 240)
    write(arrivals, {path: noise(3, 320, 240)}, seconds=0)
    time.sleep(1)  # the pause is what is tested
    write(arrivals, {path: content}, seconds=8)
    arrivals.check([path])
    shown("a writer that truncates a photo and writes another one for 8 s", ONCE)
