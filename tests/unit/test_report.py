from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.config import load
from facewatchd.pipeline.report import STATUS_EVERY, Report

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = 5.0  # a change that is over by then is not reported


class Daemon:
    """What a report asks: of the pipeline whether anything changed, of the control how it is."""

    changes = 0
    asked = 0
    paused: str | None = None

    def status(self) -> dict[str, Any]:
        self.asked += 1
        files = {"pending": 0, "failed": 1}
        return {
            "state": "paused" if self.paused else "idle",
            "paused": self.paused,
            "photos": self.changes,
            "people": 2,
            "files": files,
            "errors": [{"path": "/photos/a.jpg"}],
        }


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def report(daemon: Daemon, tmp_path: Path) -> Report:
    state = tmp_path / "state"
    state.mkdir()
    folders = {"roots": [{"path": tmp_path / "photos"}], "output": tmp_path / "people"}
    settings = load(None, {**folders, "state": state})
    made = Report(settings, daemon, daemon)  # type: ignore[arg-type]  # stands in for both
    made.renew(0)
    return made


def test_while_nothing_changes_nothing_is_due(report: Report) -> None:
    assert report.next_due(10) is None
    assert report.next_due(10**6) is None


def test_a_change_is_told_soon_when_there_was_no_report_lately(
    report: Report, daemon: Daemon
) -> None:
    daemon.changes = 1
    assert report.next_due(1000) == 1000 + MOMENT
    assert report.next_due(1003) == 1000 + MOMENT  # further changes do not put it off


def test_reports_keep_their_distance(report: Report, daemon: Daemon) -> None:
    daemon.changes = 1
    assert report.next_due(1) == STATUS_EVERY


def test_what_comes_and_goes_is_not_worth_a_report(report: Report, daemon: Daemon) -> None:
    daemon.changes = 1
    assert report.next_due(1000) is not None
    daemon.changes = 0
    assert report.next_due(1001) is None


def test_after_a_report_nothing_is_due_before_the_next_change(
    report: Report, daemon: Daemon
) -> None:
    daemon.changes = 1
    assert report.renew(1000) == "idle: 1 photos, 2 people"
    assert report.next_due(1001) is None
    daemon.changes = 2
    assert report.next_due(1002) == 1000 + STATUS_EVERY


def test_a_pause_is_told_with_its_reason(report: Report, daemon: Daemon) -> None:
    daemon.paused = "on battery"
    assert report.renew(1000) == "paused (on battery): 0 photos, 2 people"


def test_the_file_says_how_it_is_and_names_no_photo(
    report: Report, daemon: Daemon, tmp_path: Path
) -> None:
    daemon.changes = 3
    report.renew(1000)
    told = json.loads((tmp_path / "state" / "status.json").read_text())
    assert (told["photos"], told["state"]) == (3, "idle")
    assert "errors" not in told
