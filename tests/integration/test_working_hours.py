"""The pipeline with real workers and a wall clock that the test sets: a window opens and closes."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.config import load
from facewatchd.pipeline.loop import Pipeline
from tests.support.pictures import QUICK, album

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("in_utc")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
EVENING = NOON + 10 * 3600
PATIENCE = 60.0


class WallClock:
    """The machine's clock for waiting, and another one on the wall."""

    monotonic = staticmethod(time.monotonic)

    def __init__(self, now: float) -> None:
        self.set(now)

    def set(self, now: float) -> None:
        self._ahead = now - time.monotonic()

    def time(self) -> float:
        return time.monotonic() + self._ahead


@contextmanager
def started(folder: Path, clock: WallClock, **work: Any) -> Iterator[Pipeline]:
    for name in ("photos", "people", "state"):
        (folder / name).mkdir(exist_ok=True)
    settings = load(
        None,
        QUICK
        | {
            "roots": [{"path": folder / "photos"}],
            "output": folder / "people",
            "state": folder / "state",
            "workers": 1,
            "work": work,
        },
    )
    with closing(Pipeline(settings, clock)) as pipeline:
        pipeline.start(lambda: False)
        yield pipeline


def run(pipeline: Pipeline, until: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Step until the states of all files are as wanted."""
    deadline = time.monotonic() + PATIENCE
    while True:
        pipeline.step()
        rows = pipeline._store._db.execute("SELECT state, count(*) FROM files GROUP BY state")
        if until(states := dict(rows.fetchall())):
            return states
        assert time.monotonic() < deadline, states
        pipeline.wait(time.monotonic() + 1)


def test_photos_are_noticed_outside_the_hours_and_read_within(tmp_path: Path) -> None:
    album(tmp_path / "photos", 3)
    clock = WallClock(NOON)
    with started(tmp_path, clock, encode="22:00-06:00", at_once=2) as pipeline:
        run(pipeline, lambda files: files.get("pending") == 3)
        pipeline.step()
        assert pipeline.live.workers == 0
        assert pipeline.live.state == "paused"
        assert pipeline.live.paused is not None
        assert pipeline.live.paused.until == EVENING
        clock.set(EVENING - 0.5)
        began = time.monotonic()
        while pipeline.live.workers == 0:  # nothing but the clock wakes it
            pipeline.step()
            pipeline.wait()
        assert 0.4 < time.monotonic() - began < PATIENCE
        assert run(pipeline, lambda files: "pending" not in files) == {"done": 3}
        assert pipeline.live.paused is None


def test_what_is_under_way_when_the_hours_end_is_finished_and_nothing_else_begun(
    tmp_path: Path,
) -> None:
    album(tmp_path / "photos", 8)
    clock = WallClock(EVENING)
    with started(tmp_path, clock, encode="22:00-06:00", at_once=2) as pipeline:
        run(pipeline, lambda files: files.get("done", 0) >= 1)
        done = pipeline.live.tallied.buckets[-1]
        clock.set(NOON)
        deadline = time.monotonic() + PATIENCE
        pipeline.step()
        while pipeline._encoding.works:
            assert time.monotonic() < deadline
            pipeline.wait(time.monotonic() + 1)
            pipeline.step()
        files = run(pipeline, lambda _: True)
        assert files["done"] <= done + 1  # one worker
        assert files["pending"] == 8 - files["done"] > 2
        assert pipeline.live.state == "paused"


def test_a_few_new_photos_are_read_at_once(tmp_path: Path) -> None:
    album(tmp_path / "photos", 2)
    with started(tmp_path, WallClock(NOON), encode="22:00-06:00", at_once=2) as pipeline:
        assert run(pipeline, lambda files: "done" in files and "pending" not in files)
        assert pipeline.live.paused is None


def test_a_pause_holds_until_it_is_taken_back_and_waits_without_looking(tmp_path: Path) -> None:
    album(tmp_path / "photos", 2)
    clock = WallClock(NOON)
    with started(tmp_path, clock) as pipeline:
        pipeline._put_off(lambda: pipeline.pausing.pause(None))
        run(pipeline, lambda files: files.get("pending") == 2)
        pipeline.step()
        assert pipeline.live.workers == 0
        assert pipeline.live.state == "paused"
        began = time.monotonic()
        pipeline.wait(began + 0.4)  # nothing is due before
        assert time.monotonic() - began > 0.35
    with started(tmp_path, clock) as pipeline:  # a restart does not end it
        run(pipeline, lambda files: files.get("pending") == 2)
        assert pipeline.live.paused is not None
        assert pipeline._put_off(pipeline.pausing.resume) is None
        assert run(pipeline, lambda files: "pending" not in files) == {"done": 2}


def runs(pipeline: Pipeline) -> bool:
    return pipeline.grouping.running


def test_a_clustering_that_is_due_waits_for_its_hours_and_one_that_is_asked_for_does_not(
    tmp_path: Path,
) -> None:
    album(tmp_path / "photos", 1)
    clock = WallClock(NOON)
    with started(tmp_path, clock, recluster="22:00-06:00") as pipeline:
        run(pipeline, lambda files: "done" in files and "pending" not in files)
        grouping = pipeline.grouping
        grouping.last = clock.time() - 2 * 86400  # the last run was two days ago
        pipeline.step()
        assert not runs(pipeline)
        assert pipeline.live.clustering_paused is not None
        assert pipeline.live.clustering_paused.until == EVENING
        assert pipeline.live.paused is None
        began = time.monotonic()
        pipeline.wait(began + 0.4)  # though it is due
        assert time.monotonic() - began > 0.35
        grouping.request()
        pipeline.step()
        assert runs(pipeline)
        deadline = time.monotonic() + PATIENCE
        while runs(pipeline):
            assert time.monotonic() < deadline
            pipeline.wait(time.monotonic() + 1)
            pipeline.step()
        grouping.last = clock.time() - 2 * 86400
        grouping._not_before = time.monotonic()
        pipeline.step()
        assert not runs(pipeline)
        clock.set(EVENING)
        pipeline.step()
        assert runs(pipeline)
