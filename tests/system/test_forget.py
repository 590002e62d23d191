"""Forgetting with a real daemon: no byte is left in any of its files, and nothing comes back."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.errors import FacewatchError
from tests.support.daemon import Daemon, DaemonEndedError
from tests.support.pictures import QUICK
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "Xq7 Ünïcode Zebra"
OTHER = "Vw9 Ältere Gnu"
PIECE = 64  # bytes of an encoding that may not be found anywhere
KILLS = [
    ("after", "facewatchd.journal:Journal.append", 1),
    ("before", "facewatchd.store.forgotten:Forgotten.remove_people", 1),
    ("before", "facewatchd.journal:Journal.rewrite", 1),
    ("before", "facewatchd.journal:Journal._bring_up", 2),
    ("before", "facewatchd.store.forgotten:Forgotten.scrub", 1),
    ("before", "facewatchd.pipeline.backups:Backups.order", 1),
]
FEW = (KILLS[0], KILLS[-1])


@pytest.fixture
def daemon(tmp_path: Path, photos: Path) -> Iterator[Daemon]:
    """Return a daemon that knows three people, two of whom are to be forgotten as one."""
    settings = QUICK | {"decisions": {"copies": [str(tmp_path / "copies")]}}
    (tmp_path / "copies").mkdir()
    daemon = Daemon(tmp_path, settings=settings, environment={"PYTHONPATH": str(CHECKOUT)})
    for person in ("amy", "raj", "penny"):
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)
    daemon.start()
    daemon.wait_for(lambda: daemon.status()["photos"] == len(read(daemon)), 90)
    daemon.recluster()
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()


def read(daemon: Daemon) -> list[Path]:
    return [path for path in daemon.photos.rglob("*") if path.is_file()]


def person_in(daemon: Daemon, name: str) -> str:
    """Return the person who has most of the photos in the folder ``name``."""
    people: list[str] = [
        face["person"]
        for path in (daemon.photos / name).iterdir()
        for face in daemon.client.find(bytes(path))["faces"]
        if face["person"]
    ]
    return max(sorted(set(people)), key=people.count)


def name_and_merge(daemon: Daemon) -> str:
    """Say who two people are, and that they are one; return this one's id."""
    amy, raj = person_in(daemon, "amy"), person_in(daemon, "raj")
    assert amy != raj
    for wish in (
        ("people", "name", amy, NAME),
        ("people", "name", raj, OTHER),
        ("people", "merge", amy, raj, "--name", NAME),
    ):
        assert daemon.ctl(*wish).returncode == 0
    daemon.wait_until_idle()
    return amy


def encodings(daemon: Daemon, person: str) -> list[bytes]:
    """Return the encodings of a person's faces and the centroids of the looks, as stored."""
    with closing(sqlite3.connect(daemon.state / "store.db")) as db:
        faces = db.execute(
            "SELECT encoding FROM faces JOIN looks ON looks.id = look WHERE person = ?", [person]
        ).fetchall()
        looks = db.execute("SELECT centroid FROM looks WHERE person = ?", [person]).fetchall()
    return [blob for (blob,) in (*faces, *looks)]


def pieces(blobs: list[bytes]) -> set[bytes]:
    """Return all pieces at steps of a number, of what is stored and of its other precision."""
    found = set()
    for blob in blobs:
        kind, other = ("<f8", "<f4") if len(blob) % 1024 == 0 else ("<f4", "<f8")
        for data in (blob, np.frombuffer(blob, kind).astype(other).tobytes()):
            found |= {data[at : at + PIECE] for at in range(0, len(data) - PIECE + 1, 4)}
    return found


def names() -> set[bytes]:
    texts = {
        form
        for name in (NAME, OTHER)
        for form in (name, name.casefold(), name.upper(), json.dumps(name)[1:-1])
    }
    return {t.encode(code) for t in texts for code in ("utf-8", "utf-16-le", "utf-16-be")}


def everything(daemon: Daemon) -> bytes:
    """Return the bytes and names of all files but the photos, and but what the test wrote."""
    inside = [path for path in daemon.home.rglob("*") if daemon.photos not in path.parents]
    data = [bytes(path) for path in inside]
    data += [os.fsencode(os.readlink(path)) for path in inside if path.is_symlink()]
    data += [path.read_bytes() for path in inside if path.is_file() and not path.is_symlink()]
    return b"\n".join(data)


def found(data: bytes, wanted: set[bytes]) -> int:
    """Return how many of ``wanted`` pieces of one length, or of different ones, are in ``data``."""
    return sum(each in data for each in wanted)


def has_pieces(data: bytes, wanted: set[bytes]) -> bool:
    """Whether any piece of ``PIECE`` bytes is there; looks only where a number may begin it."""
    starts = {piece[:8] for piece in wanted}
    at, length = 0, len(data)
    while at <= length - PIECE:
        if data[at : at + 8] in starts and data[at : at + PIECE] in wanted:
            return True
        at += 1
    return False


def forgotten(daemon: Daemon) -> bool:
    return bool(daemon.client.traces()["done"]) and daemon.is_idle()


