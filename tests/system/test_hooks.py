"""The real daemon and the real facewatchd-hooks, with real photos, killed now and then."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import Exit
from facewatchd.hooks.memory import locked
from tests.support.hooks import Hooks, receiving
from tests.support.pictures import QUICK, aged
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.daemon import Daemon
    from tests.support.hooks import Received, Receiver

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

CHECKOUT = Path(__file__).resolve().parents[2]
APPEND = "import os, sys; open(sys.argv[1], 'a').write(os.environ['FACEWATCHD_EVENT_TEXT'] + '\\n')"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def hooks(daemon: Daemon, receiver: Receiver) -> Iterator[Hooks]:
    """Have hooks that are not started yet: one to the receiver, a command, one in vain."""
    told = str(daemon.home / "told")
    made = Hooks(
        daemon.home,
        daemon.state / "api.sock",
        {
            "web": {
                "webhook": {"url": receiver.url, "headers": {"X-Token": "sesame"}},
                "gather": 1,
            },
            "file": {"command": [sys.executable, "-c", APPEND, told], "gather": 0},
            "vain": {"webhook": {"url": "http://127.0.0.1:1/"}, "tries": 1000, "gather": 0},
        },
    )
    yield made
    made.kill()


@pytest.mark.parametrize("broken", [False, pytest.param(True, marks=WHOLE)])
def test_nothing_is_lost_when_either_side_is_killed(
    daemon: Daemon,
    hooks: Hooks,
    receiver: Receiver,
    photos: Path,
    broken: bool,  # noqa: FBT001 -- its second try comes after ten seconds
) -> None:
    disk = daemon.home / "disk"
    disk.mkdir()
    if broken:
        (daemon.photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken" * 40)
        aged([daemon.photos / "broken.jpg"])
    daemon.settings = {
        **QUICK,
        "roots": [{"path": str(path)} for path in (daemon.photos, disk)],
        "log": {"names": False},
    }
    daemon.start()
    hooks.start()
    for person in ("amy", "raj"):
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)

    receiver.wait_for(lambda: receiver.messages("person.new"), 60)
    (people,) = receiver.messages("person.new")
    assert people["text"] == "2 people are new: person_0001, person_0002."
    assert [event["facts"]["photos"] for event in people["events"]] == [5, 5]
    failed = receiver.messages("photo.failed")
    assert [each["text"].partition(": ")[0] for each in failed] == (
        [f"A photo in {daemon.photos} could not be read"] if broken else []
    )
    assert "broken.jpg" not in json.dumps(failed)
    assert {r.headers["X-Token"] for r in receiver.requests} == {"sesame"}
    assert all(r.headers["Facewatchd-Event-Id"] == r.message["id"] for r in receiver.requests)

    # The daemon is killed, and something happens while it is not there.
    daemon.kill()
    disk.rename(daemon.home / "away")
    daemon.start()
    receiver.wait_for(lambda: receiver.messages("root.offline"))
    assert receiver.messages("root.offline")[0]["events"][0]["facts"]["root"] == str(disk)

    # The daemon goes over to other settings while hooks wait for its answer.
    daemon.settings["log"] = {"names": True}
    daemon.configure()
    assert daemon.client.reload() == ["log.names"]

    # The hooks are killed when the message has arrived, before they know that.
    def kill(received: Received) -> int:
        if received.message["kind"] == "root.back":
            receiver.status = lambda _: 204
            hooks.kill()
        return 204

    receiver.status = kill
    (daemon.home / "away").rename(disk)
    daemon.client.scan()
    receiver.wait_for(lambda: receiver.messages("root.back"))
    hooks.start()
    receiver.wait_for(lambda: len(receiver.messages("root.back")) == 2)
    first, second = receiver.messages("root.back")
    assert first == second, "a message that comes again is the same"
    told = (daemon.home / "told").read_text()
    for words in ("person_0001 is new", "person_0002 is new", "is offline", "is back"):
        assert words in told, told

    assert hooks.progress("vain")["delivered"] == 0
    assert "127.0.0.1 cannot be reached" in hooks.log()
    assert "sesame" not in hooks.log()
    assert "a-secret-path" not in hooks.log()
    started = time.monotonic()
    assert hooks.stop() == 0, hooks.log()
    assert time.monotonic() - started < 5
    started = time.monotonic()
    assert daemon.stop() == 0, daemon.log()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "point",
    [
        ("after", "facewatchd.store.events:Events.add", "1"),  # before the transaction ends
        pytest.param(("before", "facewatchd.pipeline.bell:Bell.ring", "1"), marks=WHOLE),
    ],
)
def test_a_daemon_that_is_killed_at_an_event_tells_it_once(
    daemon: Daemon, point: tuple[str, str, str]
) -> None:
    away = str(daemon.home / "away")
    daemon.settings = {**QUICK, "roots": [{"path": str(daemon.photos)}, {"path": away}]}
    daemon.program = ["tests.support.kill_points", *point]
    daemon.environment = {"PYTHONPATH": str(CHECKOUT)}
    daemon.start(wait=False)
    assert daemon.process is not None
    assert daemon.process.wait(30) == -signal.SIGKILL
    daemon.bury()
    daemon.program = ["facewatchd"]
    daemon.start()
    found = daemon.client.events("0-0", 30.0)
    assert [event["kind"] for event in found["events"]] == ["root.offline"]
    assert found["events"][0]["facts"]["root"] == away
    assert daemon.client.events(found["next"], 1.0)["events"] == []


def test_a_hook_is_tried_and_checked_by_command(hooks: Hooks, receiver: Receiver) -> None:
    told = hooks.run("--check")
    assert (told.returncode, told.stdout) == (0, "The hooks are valid: web, file, vain.\n")
    told = hooks.run("--test", "web")
    assert (told.returncode, told.stdout) == (0, "The hook web has delivered a test message.\n")
    (message,) = receiver.messages("test")
    assert message["text"] == "A test of the hook web."
    told = hooks.run("--test", "vain")
    assert told.returncode == Exit.FAILED
    assert "127.0.0.1 cannot be reached: [Errno 111] Connection refused." in told.stderr
    told = hooks.run("--test", "nobody")
    assert told.returncode == Exit.CONFIG
    assert "There is no hook 'nobody'" in told.stderr
    hooks.hooks["file"]["command"] = ["/nonexistent"]
    assert "/nonexistent is no program" in hooks.run("--check").stderr
    assert hooks.run().returncode == Exit.CONFIG


def test_a_second_program_with_the_same_folder_ends_at_once(hooks: Hooks) -> None:
    with locked(hooks.state):
        told = hooks.run()
    assert told.returncode == Exit.CONFIG
    assert f"Another facewatchd-hooks works with {hooks.state}." in told.stderr
