"""facewatchctl bugreport: what it holds, and that no telling name comes into it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import Exit, NotFoundError
from tests.support.scripted import Scripted, served

if TYPE_CHECKING:
    from pathlib import Path

NAME = "Annabelle"


class Telling(Scripted):
    """A daemon in which every name of a user's is telling."""

    def status(self) -> dict[str, Any]:
        status = super().status()
        status["roots"] = [
            {
                **status["roots"][0],
                "path": f"/home/{NAME}/photos",
                "state": "degraded",
                "reason": f"/home/{NAME}/nas: nfs4 sends no events; /{NAME}: Permission denied",
                "file_system": f"fuse.{NAME}",
                "unwatched": [f"/home/{NAME}/photos/a", "/home/b"],
                "unwatched_count": 2,
                "ignored": [
                    {"rule": f"{NAME}* (roots.ignore of /home/{NAME})", "files": 7},
                    {"rule": "*.tmp (built in)", "files": 3},
                    {"rule": f".nomedia (/home/{NAME})", "files": 4},
                ],
            },
            {**status["roots"][0], "path": f"/{NAME}", "file_system": "ext4"},
        ]
        status["unsupported"] = [
            {"kind": f".{NAME}", "files": 1},
            {"kind": ".cr2", "files": 20},
            {"kind": ".mov of a Live Photo", "files": 30},
        ]
        status["output"] |= {
            "path": f"/srv/{NAME}",
            "conflicts": [f"/srv/{NAME}/person_0001/{NAME}.jpg"],
            "error": f"The output tree /srv/{NAME} cannot be written: No space left on device.",
        }
        status["recluster"]["error"] = f"{NAME} crashed."
        status["paused"] = f"only 3 MB are free on {NAME}"
        status["version"] = f"1.2+{NAME}"
        status[NAME] = {NAME: NAME, "list": [NAME, 1, None, True]}
        return status

    def errors(self, limit: int) -> list[dict[str, Any]]:
        reasons = ["The file is empty.", f"The file cannot be read: {NAME}.", f"{NAME}", NAME]
        return [{"path": f"/{NAME}.jpg", "reason": r, "tries": 2} for r in reasons][:limit]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "facewatchd.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def report(state: Path) -> dict[str, Any]:
    ended = run("--state", state, "bugreport")
    assert ended.returncode == Exit.OK
    assert "no face, no name, no path" in ended.stderr
    made: dict[str, Any] = json.loads(ended.stdout)
    return made


def test_no_telling_name_comes_into_the_report_and_what_helps_does(tmp_path: Path) -> None:
    with served(Telling(), tmp_path / "api.sock"):
        made = report(tmp_path)
    assert NAME.lower() not in json.dumps(made).lower()
    first, second = made["status"]["roots"]
    assert (first["state"], first["path"], second["state"]) == ("degraded", "…", "watched")
    assert first["reason"] == "… sends no events; …: Permission denied"
    assert (first["file_system"], second["file_system"]) == ("…", "ext4")
    assert (first["unwatched"], first["unwatched_count"]) == (2, 2)
    assert first["ignored"] == [
        {"rule": "…", "files": 7},
        {"rule": "*.tmp", "files": 3},
        {"rule": ".nomedia", "files": 4},
    ]
    assert [kind["kind"] for kind in made["status"]["unsupported"]] == [
        "…",
        ".cr2",
        ".mov of a Live Photo",
    ]
    words = "The output tree … cannot be written: No space left on device."
    assert made["status"]["output"]["error"] == words
    assert made["status"]["output"]["conflicts"] == 1
    assert made["status"]["faces"] == 11
    assert made["errors"] == [
        {"kind": "…", "files": 2},
        {"kind": "The file is empty.", "files": 1},
        {"kind": "The file cannot be read: ….", "files": 1},
    ]


def test_it_holds_versions_limits_and_the_processor(tmp_path: Path) -> None:
    made = report(tmp_path)
    assert set(made["versions"]) >= {"facewatchd", "python", "sqlite", "numpy", "pillow"}
    assert made["machine"]["inotify"]["watches"] > 0
    assert made["machine"]["processor"]["architecture"] == os.uname().machine
    assert made["machine"]["processor"]["cores"] >= 1


def test_without_a_daemon_the_last_status_is_taken(tmp_path: Path) -> None:
    last = Telling().status()
    del last["errors"]
    (tmp_path / "status.json").write_text(json.dumps(last))
    made = report(tmp_path)
    assert made["trouble"] == "No daemon answers at …."
    assert made["status"]["photos"] == 8
    assert made["errors"] == []
    assert NAME not in json.dumps(made)


@pytest.mark.parametrize("content", ["", "[]", '{"roots": 3}', '{"time": "x"}'])
def test_a_last_status_that_makes_no_sense_is_left_out(tmp_path: Path, content: str) -> None:
    (tmp_path / "status.json").write_text(content)
    made = report(tmp_path)
    assert made["status"] is None
    assert made["trouble"] == "No daemon answers at …."


def test_a_last_status_of_another_shape_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(
        json.dumps({"time": 1, "pid": "Grandma", NAME: [NAME, 3]})
    )
    made = report(tmp_path)
    assert made["status"] == {"time": 1, "pid": "…", "…": ["…", 3]}


def test_a_file_is_for_its_owner_alone_and_an_older_one_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    out.write_text("x" * 100_000)
    out.chmod(0o644)
    ended = run("--state", tmp_path, "bugreport", "--out", out)
    assert (ended.returncode, ended.stdout) == (Exit.OK, "")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert json.loads(out.read_text())["status"] is None


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    ended = run("--state", tmp_path, "bugreport", "--out", tmp_path / "none" / "r.json")
    assert ended.returncode == Exit.FAILED
    assert f"cannot be written to {tmp_path}/none/r.json" in ended.stderr


def test_a_daemon_that_refuses_is_told_as_trouble(tmp_path: Path) -> None:
    class Refusing(Scripted):
        def status(self) -> dict[str, Any]:
            raise NotFoundError(f"{NAME} is not known.", "Why?")

    with served(Refusing(), tmp_path / "api.sock"):
        made = report(tmp_path)
    assert made["trouble"] == "… is not known."
    assert NAME not in json.dumps(made)
