"""``facewatchctl engine``, with a daemon that answers what the test wrote down."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facewatchd import render
from facewatchd.render import Field
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENGINE = {
    "name": "hog+dlib",
    "note": None,
    "waiting": 0,
    "unreadable": 0,
    "last": None,
    "switch": None,
}
SWITCH = {
    "to": "mtcnn+dlib",
    "halted": None,
    "done": 40,
    "total": 1200,
    "away": 0,
    "waits_until": None,
    "seconds_left": 3700.0,
}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Scripted]:
    made = Scripted()
    with served(made, tmp_path / "api.sock"):
        yield made


def ctl(state: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facewatchd.cli", "--state", state, "engine", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=dict(os.environ),
    )


def test_an_estimate_says_time_nights_and_space_and_begins_nothing(
    control: Scripted, tmp_path: Path
) -> None:
    ended = ctl(tmp_path, "switch", "mtcnn", "--estimate")
    assert ended.stdout.splitlines() == [
        "To: mtcnn+dlib",
        "Photos: 10,000 photos, 12 more cannot be reached now",
        "Each: 8.00 s (measured on 6 photos by one worker)",
        "Time: 11 h 6 min with 2 workers, 1.4 nights of 8 h",
        "Space: 22.0 MB in the store until it is done",
    ]
    assert ended.returncode == 0
    assert control.asked == [("estimate", "mtcnn")]


@pytest.mark.parametrize(("typed", "begun"), [("y\n", ["mtcnn+dlib"]), ("n\n", []), ("", [])])
def test_a_switch_begins_when_the_user_says_yes(
    control: Scripted, tmp_path: Path, typed: str, begun: list[str]
) -> None:
    ended = ctl(tmp_path, "switch", "mtcnn", typed=typed)
    assert ended.returncode == (0 if begun else 1)
    assert control.asked_for("switch") == begun


def test_what_the_daemon_refuses_is_an_error(control: Scripted, tmp_path: Path) -> None:
    ended = ctl(tmp_path, "switch", "hog+dlib", "--yes")
    assert ended.returncode == 1
    assert "encoded by hog+dlib already" in ended.stderr
    assert control.asked_for("switch") == []


@pytest.mark.parametrize("command", ["pause", "resume", "abort"])
def test_a_switch_is_paused_resumed_and_aborted(
    control: Scripted, tmp_path: Path, command: str
) -> None:
    assert ctl(tmp_path, command).returncode == 0
    assert control.asked == [(command, None)]


def test_the_status_shows_how_far_a_switch_is(control: Scripted, tmp_path: Path) -> None:
    control.switch = SWITCH
    words = "to mtcnn+dlib: 40 of 1,200 photos read, 1 h 1 min left"
    assert ctl(tmp_path, "status").stdout == f"Engine: hog+dlib\nSwitch: {words}\n"


def test_a_halt_photos_that_wait_and_another_configuration_are_said() -> None:
    fields = render.engine_fields(
        ENGINE
        | {
            "note": "The configuration names another.",
            "waiting": 1,
            "unreadable": 2,
            "switch": SWITCH | {"halted": "it broke"},
        }
    )
    assert fields == [
        Field("Engine", "hog+dlib"),
        Field("Engine", "The configuration names another."),
        Field(
            "Switch",
            "to mtcnn+dlib: 40 of 1,200 photos read, 2 could not be read; halted, it broke; go on"
            " with: facewatchctl engine resume, drop it with: facewatchctl engine abort",
        ),
        Field(
            "Waiting",
            "1 photo waits for the engine hog+dlib: 1 cannot be reached or not read yet",
        ),
    ]


def test_photos_that_wait_are_said_with_the_reason_and_what_helps() -> None:
    [_, waiting] = render.engine_fields(ENGINE | {"waiting": 5, "unreadable": 2})
    assert waiting.text == (
        "5 photos wait for the engine hog+dlib: 3 cannot be reached or not read yet,"
        " 2 could not be read (try again: facewatchctl retry)"
    )


def test_a_switch_that_waits_for_a_disk_says_so_and_how_not_to() -> None:
    waits = SWITCH | {"done": 40, "total": 40, "away": 7, "waits_until": 1e9}
    [_, switch] = render.engine_fields(ENGINE | {"switch": waits})
    assert "40 of 40 photos read; waits for 7 photos on places that are away, until 2001-" in (
        switch.text
    )
    assert switch.text.endswith("without them now: facewatchctl engine resume --without-the-rest")
