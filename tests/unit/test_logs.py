"""Where log lines go, what fields they have, and how many of one kind are told."""

from __future__ import annotations

import logging
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd import logs
from facewatchd.errors import OutputError
from facewatchd.logs import Journal, Pace, Paced
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)


@pytest.fixture
def _systemd_python() -> None:
    try:
        import_module("systemd.journal")
    except ImportError:
        missing("systemd-python (make installs it where libsystemd-dev is)")


_LOG = """
import logging, sys
from facewatchd.logs import setup_logging
setup_logging(sys.argv[1])
log = logging.getLogger("facewatchd.test")
log.debug("not interesting")
log.info("watching %s", "/p/\\udcff.jpg")
logging.getLogger("somebody.else").info("chatter")
logging.getLogger("somebody.else").warning("trouble")
"""


def log_lines(stderr: Path, level: str) -> list[str]:
    """Log from a process whose stderr is ``stderr``; return what it wrote, without the time."""
    with stderr.open("wb") as file:
        subprocess.run([sys.executable, "-c", _LOG, level], stderr=file, check=True)
    return [line.split(" ", 2)[2] for line in stderr.read_text().splitlines()]


def test_log_lines_are_readable_on_stderr(tmp_path: Path) -> None:
    assert log_lines(tmp_path / "stderr", "info") == [
        r"INFO    facewatchd.test: watching /p/\udcff.jpg",
        "WARNING somebody.else: trouble",
    ]
    assert "DEBUG   facewatchd.test: not interesting" in log_lines(tmp_path / "stderr", "debug")
    assert log_lines(tmp_path / "stderr", "warning") == ["WARNING somebody.else: trouble"]


def test_a_journal_that_stderr_is_not_connected_to_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    assert len(log_lines(tmp_path / "stderr", "info")) == 2


@pytest.mark.usefixtures("_systemd_python")
def test_lines_for_the_journal_are_not_written_to_stderr_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = tmp_path / "stderr"
    stderr.touch()
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.stat().st_dev}:{stderr.stat().st_ino}")
    assert log_lines(stderr, "info") == []