def check_gone(daemon: Daemon, stored: set[bytes]) -> None:
    """Nothing of the two is in any file, and their faces are not encoded again."""
    data = everything(daemon)
    assert found(data, names()) == 0
    assert not has_pieces(data, stored)
    assert [each for each in daemon.client.people() if each["name"]] == []
    for person in ("amy", "raj"):
        for path in (daemon.photos / person).iterdir():
            assert daemon.client.find(bytes(path))["faces"] == []
    assert len(daemon.folders()) == 1


def test_nothing_of_a_forgotten_person_is_left_and_nothing_comes_back(
    daemon: Daemon,
) -> None:
    person = name_and_merge(daemon)
    stored = pieces(encodings(daemon, person))
    backups = daemon.state / "backups"
    backups.mkdir()
    own = backups / "facewatchd-20260101-000000.db"
    assert daemon.ctl("backup", own).returncode == 0
    aside = daemon.state / "damaged-20260101-000000"
    aside.mkdir()
    shutil.copy(own, aside / "store.db")
    os.utime(aside, (0, 0))
    assert daemon.ctl("recluster", "--wait").returncode == 0
    before = everything(daemon)
    assert found(before, {NAME.encode(), json.dumps(NAME)[1:-1].encode()}) == 2
    assert has_pieces(before, stored)
    sums = {path: path.read_bytes() for path in read(daemon)}

    told = daemon.ctl("forget", NAME, "--yes")
    assert told.returncode == 0, told.stderr
    assert b"Forgotten: " in told.stdout
    daemon.wait_until_idle()
    assert not own.exists()
    assert not aside.exists()
    (after,) = backups.iterdir()
    assert after != own
    check_gone(daemon, stored)
    assert NAME not in daemon.log()

    (daemon.photos / "amy").rename(daemon.photos / "Amy")
    (daemon.photos / "Amy").rename(daemon.photos / "amy")
    daemon.recluster()
    assert daemon.stop() == 0
    check_files(daemon, stored)
    daemon.start()
    daemon.wait_until_idle()
    daemon.recluster()
    check_gone(daemon, stored)
    assert {path: path.read_bytes() for path in read(daemon)} == sums


def check_files(daemon: Daemon, stored: set[bytes]) -> None:
    data = everything(daemon)
    assert found(data, names()) == 0
    assert not has_pieces(data, stored)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, id=" ".join(map(str, point)), marks=() if point in FEW else WHOLE)
        for point in KILLS
    ],
)
def test_a_kill_in_between_is_made_good_by_the_next_start(
    daemon: Daemon, point: tuple[str, str, int]
) -> None:
    person = name_and_merge(daemon)
    stored = pieces(encodings(daemon, person))
    (daemon.state / "backups").mkdir()
    own = daemon.state / "backups" / "facewatchd-20260101-000000.db"
    assert daemon.ctl("backup", own).returncode == 0
    assert daemon.stop() == 0
    daemon.program = ["tests.support.kill_points", *map(str, point)]
    daemon.start()
    with pytest.raises((DaemonEndedError, FacewatchError)):
        daemon.client.forget(person=NAME)
        daemon.wait_for(lambda: forgotten(daemon), 60)
    assert daemon.bury() == -signal.SIGKILL, daemon.log()
    daemon.program = ["facewatchd"]
    daemon.start()
    daemon.wait_for(lambda: forgotten(daemon), 60)
    assert not own.exists()
    check_gone(daemon, stored)


def test_it_asks_on_a_terminal_and_refuses_without_one(daemon: Daemon) -> None:
    person = person_in(daemon, "amy")
    assert daemon.ctl("people", "name", person, NAME).returncode == 0
    refused = daemon.ctl("forget", NAME)
    assert refused.returncode == 2
    assert b"--yes" in refused.stderr
    controller, terminal = pty.openpty()
    try:
        os.write(controller, b"n\n")
        asked = subprocess.run(
            [Path(sys.prefix) / "bin" / "facewatchctl", "--state", daemon.state, "forget", NAME],
            stdin=terminal,
            capture_output=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(controller)
        os.close(terminal)
    assert asked.returncode == 1
    assert NAME.encode() in asked.stderr
    assert b"photo files" in asked.stderr
    assert person_in(daemon, "amy") == person


def test_a_photo_and_a_face_are_forgotten_by_what_they_are_called(daemon: Daemon) -> None:
    photo = min((daemon.photos / "penny").iterdir())
    assert daemon.ctl("forget", photo, "--yes").returncode == 0
    assert daemon.client.find(bytes(photo))["faces"] == []
    other = min((daemon.photos / "amy").iterdir())
    (face,) = daemon.client.find(bytes(other))["faces"]
    assert daemon.ctl("forget", str(face["face"]), "--yes").returncode == 0
    assert daemon.client.find(bytes(other))["faces"] == []
    assert daemon.ctl("forget", "nobody", "--yes").returncode == 4
    assert daemon.ctl("retry").returncode == 0
    daemon.recluster()
    assert daemon.client.find(bytes(photo))["faces"] == []
    assert daemon.client.find(bytes(other))["faces"] == []
