"""What real workers, scouts and clusterings log and print is in the log of their parent."""

from __future__ import annotations

import logging
import os
import signal
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facewatchd.child import Child
from facewatchd.errors import LoadError
from facewatchd.logs import Journal, Paced
from facewatchd.model import FileStat, Hashed, ReadPhoto, Setup, WorkerSettings
from facewatchd.pool import Pool
from facewatchd.scout import Go

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.model import Answer

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
TALK = 3000  # lines that the detector logs, and that it prints


class Log:
    """What a daemon would send to the journal."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []

    def send(self, message: str, **fields: Any) -> None:
        self.records.append((message, fields))

    def of(self, logger: str) -> list[tuple[str, dict[str, Any]]]:
        return [record for record in self.records if record[1]["LOGGER"] == logger]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))
    log, root = Log(), logging.getLogger()
    handler = Paced(Journal(log.send, "facewatchd"))
    root.addHandler(handler)
    logging.getLogger("facewatchd").setLevel(logging.INFO)
    yield log
    logging.getLogger("facewatchd").setLevel(logging.NOTSET)
    root.removeHandler(handler)
    handler.close()


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[[int], Answer]]:
    """Return a function that has a worker read a picture whose width says what happens."""
    pools = []

    def read(width: int, detector: str = "talks") -> Answer:
        path = tmp_path / f"Anna {width}.jpg"
        Image.new("RGB", (width, 8), "grey").save(path)
        settings = WorkerSettings(detector, "tiny", Setup(), 250, 500, memory_mb=512)
        pool = Pool(1, settings, seconds=60)
        pools.append(pool)
        name = os.fsencode(path)
        task = ReadPhoto(width, FileStat.of(name, path.stat()))
        pool.submit(task, time.monotonic())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for _, answer in pool.step(time.monotonic()):
                if not isinstance(answer, Hashed):
                    pool.close()
                    return answer
                pool.answer(task, encode=True)
            wait(pool.connections(), timeout=1)
        pytest.fail("nothing came of it")

    yield read
    for pool in pools:
        pool.close()


def test_a_plugin_that_talks_without_end_is_heard_at_the_pace_of_the_log(
    logged: Log, read: Callable[[int], Answer], tmp_path: Path
) -> None:
    read(20)
    talk = logged.of("rogue_detector")
    assert len(talk) == 100
    message, fields = talk[0]
    assert message.startswith("worker ")
    assert message.endswith(" at photo 20: talk 0")
    assert (fields["PRIORITY"], fields["PHOTO"]) == (4, os.fsencode(tmp_path / "Anna 20.jpg"))
    assert fields["CODE_FILE"].endswith("rogue_detector.py")
    ((printed, fields),) = logged.of("facewatchd.chatter")
    first, left_out, *lines = printed.splitlines()
    assert first.endswith(" at photo 20 printed:")
    assert left_out == f"({TALK + 1 - 40:,} lines)"
    assert lines[-2:] == [f"printed {TALK - 1}", "all printed"]
    assert (fields["PRIORITY"], fields["PHOTO"]) == (6, os.fsencode(tmp_path / "Anna 20.jpg"))
    assert "Anna" not in "".join(message for message, _ in logged.records)
    handler = next(h for h in logging.getLogger().handlers if isinstance(h, Paced))
    handler.close()
    assert logged.records[-1][0].startswith(f"{TALK - 100} more like this were left out: worker ")
    assert logged.records[-1][0].endswith(f" at photo 20: talk {TALK - 1}")


def test_the_last_words_of_a_worker_are_a_warning_with_its_photo(
    logged: Log, read: Callable[[int], Answer], tmp_path: Path
) -> None:
    read(10)
    ((message, fields),) = logged.of("facewatchd.chatter")
    first, *lines = message.splitlines()
    assert first.endswith(" at photo 10 crashed (SIGABRT); its last words:")
    assert lines[:2] == ["double free or corruption", "Fatal Python error: Aborted"]
    assert any("rogue_detector.py" in line and "in detect" in line for line in lines)
    assert (fields["PRIORITY"], fields["PHOTO"]) == (4, os.fsencode(tmp_path / "Anna 10.jpg"))
    assert "double free" in fields["ERROR"]


def test_an_engine_that_cannot_be_loaded_has_its_last_words_in_the_log(
    logged: Log, read: Callable[[int, str], Answer]
) -> None:
    with pytest.raises(LoadError, match="Its last words are in the log"):
        read(20, "dies-at-start")
    ((message, fields),) = logged.of("facewatchd.chatter")
    assert " crashed (SIGILL); its last words:\nFatal Python error: Illegal instr" in message
    assert "DiesAtStart" in message or "rogue_detector.py" in message
    assert fields["PRIORITY"] == 4


def test_a_scout_that_dies_says_which_root_it_was_at(logged: Log, tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    scout = Child("facewatchd.scout")
    scout.send((root, (), ()))
    scout.send(Go(root, deep=True))
    assert scout.connection.poll(20)  # it waits for leave to go on
    os.kill(scout.pid, signal.SIGABRT)
    assert scout.close(10)
    ((message, fields),) = logged.of("facewatchd.chatter")
    assert message.startswith(
        f"scout {scout.pid} at {str(tmp_path)!r} crashed (SIGABRT); its last words:\nFatal Python"
    )
    assert (fields["PRIORITY"], fields["ROOT"]) == (4, root)


def test_an_error_that_a_child_does_not_expect_is_one_record(logged: Log) -> None:
    child = Child("facewatchd.regroup", threads=None)
    child.send("no task")
    with pytest.raises(EOFError):
        child.connection.recv()
    assert child.end_in_words() == "ended with code 1"
    child.close(1)
    ((message, fields),) = logged.records
    assert message.startswith(f"regroup {child.pid}: It ends by an error that it did not expect.")
    assert message.endswith("AttributeError: 'str' object has no attribute 'memory'")
    assert (fields["PRIORITY"], fields["LOGGER"]) == (3, "facewatchd.child")
    assert fields["ERROR"] == "'str' object has no attribute 'memory'"


def test_a_child_that_was_killed_on_purpose_has_no_last_words(logged: Log) -> None:
    child = Child("echo_child")
    child.send("print('busy', flush=True)")
    assert child.connection.recv() is None
    child.kill()
    assert child.close(10)
    assert logged.records[-1][0] == f"echo_child {child.pid} printed:\nbusy"
    assert logged.records[-1][1]["PRIORITY"] == 6


def test_what_a_child_left_behind_does_not_keep_its_parent_waiting(logged: Log) -> None:
    child = Child("echo_child")
    child.send("__import__('subprocess').Popen(['sleep', '3600']).pid")
    grandchild = child.connection.recv()  # it has the pipe too
    started = time.monotonic()
    try:
        assert child.close(10)
        assert time.monotonic() - started < 8
    finally:
        os.kill(grandchild, signal.SIGKILL)
    assert logged.records == []