class Sent:
    """What was sent to the journal; ``clock`` is what the handler takes for the time."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.now = 0.0

    def send(self, message: str, **fields: Any) -> None:
        self.records.append((message, fields))

    def clock(self) -> float:
        return self.now

    @property
    def messages(self) -> list[str]:
        return [message for message, _ in self.records]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def handler(sent: Sent) -> Iterator[Paced]:
    made = Paced(Journal(sent.send, "facewatchd"), sent.clock)
    log = logging.getLogger("facewatchd.test")
    log.addHandler(made)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    yield made
    log.removeHandler(made)
    log.setLevel(logging.NOTSET)
    log.propagate = True
    made.close()


log = logging.getLogger("facewatchd.test")
PATH = b"/srv/photos/Anna\xff.jpg"


def test_what_a_line_speaks_of_is_a_field_and_without_names_an_id(
    handler: Paced, sent: Sent
) -> None:
    speak = "%s could not be read: %s"
    log.warning(speak, logs.photo(PATH, 7), logs.error("It is no picture."))
    handler.names = True
    log.warning(speak, logs.photo(PATH, 7), logs.error("It is no picture."))
    (discreet, fields), (named, same) = sent.records
    assert discreet == "photo 7 could not be read: It is no picture."
    assert named == r"'/srv/photos/Anna\udcff.jpg' could not be read: It is no picture."
    for each in (fields, same):
        assert (each["PHOTO"], each["ERROR"]) == (PATH, "It is no picture.")
        assert (each["PRIORITY"], each["LOGGER"]) == (4, "facewatchd.test")
        assert each["SYSLOG_IDENTIFIER"] == "facewatchd"


@pytest.mark.parametrize(
    ("about", "name", "value", "words", "discreet"),
    [
        (logs.photo(b"/p/a.jpg"), "PHOTO", b"/p/a.jpg", "'/p/a.jpg'", "a photo"),
        (logs.entry(b"Anna/a.jpg"), "OUTPUT", b"Anna/a.jpg", "'Anna/a.jpg'", "an entry"),
        (logs.root(b"/p"), "ROOT", b"/p", "'/p'", "'/p'"),
        (logs.person("k3v", "Anna"), "PERSON", "k3v", "Anna", "k3v"),
        (logs.person("k3v", None), "PERSON", "k3v", "k3v", "k3v"),
        (
            logs.error(OutputError("No room at 'Anna/a.jpg'.", "Make room.", "No room.")),
            *("ERROR", "No room at 'Anna/a.jpg'.\n  Make room."),
            *("No room at 'Anna/a.jpg'.\n  Make room.", "No room.\n  Make room."),
        ),
    ],
)
def test_each_has_its_field_and_its_words(
    about: logs.About, name: str, value: object, words: str, discreet: str
) -> None:
    assert about == logs.About(name, value, words, discreet)  # type: ignore[arg-type]  # parameters
    assert str(about) == discreet  # whoever else formats it


@pytest.mark.usefixtures("handler")
def test_the_levels_are_the_priorities_of_syslog(sent: Sent) -> None:
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "at level %d", level)
    assert [fields["PRIORITY"] for _, fields in sent.records] == [7, 6, 4, 3, 3]


def test_of_one_kind_a_hundred_are_told_a_minute_and_the_rest_is_counted(
    handler: Paced, sent: Sent
) -> None:
    for number in range(350):
        log.error("%s could not be read", logs.photo(b"/p", number))
        sent.now += 0.1
    log.warning("something else")
    assert len(sent.messages) == 101
    assert sent.messages[99:] == ["photo 99 could not be read", "something else"]
    sent.now = 60.0
    handler.tell()  # as the timer does
    assert sent.messages[101:] == ["250 more like this were left out: photo 349 could not be read"]
    assert sent.records[-1][1]["PRIORITY"] == 3
    log.error("%s could not be read", logs.photo(b"/p", 350))
    assert sent.messages[-1] == "photo 350 could not be read"
    handler.tell()
    assert len(sent.messages) == 103, "it is told once"


def test_what_libraries_put_into_the_message_makes_no_kind_of_its_own(
    handler: Paced, sent: Sent
) -> None:
    for number in range(101):
        log.warning(f"step {number}")  # noqa: G004 - as libraries do
    log.warning("step %d", 101)
    assert sent.messages[99:] == ["step 99", "step 101"]
    handler.close()
    assert sent.messages[-1] == "1 more like this were left out: step 100"


def test_whoever_asks_for_all_there_is_gets_it(handler: Paced, sent: Sent) -> None:
    for number in range(150):
        log.debug("photo %d", number)
    assert len(sent.records) == 150
    assert handler.level == logging.NOTSET


def test_what_was_left_out_is_told_at_the_end(handler: Paced, sent: Sent) -> None:
    for number in range(101):
        log.info("step %d", number)
    assert sent.messages[-1] == "step 99"
    handler.close()
    assert sent.messages[-1] == "1 more like this were left out: step 100"


@given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc")), max_size=400))
def test_every_record_is_told_or_counted_once(steps: list[tuple[float, str]]) -> None:
    pace, now, counted = Pace(), 0.0, 0
    told: list[tuple[float, str]] = []
    for seconds, message in steps:
        now += seconds / 10
        counted += sum(each.count for each in pace.over(now))
        record = logging.LogRecord("x", logging.INFO, message, 0, "", (), None)  # by its place
        if pace.admits(record, now):
            told.append((now, message))
        due = pace.due()
        assert due is None or now < due <= now + 60
    counted += sum(each.count for each in pace.over(float("inf")))
    assert len(told) + counted == len(steps)
    for moment, message in told:  # in any minute, two of the handler's at most
        assert sum(moment <= at < moment + 60 and m == message for at, m in told) <= 200
