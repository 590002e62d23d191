"""The pipeline between those who ask and the store: what it does when one of both fails."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd.config import load
from facewatchd.errors import ApiError, StoreWriteError
from facewatchd.pipeline import commands, loop
from facewatchd.pipeline.clock import SystemClock
from facewatchd.pipeline.publishing import Publishing
from facewatchd.watch.emitter import InotifyEmitter

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.config import Settings

PATIENCE = 60.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("photos", "people", "state"):
        (tmp_path / name).mkdir()
    return load(
        None,
        {
            "roots": [{"path": tmp_path / "photos"}],
            "output": tmp_path / "people",
            "state": tmp_path / "state",
        },
    )


def started(settings: Settings) -> loop.Pipeline:
    pipeline = loop.Pipeline(settings, SystemClock())
    pipeline.start(lambda: False)
    return pipeline


def test_a_question_that_timed_out_is_not_answered_later(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_ANSWERS_WITHIN", 0.01)
    asked: list[str] = []
    with closing(started(settings)) as pipeline:
        with pytest.raises(ApiError, match="has not come to the answer"):  # nobody steps meanwhile
            pipeline.ask(lambda: asked.append("in vain"))
        pipeline.do(lambda: asked.append("later"))
        pipeline.step()
    assert asked == ["later"]


def test_a_decision_that_was_not_carried_over_ends_the_step_and_the_next_start_does_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with closing(started(settings)) as pipeline, ThreadPoolExecutor(1) as thread:
        with pipeline._store.transaction():
            ann = pipeline._store.people.create()
        with monkeypatch.context() as patch:
            patch.setattr(Publishing, "touch", full)  # the last before the commit
            answer = thread.submit(pipeline.ask, lambda: pipeline.saying.name(ann, "Ann"))
            pipeline.wait(pipeline._clock.monotonic() + PATIENCE)
            with pytest.raises(StoreWriteError):
                pipeline.step()
            with pytest.raises(StoreWriteError):
                answer.result(PATIENCE)
        assert pipeline._store.people.named() == {}
        with pytest.raises(StoreWriteError):  # not before a new start does it go on
            pipeline.step()
    with closing(started(settings)) as pipeline:
        pipeline.step()
        assert pipeline._store.people.named() == {ann: "Ann"}
        assert [each.name for each in pipeline.deciding.decisions] == ["Ann"]


def test_whoever_wants_a_change_of_a_store_that_cannot_be_written_is_told_at_once(
    settings: Settings,
) -> None:
    with closing(started(settings)) as pipeline, ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(pipeline.ask, lambda: "in vain")
        pipeline.wait(pipeline._clock.monotonic() + PATIENCE)  # until it was asked
        pipeline.halt(StoreWriteError("The disk is full.", "Make room."))
        for ask in (lambda: waiting.result(PATIENCE), lambda: pipeline.ask(int), pipeline.scan):
            with pytest.raises(StoreWriteError, match="The disk is full") as caught:
                ask()
            assert caught.value.remedy == "Make room."
        assert pipeline.live.state == "paused"
        assert pipeline.live.paused is not None
        assert pipeline.live.unwritten is not None
        assert pipeline.live.unwritten.error == "The disk is full."


def test_work_in_the_store_is_no_sign_of_life_once_the_watcher_has_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100000)"
        " SELECT count(*) FROM n"
    )
    breaths: list[None] = []

    def end(*_: object) -> None:
        raise RuntimeError("the watcher ends")

    def is_told(pipeline: loop.Pipeline) -> bool:
        breaths.clear()
        pipeline._store._db.execute(work).fetchone()
        return bool(breaths)

    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # it would print it
    with closing(loop.Pipeline(settings, SystemClock(), lambda: breaths.append(None))) as pipeline:
        assert is_told(pipeline)  # a start that takes long
        pipeline.start(lambda: False)
        assert is_told(pipeline)
        (emitter,) = pipeline.intake.roots._watcher._observer.emitters
        monkeypatch.setattr(InotifyEmitter, "_take", end)
        (settings.roots[0].path / "new.jpg").touch()
        emitter.join(PATIENCE)
        assert not pipeline.alive
        assert not is_told(pipeline)
