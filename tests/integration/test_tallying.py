"""Every try to read a photo is counted by what came of it; by a pool that a test scripts."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd.model import Hashed, Lost, PhotoChanged, PhotoFailed, PhotoUnsupported
from facewatchd.pipeline.tally import RESULTS
from facewatchd.store import Store
from tests.support.encoding import Bench
from tests.support.library import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.model import Answer

NEAR = (0.0, 0.0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "people")


def counted(bench: Bench) -> dict[str, int]:
    results = bench.encoding.tally.look().results
    return {name: n for name, n in zip(RESULTS, results, strict=True) if n}


def test_a_new_photo_is_read_and_timed(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.clock.now += 3
    bench.finish(b"picture", NEAR)
    look = bench.encoding.tally.look()
    assert (counted(bench), look.seconds, look.buckets[-1]) == ({"read": 1}, 3.0, 1)


def test_a_copy_is_known_and_takes_no_time(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", NEAR)
    bench.add_file(b"b.jpg")
    bench.reading()
    bench.clock.now += 3
    assert not bench.hash(b"picture")
    assert counted(bench) == {"read": 1, "known": 1}
    assert bench.encoding.tally.look().seconds == 0


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (PhotoFailed("It is cut short.", "Copy it again."), "failed"),
        (Lost("The process that read it crashed."), "failed"),
        (PhotoUnsupported(".cr2", "It has no picture in it."), "unsupported"),
        (PhotoChanged(), "changed"),
    ],
)
def test_what_is_not_read_is_counted_by_its_result(
    bench: Bench, answer: Answer, result: str
) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.pool.says(answer)
    bench.encoding.step()
    assert counted(bench) == {result: 1}


def test_a_photo_that_is_read_beside_its_copy_counts_once(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.pool.says(Hashed(b"content"))
    bench.encoding.step()
    bench.finish(b"picture", NEAR, content=b"content")
    assert counted(bench) == {"read": 1}
