"""A message by a real program, a real web server, and Apprise."""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import ConfigError, HookError
from facewatchd.hooks.config import Hook, Webhook
from facewatchd.hooks.messages import messages
from facewatchd.hooks.ways import way_of
from tests.conftest import missing
from tests.support.hooks import receiving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.hooks.ways import Way
    from tests.support.hooks import Receiver

EVENT = {
    "id": "7-1763221800000000",
    "at": 1763221800.0,
    "kind": "photo.failed",
    "facts": {"file": 3, "root": "/photos", "error": "Cut", "path": "/photos/\udcff\n.jpg"},
}
TELL = """
import json, os, sys
ours = {k: v for k, v in os.environ.items() if k.startswith("FACEWATCHD_EVENT_")}
json.dump([ours, json.load(sys.stdin), "NOTIFY_SOCKET" in os.environ], open(sys.argv[1], "w"))
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def document(*events: dict[str, Any]) -> dict[str, Any]:
    (message,) = messages(events or (EVENT,), single=False)
    return message.document("phone", "l1")


def command(*words: object, timeout: float = 20.0) -> Way:
    return way_of(Hook(command=tuple(map(str, words)), timeout=timeout))


def webhook(url: str, timeout: float = 5.0, **headers: str) -> Way:
    return way_of(Hook(webhook=Webhook(url=url, headers=headers), timeout=timeout))


def test_a_program_gets_the_message_in_json_and_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/ours")
    command(sys.executable, "-c", TELL, tmp_path / "told").send(document())
    environment, message, has_our_socket = json.loads((tmp_path / "told").read_text())
    assert message == document()
    assert has_our_socket is False
    assert {key.removeprefix("FACEWATCHD_EVENT_"): v for key, v in environment.items()} == {
        "HOOK": "phone",
        "LIBRARY": "l1",
        "ID": "7-1763221800000000",
        "KIND": "photo.failed",
        "COUNT": "1",
        "AT": "1763221800.0",
        "TEXT": "/photos/\udcff\n.jpg could not be read: Cut. See: facewatchctl errors",
        "FILE": "3",
        "ROOT": "/photos",
        "ERROR": "Cut",
        "PATH": "/photos/\udcff\n.jpg",
    }


def test_of_many_events_the_environment_has_no_facts(tmp_path: Path) -> None:
    command(sys.executable, "-c", TELL, tmp_path / "told").send(document(EVENT, EVENT))
    environment, message, _ = json.loads((tmp_path / "told").read_text())
    assert environment["FACEWATCHD_EVENT_COUNT"] == "2"
    assert "FACEWATCHD_EVENT_FILE" not in environment
    assert len(message["events"]) == 2


def test_no_shell_has_a_part_in_it(tmp_path: Path) -> None:
    path = tmp_path / "$(touch made); x"
    command("/bin/sh", "-c", 'cat > "$0"', path).send(document())
    assert json.loads(path.read_text()) == document()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_program_that_does_not_read_and_one_that_fails(tmp_path: Path) -> None:
    command("/bin/true").send(document(*[EVENT] * 2000))  # more than a pipe holds
    with pytest.raises(HookError, match=r"/bin/sh ended with status 3\."):
        command("/bin/sh", "-c", "exit 3").send(document())
    with pytest.raises(HookError, match=r"/bin/sh ended with signal 9\."):
        command("/bin/sh", "-c", "kill -9 $$").send(document())
    with pytest.raises(ConfigError, match="is no program that can be run"):
        command(tmp_path / "gone")


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    script = 'sleep 60 & echo $! > "$0"; wait'
    started = time.monotonic()
    with pytest.raises(HookError, match=r"/bin/sh took more than 0\.5 s\."):
        command("/bin/sh", "-c", script, tmp_path / "pid", timeout=0.5).send(document())
    assert time.monotonic() - started < 10
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 10
    while _lives(child):
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] != b"Z"
    except FileNotFoundError:
        return False


def test_a_webhook_gets_json_with_an_id_and_the_headers_that_were_named(
    receiver: Receiver,
) -> None:
    webhook(receiver.url, Authorization="Bearer sesame").send(document())
    (received,) = receiver.requests
    assert received.message == document()
    assert received.headers["Content-Type"] == "application/json"
    assert received.headers["Facewatchd-Event-Id"] == EVENT["id"]
    assert received.headers["Authorization"] == "Bearer sesame"
    assert received.headers["User-Agent"].startswith("facewatchd-hooks/")


@pytest.mark.parametrize("status", [301, 303, 307, 400, 404, 503])
def test_any_answer_but_success_means_that_it_did_not_arrive(
    receiver: Receiver, status: int
) -> None:
    receiver.status = lambda _: status
    with pytest.raises(HookError, match=rf"127\.0\.0\.1 answered {status} ") as raised:
        webhook(receiver.url).send(document())
    assert len(receiver.requests) == 1, "no redirect is followed"
    assert "a-secret-path" not in str(raised.value)


def test_a_server_that_is_not_there_or_says_nothing(receiver: Receiver) -> None:
    with pytest.raises(HookError, match=r"127\.0\.0\.1 cannot be reached: .*refused"):
        webhook("http://127.0.0.1:1/a-secret-path").send(document())
    silent = threading.Event()
    receiver.status = lambda _: 204 + silent.wait(10)
    with pytest.raises(HookError, match=r"127\.0\.0\.1 cannot be reached: timed out") as raised:
        webhook(receiver.url, timeout=0.3).send(document())
    silent.set()
    assert "a-secret-path" not in str(raised.value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of apprise: it imports imghdr
def test_apprise_delivers_the_text(receiver: Receiver) -> None:
    if importlib.util.find_spec("apprise") is None:
        missing("apprise")
    plain = receiver.url.removeprefix("http")
    way = way_of(Hook(apprise=(f"json{plain}",)))
    receiver.status = lambda _: 200
    way.send(document())
    assert receiver.requests[0].message["message"] == document()["text"]
    receiver.status = lambda _: 500
    with pytest.raises(HookError, match="Apprise could not deliver"):
        way.send(document())
    with pytest.raises(ConfigError, match="does not understand address 1") as raised:
        way_of(Hook(apprise=("secret:nonsense",)))
    assert "nonsense" not in str(raised.value)


def test_without_apprise_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match="not installed") as raised:
        way_of(Hook(apprise=("json://localhost",)))
    assert "facewatchd[apprise]" in raised.value.remedy
