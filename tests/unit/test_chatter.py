"""What a child process logs and prints, and what the log of its parent makes of that."""

from __future__ import annotations

import logging
import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd import logs
from facewatchd.chatter import Listener, Said, ToParent, at
from facewatchd.logs import About

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = b"/srv/photos/Anna's\xff.jpg"
PHOTO = logs.photo(PATH, 17)
Fields = dict[str, bytes | str]
NONE: dict[str, Any] = {"exc_info": None}


class Parent(logging.Handler):
    """Takes the place of the parent's handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.names = False
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(logs.told(record, names=self.names))

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]

    @property
    def fields(self) -> list[Fields]:
        return [getattr(record, "fields", {}) for record in self.records]


@contextmanager
def listening() -> Iterator[Parent]:
    made = Parent()
    loggers = [logging.getLogger(name) for name in ("facewatchd", "somebody")]
    for each in loggers:
        each.addHandler(made)
        each.setLevel(logging.INFO)
    yield made
    for each in loggers:
        each.removeHandler(made)
        each.setLevel(logging.NOTSET)


@pytest.fixture
def parent() -> Iterator[Parent]:
    with listening() as made:
        yield made


class Pipe:
    """The child's end of a pipe, and all that was written into it."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        self.child = ToParent(write)
        self._write = write
        os.set_blocking(self._read, False)

    def log(self, level: int, message: str, *args: object, **more: Any) -> None:
        record = logging.LogRecord("somebody.else", level, "/a/code.py", 7, message, args, **more)
        self.child.handle(record)

    def content(self) -> bytes:
        return os.read(self._read, 1 << 16)

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def well() -> str | None:
    return None


def heard(*chunks: bytes, bad_end: Callable[[], str | None] = well) -> None:
    said = Said("worker 5")
    for chunk in chunks:
        said.hear(chunk)
    said.end(bad_end)


def test_a_record_keeps_its_level_its_place_and_its_fields(parent: Parent, pipe: Pipe) -> None:
    speak = "%s of %s: %s"
    pipe.log(logging.ERROR, speak, PHOTO, logs.person("k3v", "Anna"), logs.error("Why."), **NONE)
    content = pipe.content()
    heard(content)
    parent.names = True
    heard(content)
    (discreet, named), (fields, same) = parent.messages, parent.fields
    assert discreet == "worker 5: photo 17 of k3v: Why."
    assert named == f"worker 5: {os.fsdecode(PATH)!r} of Anna: Why."
    assert fields == same == {"PHOTO": PATH, "PERSON": "k3v", "ERROR": "Why."}
    (record, _) = parent.records
    assert (record.name, record.levelname) == ("somebody.else", "ERROR")
    assert (record.pathname, record.lineno) == ("/a/code.py", 7)


def test_what_a_child_is_at_is_told_with_all_that_it_says(parent: Parent, pipe: Pipe) -> None:
    pipe.child.at(PHOTO)
    pipe.log(logging.WARNING, "strange", **NONE)
    pipe.child.at(None)
    pipe.log(logging.WARNING, "calm", **NONE)
    heard(pipe.content())
    assert parent.messages == ["worker 5 at photo 17: strange", "worker 5: calm"]
    assert parent.fields == [{"PHOTO": PATH}, {}]


def test_what_is_printed_is_one_record_of_its_photo_however_much_it_is(
    parent: Parent, pipe: Pipe
) -> None:
    pipe.child.at(PHOTO)
    begin = pipe.content()
    pipe.child.at(None)
    end = pipe.content()
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    heard(b"loading\n", begin, lines[:777], lines[777:], b"no end of line", end, b"idle\n")
    before, during, after = parent.messages
    assert (before, after) == ("worker 5 printed:\nloading", "worker 5 printed:\nidle")
    said = during.splitlines()
    assert said[:3] == ["worker 5 at photo 17 printed:", "(961 lines)", "line 961"]
    assert said[-2:] == ["line 999", "no end of line"]
    assert len(said) == 42
    assert {record.levelname for record in parent.records} == {"INFO"}
    assert parent.fields == [{}, {"PHOTO": PATH}, {}]


def test_last_words_are_a_warning_and_only_those_of_the_last_task(
    parent: Parent, pipe: Pipe
) -> None:
    pipe.child.at(PHOTO)
    heard(b"once\n", pipe.content(), b"corrupted list", bad_end=lambda: "crashed (SIGABRT)")
    assert parent.messages[1:] == [
        "worker 5 at photo 17 crashed (SIGABRT); its last words:\ncorrupted list"
    ]
    assert parent.records[1].levelname == "WARNING"
    assert parent.fields[1] == {"PHOTO": PATH, "ERROR": "corrupted list"}


