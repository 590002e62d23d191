"""``facewatchctl pause``, ``resume`` and ``metrics``, of a daemon that answers by a script."""

from __future__ import annotations

import json
import os
import stat
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from click.testing import CliRunner

from facewatchd.cli import main
from facewatchd.errors import Exit, FacewatchError, NotRunningError
from facewatchd.render import pause_words
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

pytestmark = pytest.mark.usefixtures("in_utc")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Scripted]:
    script = Scripted()
    with served(script, tmp_path / "api.sock"):
        yield script


def ask(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--state", str(state), *arguments])


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("90s", 90), ("90", 90), ("10m", 600), ("2h", 7200), ("1.5h", 5400), ("7d", 604800)],
)
def test_a_pause_for_some_time_says_until_when(
    control: Scripted, tmp_path: Path, typed: str, seconds: float
) -> None:
    told = ask(tmp_path, "pause", "--for", typed)
    assert control.asked_for("pause all") == [seconds]
    until = time.strftime("%Y-%m-%d %H:%M", time.gmtime(1_700_000_200 + seconds))
    assert told.output == f"Paused: by you (facewatchctl resume), until {until}.\n"


def test_a_pause_without_an_end_says_how_it_ends(control: Scripted, tmp_path: Path) -> None:
    assert ask(tmp_path, "pause").output == "Paused: by you (facewatchctl resume).\n"
    assert control.asked_for("pause all") == [None]


def test_resume_says_what_keeps_work_from_going_on(control: Scripted, tmp_path: Path) -> None:
    assert ask(tmp_path, "resume").output == "Work goes on.\n"
    control.still_paused = "on battery (work.on_battery)"
    assert ask(tmp_path, "resume").output == "Paused: on battery (work.on_battery).\n"
    assert json.loads(ask(tmp_path, "resume", "--json").output) == {
        "paused": "on battery (work.on_battery)",
        "paused_until": None,
    }


@pytest.mark.parametrize("typed", ["soon", "0s", "0", "-1h", "2 hours", "1e3", "", "h"])
def test_a_time_that_is_none_is_refused_before_anybody_is_asked(
    control: Scripted, tmp_path: Path, typed: str
) -> None:
    told = ask(tmp_path, "pause", f"--for={typed}")
    assert told.exit_code == 2
    assert "like 90s, 10m, 2h or 7d" in told.output
    assert control.asked == []


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "31622401", "x"])
def test_the_daemon_refuses_a_time_that_is_none(
    control: Scripted, tmp_path: Path, seconds: str
) -> None:
    transport = httpx.HTTPTransport(uds=str(tmp_path / "api.sock"))
    with httpx.Client(transport=transport, base_url="http://daemon") as raw:
        answer = raw.post("/v1/pause", params={"seconds": seconds})
    assert answer.status_code == 400
    assert answer.json()["error"]["remedy"] == "Give seconds above 0, at most a year."
    assert control.asked == []


def test_a_moment_of_today_is_told_without_the_date() -> None:
    soon = 86400 * (time.time() // 86400) + 86399
    assert pause_words({"paused": "by you", "paused_until": soon}) == "by you, until 23:59"
    later = time.strftime("%Y-%m-%d 23:59", time.gmtime(soon + 86400))
    assert pause_words({"paused": "by you", "paused_until": soon + 86400}).endswith(later)
    assert pause_words({"paused": "by you", "paused_until": None}) == "by you"
    assert pause_words({"paused": None, "paused_until": None}) == ""
    assert pause_words({}) == ""  # of a daemon that knew no pause


def test_metrics_are_printed_as_the_daemon_says_them(control: Scripted, tmp_path: Path) -> None:
    assert ask(tmp_path, "metrics").output.encode() == control.figures


def test_a_file_of_metrics_is_for_all_to_read_and_replaced_as_a_whole(
    control: Scripted, tmp_path: Path
) -> None:
    folder = tmp_path / "textfile"
    folder.mkdir()
    file = folder / "facewatchd.prom"
    before = os.umask(0o077)
    try:
        assert ask(tmp_path, "metrics", "--output", str(file)).output == ""
    finally:
        os.umask(before)
    assert file.read_bytes() == control.figures
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    with file.open("rb") as reader:  # node_exporter, which has it open just now
        control.figures = b"a 2\n"
        ask(tmp_path, "metrics", "--output", str(file))
        assert reader.read().endswith(b"a 1\n")
    assert file.read_bytes() == b"a 2\n"
    assert list(folder.iterdir()) == [file]


def test_without_a_daemon_the_file_says_so_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "facewatchd.prom"
    file.write_text("old figures\n")
    told = ask(tmp_path, "metrics", "--output", str(file))
    assert isinstance(told.exception, NotRunningError | SystemExit)
    assert file.read_text().splitlines()[-1] == "facewatchd_up 0"
    assert "old" not in file.read_text()
    assert ask(tmp_path, "metrics").output.count("facewatchd_up") == 0


def test_a_place_that_takes_no_file_is_named(control: Scripted, tmp_path: Path) -> None:
    assert control.figures
    told = ask(tmp_path, "metrics", "--output", str(tmp_path / "none" / "a.prom"))
    words = told.output + str(told.exception)
    assert "a.prom cannot be written: No such file or directory" in words
    (tmp_path / "folder.prom").mkdir()
    told = ask(tmp_path, "metrics", "--output", str(tmp_path / "folder.prom"))
    assert "cannot be written: Is a directory" in told.output + str(told.exception)
    assert not list(tmp_path.glob(".*.prom*"))
    assert isinstance(told.exception, FacewatchError | SystemExit)
    assert told.exit_code in {1, Exit.FAILED}
