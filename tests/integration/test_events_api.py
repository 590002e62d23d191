"""The event stream over the real socket: who waits costs nobody anything."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.api import openapi
from facewatchd.client import Client
from facewatchd.errors import ApiError, NotRunningError
from tests.support.schema import violations
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from pathlib import Path

MANY = 60  # more than the API has threads


class Listened(Scripted):
    """Counts who asks, so that a test knows that they wait."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = threading.Semaphore(0)

    def events(self, after: str | None, limit: int) -> dict[str, Any]:
        found = super().events(after, limit)
        self.looks.release()
        return found

    def happens(self) -> None:
        number = len(self.happened) + 1
        event = {"id": f"{number}-0", "at": 1.0, "kind": "root.back", "facts": {"root": "/p"}}
        self.happened.append(event)
        self.bell.ring()

    def wait_for_looks(self, count: int) -> None:
        for _ in range(count):
            assert self.looks.acquire(timeout=30)


@pytest.fixture
def control() -> Listened:
    return Listened()


def test_the_answer_has_the_shape_that_the_api_describes(control: Listened, tmp_path: Path) -> None:
    control.happens()
    answers = openapi()["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]
    with served(control, tmp_path / "s"):
        client = Client(tmp_path / "s")
        found = client.events("0-0")
        assert violations(answers["application/json"]["schema"], found) == []
        assert [event["id"] for event in found["events"]] == ["1-0"]
        assert client.events()["events"] == []
        assert client.events(found["next"])["events"] == []


def test_whoever_waits_is_answered_when_something_happens(
    control: Listened, tmp_path: Path
) -> None:
    with served(control, tmp_path / "s"), ThreadPoolExecutor(1) as pool:
        client = Client(tmp_path / "s")
        answer = pool.submit(client.events, "0-0", 300.0)
        control.wait_for_looks(1)
        control.happens()
        assert [event["id"] for event in answer.result(10)["events"]] == ["1-0"]


def test_many_who_wait_hold_up_nobody_and_not_the_end(control: Listened, tmp_path: Path) -> None:
    client = Client(tmp_path / "s")
    with ThreadPoolExecutor(MANY) as pool:
        with served(control, tmp_path / "s"):
            answers = [pool.submit(client.events, "0-0", 300.0) for _ in range(MANY)]
            control.wait_for_looks(MANY)
            started = time.monotonic()
            assert client.status()["state"] == "idle"
            assert time.monotonic() - started < 5
            ends = time.monotonic()
        assert time.monotonic() - ends < 4
        assert [answer.result(10)["events"] for answer in answers] == [[]] * MANY
    with pytest.raises(NotRunningError):
        client.status()


def test_who_has_waited_long_enough_is_told_nothing(control: Listened, tmp_path: Path) -> None:
    with served(control, tmp_path / "s"):
        started = time.monotonic()
        assert Client(tmp_path / "s").events("0-0", 0.3)["events"] == []
        assert 0.3 <= time.monotonic() - started < 10


def test_when_the_pipeline_closes_who_waits_is_sent_away(control: Listened, tmp_path: Path) -> None:
    with served(control, tmp_path / "s"), ThreadPoolExecutor(1) as pool:
        client = Client(tmp_path / "s")
        answer = pool.submit(client.events, "0-0", 300.0)
        control.wait_for_looks(1)
        control.bell.close()
        assert answer.result(10)["events"] == []
        with pytest.raises(ApiError, match="goes over to another configuration"):
            client.events("0-0", 300.0)


@pytest.mark.parametrize("seconds", [-1.0, 301.0])
def test_an_impossible_wait_is_refused(control: Listened, tmp_path: Path, seconds: float) -> None:
    with served(control, tmp_path / "s"):
        with pytest.raises(ApiError, match=r"The parameter wait is .*") as raised:
            Client(tmp_path / "s").events("0-0", seconds)
        assert raised.value.remedy == "Give 0 to 300 seconds."
        with pytest.raises(ApiError, match="is no id of an event"):
            Client(tmp_path / "s").events("nonsense")
