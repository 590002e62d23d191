"""A re-clustering as a plan: seen, applied and dropped, with the real daemon on real photos."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system


def said(daemon: Daemon, *arguments: str) -> str:
    done = daemon.ctl(*arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def plan(daemon: Daemon, *arguments: str) -> dict[str, Any]:
    found = json.loads(said(daemon, *arguments, "--json"))
    assert isinstance(found, dict)
    return found


def restart(daemon: Daemon, **recluster: float) -> None:
    assert daemon.stop() == 0
    daemon.settings = {"recluster": recluster}
    daemon.start()
    daemon.wait_until_idle()


def links(daemon: Daemon) -> dict[str, set[str]]:
    return {folder.name: {p.name for p in folder.iterdir()} for folder in daemon.output.iterdir()}


def test_what_a_re_clustering_would_change_is_seen_before_it_is_done(
    daemon: Daemon, photos: Path, measured: Callable[[str], None]
) -> None:
    shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
    daemon.settings = {"recluster": {"merge": 0.36}}
    daemon.start()
    daemon.wait_until_idle()
    said(daemon, "people", "name", "person_0001", "Sheldon")
    restart(daemon, max_churn=0)  # with the merge distance of the encoder: people are joined
    before = links(daemon)
    sheldon = daemon.client.person("Sheldon")

    shown = said(daemon, "recluster", "--dry-run")
    waits = plan(daemon, "plan", "show")
    assert waits["id"] in shown
    assert waits["joins"] > 0
    assert waits["churn"] == 0 or waits["merges"] + waits["moves"] + waits["splits"] > 0
    assert shown.count(" -> ") == len(waits["changes"])
    assert sum(change["faces"] for change in waits["changes"]) == waits["faces"]
    assert not any(change["source_called"] == "Sheldon" for change in waits["changes"])
    assert links(daemon) == before
    status = daemon.status()["recluster"]["plan"]
    assert (status["id"], status["moves"]) == (waits["id"], waits["faces"])
    assert f"Plan: {waits['id']} waits" in said(daemon, "status")

    daemon.kill()
    daemon.start()
    assert plan(daemon, "plan", "show") == waits

    applied = plan(daemon, "plan", "apply", waits["id"])
    assert applied == {"id": waits["id"], "moves": waits["faces"], "dropped": [], "again": False}
    daemon.wait_for(lambda: links(daemon) != before, 30)
    daemon.wait_until_idle()
    assert before["Sheldon"] <= links(daemon)["Sheldon"] | {"cover.jpg"}
    assert daemon.client.person("Sheldon")["id"] == sheldon["id"]
    assert daemon.client.person("Sheldon")["faces"] >= sheldon["faces"]
    again = plan(daemon, "recluster", "--dry-run")
    assert said(daemon, "plan", "drop") == "No plan waits any more.\n"
    assert daemon.ctl("plan", "show").returncode == 4
    measured(
        f"bbt: {waits['faces']} faces move by a plan of {waits['churn']:.1%} churn;"
        f" a plan made after it moves {again['faces']}"
    )
    assert again["faces"] == 0
