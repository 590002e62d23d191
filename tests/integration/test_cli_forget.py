"""``facewatchctl forget`` against a daemon that answers what a test wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.pipeline.forgetting import What
from tests.support.scripted import PHOTO, Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(sys.prefix) / "bin" / "facewatchctl"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Scripted]:
    control = Scripted()
    with served(control, tmp_path / "api.sock"):
        yield control


def forget(state: Path, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    command: list[str | bytes | Path] = [COMMAND, "--state", state, "forget", *arguments]
    return subprocess.run(
        command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("typed", "what"),
    [("p1", What(person="p1")), (PHOTO, What(photo=PHOTO))],
)
def test_what_is_forgotten_is_told_and_what_stays(
    control: Scripted, tmp_path: Path, typed: str | bytes, what: What
) -> None:
    told = forget(tmp_path, typed, "--yes")
    assert told.returncode == 0, told.stderr
    assert told.stdout == b"Forgotten: 8 faces in 7 photos.\nOut of reach: /mnt/stick is away.\n"
    assert control.asked_for("forget") == [what]


def test_what_may_be_two_things_is_not_guessed(control: Scripted, tmp_path: Path) -> None:
    told = forget(tmp_path, "7", "--yes")
    assert told.returncode == 2
    assert b"--as person or --as face" in told.stderr
    assert control.asked_for("forget") == []
    assert forget(tmp_path, "7", "--yes", "--as", "face").returncode == 0
    assert control.asked_for("forget") == [What(face=7)]


def test_nothing_is_forgotten_where_nobody_can_be_asked(control: Scripted, tmp_path: Path) -> None:
    told = forget(tmp_path, "p1")
    assert told.returncode == 2
    assert b"--yes" in told.stderr
    assert control.asked_for("forget") == []


def test_what_nobody_knows_is_not_found(control: Scripted, tmp_path: Path) -> None:
    told = forget(tmp_path, "nobody", "--yes")
    assert told.returncode == 4
    assert control.asked_for("forget") == []


def test_the_answer_as_json_tells_how_it_ended(control: Scripted, tmp_path: Path) -> None:
    told = forget(tmp_path, "p1", "--yes", "--json")
    answer = json.loads(told.stdout)
    assert answer["number"] == 9
    assert answer["traces"] == control.traces()


def test_a_face_is_named_by_digits_alone(control: Scripted, tmp_path: Path) -> None:
    assert forget(tmp_path, os.fsencode("७"), "--yes", "--as", "face").returncode == 4
    assert control.asked_for("forget") == []
