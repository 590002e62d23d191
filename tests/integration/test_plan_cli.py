"""``facewatchctl plan`` and ``recluster --dry-run``, against a daemon that follows a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from facewatchd.cli import main
from facewatchd.errors import Exit
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHANGE: dict[str, Any] = {
    "kind": "join",
    "source": None,
    "source_called": None,
    "target": "aaaaaaaaaaaaaaaa",
    "target_called": "Ann",
    "new": None,
    "faces": 1200,
}
PLAN: dict[str, Any] = {
    "id": "0a1b2c3d",
    "made": 1_700_000_000.0,
    "churn": 0.123,
    "faces": 1214,
    "joins": 1200,
    "leaves": 1,
    "moves": 0,
    "merges": 1,
    "splits": 1,
    "new_people": 1,
    "questions": 2,
    "changes": [
        CHANGE,
        CHANGE | {"kind": "merge", "source": "b" * 16, "source_called": "person_0004", "faces": 12},
        CHANGE
        | {
            "kind": "split",
            "source": "c" * 16,
            "target": None,
            "target_called": None,
            "new": 1,
            "faces": 1,
        },
        CHANGE
        | {"kind": "leave", "source": "c" * 16, "target": None, "target_called": None}
        | {"faces": 1},
    ],
}


@pytest.fixture
def control() -> Scripted:
    return Scripted()


@pytest.fixture
def state(control: Scripted, tmp_path: Path) -> Iterator[Path]:
    with served(control, tmp_path / "api.sock"):
        yield tmp_path


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--state", str(state), *arguments])


def test_a_plan_is_shown_with_who_gives_how_many_faces_to_whom(
    state: Path, control: Scripted
) -> None:
    control.waiting = PLAN
    lines = run(state, "plan", "show").output.splitlines()
    assert lines[1:] == [
        "Churn: 12.3% of the faces of people",
        "Faces: 1,200 join somebody, 1 become doubtful",
        "People: 1 new, 1 part of somebody else, 1 split",
        "Questions: 2 faces of people whom you spoke of may be somebody else",
        "Change: nobody -> Ann: 1,200 faces",
        "Change: person_0004 -> Ann: 12 faces",
        "Change: cccccccc -> somebody new (1): 1 face",
        "Change: cccccccc -> nobody: 1 face",
        "  Have it done with: facewatchctl plan apply 0a1b2c3d",
    ]
    assert json.loads(run(state, "plan", "show", "--json").output) == PLAN


def test_no_plan_waits_is_said(state: Path) -> None:
    result = run(state, "plan", "show")
    assert result.exit_code == Exit.NOT_FOUND
    assert "No plan waits." in result.output


def test_a_dry_run_is_waited_for_and_its_plan_shown(state: Path, control: Scripted) -> None:
    control.waiting = PLAN
    assert "0a1b2c3d" in run(state, "recluster", "--dry-run").output
    assert control.asked == [("recluster", True)]
    assert run(state, "recluster", "--json").exit_code == Exit.USAGE


def test_the_plan_of_a_dry_run_is_told_as_json(state: Path, control: Scripted) -> None:
    control.waiting = PLAN
    assert json.loads(run(state, "recluster", "--dry-run", "--json").output) == PLAN


def test_applying_tells_what_was_left_alone(state: Path, control: Scripted) -> None:
    assert run(state, "plan", "apply", "0a1b2c3d").output.splitlines() == [
        "14 faces moved.",
        "  Left alone, as changed since the plan was made: 3, 8",
    ]
    assert run(state, "plan", "apply").exit_code == 0
    assert run(state, "plan", "drop").output == "No plan waits any more.\n"
    assert control.asked == [("apply", "0a1b2c3d"), ("apply", None), ("drop", None)]


def test_a_plan_that_does_not_hold_any_more_is_said_to_be_made_again(
    state: Path, control: Scripted
) -> None:
    control.applied = {"id": "0a1b2c3d", "moves": 0, "dropped": [3, 8], "again": True}
    assert run(state, "plan", "apply").output.splitlines() == [
        "Too much has changed since the plan was made; faces are clustered again.",
        "  Nothing was moved; changed since: 3, 8",
    ]
