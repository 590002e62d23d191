"""A new version upgrades the store of the one before it; that one goes back, and loses nothing.

The former version is the real one: the last commit before the newest migration.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facewatchd.store import backup
from facewatchd.store.sound import known, made_by
from tests.support.daemon import Daemon
from tests.support.history import before_migration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


class Versions:
    """One library, and two programs for it."""

    def __init__(self, home: Path, former: Path) -> None:
        self.new = Daemon(home)
        # Not from the current folder, which holds the new one.
        self.of_former = {"PYTHONPATH": str(former), "PYTHONSAFEPATH": "1"}
        self.former = Daemon(home, environment=self.of_former, usual={})
        self.new.usual = {}  # settings that the former one does not know

    def restore(self, file: Path) -> subprocess.CompletedProcess[str]:
        """Go back by the former version's command, as docs/service.md tells."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "facewatchd.cli"),
                *("--state", self.new.state, "restore", file),
            ],
            env=os.environ | self.of_former,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def versions(tmp_path: Path) -> Iterator[Versions]:
    (tmp_path / "former").mkdir()
    former = before_migration(max(known()), tmp_path / "former")
    made = Versions(tmp_path / "home", former)
    yield made
    for daemon in (made.new, made.former):
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def people(daemon: Daemon) -> dict[str, tuple[str | None, bool]]:
    rows = daemon.rows("SELECT id, name, hidden FROM people WHERE kept")
    return {person: (name, bool(hidden)) for person, name, hidden in rows}


def said_of_faces(daemon: Daemon) -> set[tuple[object, ...]]:
    """Return of each face of which something was said what, by photo and box, and whose it is."""
    return set(
        daemon.rows(
            "SELECT hash, box_left, box_top, box_right, box_bottom, said, person FROM faces"
            " JOIN photos ON photos.id = photo LEFT JOIN looks ON looks.id = look"
            " LEFT JOIN people ON people.id = person WHERE said IS NOT NULL"
        )
    )


def test_every_decision_survives_an_upgrade_and_the_way_back(
    versions: Versions, photos: Path
) -> None:
    former, new = versions.former, versions.new
    for person in ("amy", "raj"):
        for photo in sorted((photos / "bbt" / person).iterdir())[:3]:
            shutil.copy(photo, new.photos)
    former.start()
    assert former.wait_until_idle(200)["files"]["done"] == 6
    amy, raj = (each["id"] for each in former.client.people())
    former.client.say("people/name", person=amy, name="Amy")
    assert former.stop() == 0
    by_former = made_by(new.state / "store.db")[0]
    assert known() - by_former == {max(known())}

    new.start()
    assert "changes the store" in new.log()
    assert people(new) == {amy: ("Amy", False)}
    faces = new.client.faces_of(raj, 5)
    new.client.say("people/name", person=amy, name="Amy Farrah")
    new.client.say("people/name", person=raj, name="Raj")
    new.client.say("people/hide", person=raj)
    new.client.say("people/confirm", person=raj)
    new.client.say("faces/ignore", faces=[faces[0]["face"]])
    new.wait_until_idle()
    decided, of_faces = people(new), said_of_faces(new)
    assert decided == {amy: ("Amy Farrah", False), raj: ("Raj", True)}
    assert {row[5] for row in of_faces} == {"confirmed", "ignored"}
    assert new.stop() == 0
    journal = (new.state / "decisions.jsonl").read_bytes()

    former.start(wait=False)
    assert former.process is not None
    assert former.process.wait(30) == 78
    assert "was made by a newer facewatchd" in former.log()

    (copy,) = backup.own(new.state / "backups")
    went = versions.restore(copy)
    assert (went.returncode, went.stderr) == (0, "")
    assert "5 newer decisions" in went.stdout
    former.start()
    former.wait_until_idle()
    assert made_by(new.state / "store.db")[0] == by_former
    assert (new.state / "decisions.jsonl").read_bytes() == journal
    assert people(former) == decided
    assert said_of_faces(former) == of_faces
    assert former.status()["output"]["conflicts"] == []
    assert {"Amy Farrah"} == set(former.folders()) | {
        path.name for path in former.output.iterdir() if not path.name.startswith((".", "_"))
    }
    assert former.stop() == 0
