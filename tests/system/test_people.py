"""What a user says of people on the command line: folders, answers and the journal follow it."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PATIENCE = 30.0


class User:
    """Somebody who types commands and looks into the folders."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    def types(self, *command: str | bytes | Path) -> str:
        result = self.daemon.ctl(*command)
        assert (result.returncode, result.stderr) == (0, b""), result.stderr.decode()
        return result.stdout.decode()

    def reads(self, *command: str | bytes | Path) -> Any:
        return json.loads(self.types(*command, "--json"))

    def faces(self, photo: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.reads("find", self.daemon.photos / photo)["faces"]
        return found

    def face(self, photo: str) -> dict[str, Any]:
        """Return the face in a portrait."""
        (face,) = self.faces(photo)
        return face

    def folder(self, name: str) -> set[str]:
        """Return which photos the links in a folder of the output lead to; empty without it."""
        folder = self.daemon.output / name
        if not folder.is_dir():
            return set()
        return {
            os.path.relpath(os.path.realpath(link), self.daemon.photos)
            for link in folder.iterdir()
            if link.is_symlink()
        }

    def waits_for(self, condition: Callable[[], bool]) -> None:
        self.daemon.wait_for(condition, PATIENCE)

    def knows(self) -> dict[str, Any]:
        """Return everything that decisions are about: people, faces, folders, the log."""
        photos = [
            path
            for path in sorted(self.daemon.photos.rglob("*"))
            if path.suffix in {".png", ".jpg"}
        ]
        faces = {
            str(photo): [
                (face["face"], face["person"], face["name"], face["said"])
                for face in self.daemon.client.find(bytes(photo))["faces"]
            ]
            for photo in photos
        }
        people = self.reads("people", "--hidden")
        folders = {person["folder"]: self.folder(person["folder"] or "") for person in people}
        return {"faces": faces, "people": people, "folders": folders, "log": self.reads("log")}


@pytest.fixture
def user(daemon: Daemon, photos: Path) -> User:
    shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
    daemon.start()
    daemon.wait_until_idle()
    user = User(daemon)
    user.waits_for(lambda: bool(user.folder("person_0001")))
    return user


def portraits(name: str) -> set[str]:
    return {f"{name}/{name}{number}.png" for number in range(1, 6)}


def test_everything_that_is_said_holds_also_after_a_kill(
    user: User, daemon: Daemon, tmp_path: Path
) -> None:
    name_merge_and_part(user)
    move_faces(user)
    hide_and_ignore(user)
    find_and_export(user, tmp_path / "out")

    lines = (daemon.state / "decisions.jsonl").read_bytes()
    kinds = [json.loads(line)["kind"] for line in lines.splitlines()[1:]]
    assert kinds == [
        *("name", "name", "merge", "undo", "split", "is", "is-not", "ignore", "hide", "add-face")
    ]
    assert (daemon.output / ".facewatchd" / "decisions.jsonl").read_bytes() == lines
    log = user.reads("log")
    assert [each["kind"] for each in reversed(log)] == kinds
    assert [each["number"] for each in log if each["inert"] == "undone"] == [3]

    daemon.wait_until_idle()
    before = user.knows()
    daemon.kill()
    daemon.start()
    daemon.wait_until_idle()
    assert user.knows() == before
    user.types("undo", "8")
    assert user.face("penny/penny1.png")["said"] is None
    assert daemon.stop() == 0


def name_merge_and_part(user: User) -> None:
    output = user.daemon.output
    howard, raj = user.face("howard/howard1.png"), user.face("raj/raj1.png")
    user.types("people", "name", howard["folder"], "Howard: the 1st")
    user.waits_for(lambda: user.folder("Howard_ the 1st") >= portraits("howard"))
    user.waits_for(lambda: not (output / howard["folder"]).exists())
    assert user.face("howard/howard1.png")["name"] == "Howard: the 1st"

    user.types("people", "name", raj["folder"], "Raj")
    user.types("people", "merge", "howard: THE 1st", "Raj", "--name", "Raj")
    both = portraits("howard") | portraits("raj")
    user.waits_for(lambda: user.folder("Raj") >= both)
    user.waits_for(lambda: not (output / "Howard_ the 1st").exists())
    assert user.reads("people", "show", "Raj")["merged"] == [raj["person"]]

    assert user.types("undo").startswith("Taken back: decision 3, ")
    user.waits_for(lambda: user.folder("Howard_ the 1st") >= portraits("howard"))
    user.waits_for(lambda: not user.folder("Raj") & portraits("howard"))
    assert user.folder("Raj") >= portraits("raj")


def move_faces(user: User) -> None:
    raj = user.face("raj/raj1.png")
    user.types("people", "split", "Raj", str(raj["face"]))
    user.waits_for(lambda: "raj/raj1.png" not in user.folder("Raj"))
    howard = user.face("howard/howard1.png")
    assert user.face("raj/raj1.png")["person"] not in {howard["person"], raj["person"]}
    user.types("face", "assign", str(raj["face"]), "Raj")
    user.waits_for(lambda: "raj/raj1.png" in user.folder("Raj"))
    assert user.face("raj/raj1.png")["said"] == "confirmed"

    amy = user.face("amy/amy1.png")
    user.types("face", "reject", str(amy["face"]))
    assert user.face("amy/amy1.png")["person"] is None
    user.waits_for(lambda: "amy/amy1.png" not in user.folder(amy["folder"]))


def hide_and_ignore(user: User) -> None:
    penny = user.face("penny/penny1.png")
    user.types("face", "ignore", str(penny["face"]))
    ignored = user.face("penny/penny1.png")
    assert (ignored["said"], ignored["person"], ignored["candidates"]) == ("ignored", None, [])
    user.waits_for(lambda: "penny/penny1.png" not in user.folder(penny["folder"]))

    user.types("people", "hide", penny["folder"])
    user.waits_for(lambda: not (user.daemon.output / penny["folder"]).exists())
    listed = {person["id"] for person in user.reads("people")}
    assert {p["id"] for p in user.reads("people", "--hidden")} - listed == {penny["person"]}


def find_and_export(user: User, out: Path) -> None:
    amy = user.face("amy/amy2.png")["person"]
    scene = str(user.daemon.photos / "amy" / "amy2.png")
    user.types("face", "add", scene, "Raj", "--no-box")
    found = user.types("photos", "--with", "Raj").splitlines()
    assert scene in found
    assert {os.path.relpath(path, user.daemon.photos) for path in found} >= portraits("raj")
    without = user.types("photos", "--with", "Raj", "--without", amy, "--print0")
    with_amy = {path for path in found if amy in {face["person"] for face in user.faces(path)}}
    assert scene in with_amy
    assert set(without.rstrip("\0").split("\0")) == set(found) - with_amy

    user.types("export", out, "--person", "Raj", "--copy")
    exported = {path.name for path in out.iterdir() if path.name[0] != "."}
    assert exported == {os.path.basename(path) for path in found}