def test_who_says_nothing_is_not_asked_how_it_ended(parent: Parent, pipe: Pipe) -> None:
    def never() -> str:
        raise AssertionError("it waits for the process")

    pipe.child.at(None)
    heard(pipe.content(), b"\n", bad_end=never)
    assert parent.messages == []


@pytest.mark.parametrize(
    ("words", "discreet"),
    [
        (f"cannot read {PATH!r} now", 'cannot read b"…" now'),
        (f"cannot read {os.fsdecode(PATH)!r} now", 'cannot read "…" now'),
        (f"cannot read {os.fsdecode(PATH)} now", "cannot read … now"),
    ],
)
def test_a_path_in_what_libraries_say_stands_there_only_with_names(
    parent: Parent, pipe: Pipe, words: str, discreet: str
) -> None:
    pipe.child.at(PHOTO)
    pipe.log(logging.WARNING, words, **NONE)
    content = pipe.content() + os.fsencode(words) + b"\n"
    heard(content)
    parent.names = True
    heard(content)
    assert parent.messages[:2] == [
        f"worker 5 at photo 17: {discreet}",
        f"worker 5 at photo 17 printed:\n{discreet}",
    ]
    assert all("Anna" in each for each in parent.messages[2:])


def test_below_a_root_no_path_is_told_without_names(parent: Parent, pipe: Pipe) -> None:
    pipe.child.at(logs.root(b"/srv/photos"))
    try:
        os.stat(b"/srv/photos/Anna's party/x")
    except OSError as error:
        pipe.log(logging.ERROR, "It ends.", exc_info=(type(error), error, error.__traceback__))
    heard(pipe.content())
    (message,) = parent.messages
    assert message.startswith("worker 5 at '/srv/photos': It ends.\nTraceback")
    assert message.endswith('No such file or directory: b"/srv/photos/…')
    assert parent.fields[0]["ROOT"] == b"/srv/photos"
    assert "Anna's party" in str(parent.fields[0]["ERROR"])


def test_a_level_that_the_parent_does_not_log_is_left_out(parent: Parent, pipe: Pipe) -> None:
    pipe.log(logging.DEBUG, "trifle", **NONE)
    heard(pipe.content())
    assert parent.messages == []


def test_a_record_without_end_is_cut_in_its_middle(parent: Parent, pipe: Pipe) -> None:
    pipe.log(logging.WARNING, "begin" + 30_000 * "x" + "end", **NONE)
    heard(pipe.content())
    (message,) = parent.messages
    assert len(message) < 16_100
    assert message.startswith("worker 5: begin")
    assert message.endswith("xend")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0{}\0",
        b'\0{"at": [1]}\0',
        b'\0{"name": 3}\0',
        b"\0{nonsense}\0",
        b"\0\0{\0",
        b'\0{"at":' + 9000 * b"[" + b"}\0",
    ],
)
def test_what_looks_like_a_message_and_is_none_is_text(parent: Parent, garbage: bytes) -> None:
    heard(garbage + b"\nnext\n")
    (message,) = parent.messages
    assert message.startswith("worker 5 printed:\n")
    assert message.endswith("next")


@given(st.lists(st.integers(1, 60), max_size=30), st.binary(max_size=200))
def test_it_does_not_matter_how_the_pipe_cuts_what_comes(cuts: list[int], noise: bytes) -> None:
    noise = noise.replace(b"\0", b"")
    with closing(Pipe()) as pipe:
        pipe.child.at(PHOTO)
        pipe.log(logging.WARNING, "strange", **NONE)
        left = whole = noise + b"\n" + pipe.content() + noise
    chunks = []
    for size in cuts:
        chunks.append(left[:size])
        left = left[size:]
    with listening() as parent:
        heard(*chunks, left)
        in_parts = parent.messages.copy()
        heard(whole)
    assert parent.messages == in_parts * 2
    assert "worker 5 at photo 17: strange" in in_parts


def test_outside_of_a_child_nobody_is_told_what_it_is_at(
    capfd: pytest.CaptureFixture[str],
) -> None:
    at(About("PHOTO", PATH, "", ""))
    assert capfd.readouterr() == ("", "")


def test_a_listener_ends_with_the_pipe(parent: Parent) -> None:
    read, write = os.pipe()
    listener = Listener(read, "worker 5", lambda: "ended with code 1")
    listener.start()
    os.write(write, b"oh\n")
    os.close(write)
    listener.join(10)
    assert not listener.is_alive()
    assert parent.messages == ["worker 5 ended with code 1; its last words:\noh"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(read)
