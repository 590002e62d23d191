"""What was said of photos holds when they are changed, and where no detector finds a face."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageEnhance

from facewatchd.model import Box
from facewatchd.overlap import iou
from tests.conftest import missing
from tests.support.daemon import Daemon
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    Shown = Callable[[str, str], None]

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "tests" / "plugins"

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture
def scene(daemon: Daemon, photos: Path) -> Path:
    """Return a photo of several people that a running daemon has read, and others of theirs."""
    source = photos / "bbt"
    for folder in ("penny", "raj"):
        for path in sorted((source / folder).iterdir()):
            if path.suffix == ".jpg":
                shutil.copyfile(path, daemon.photos / f"{folder}_{path.name}")
    path = daemon.photos / "scene.jpg"
    shutil.copyfile(source / "bbt1.jpg", path)
    daemon.start()
    daemon.wait_until_idle()
    return path


def faces(daemon: Daemon, path: Path) -> list[dict[str, Any]]:
    client = daemon.client
    return list(client.find(os.fsencode(path))["faces"])


def say(daemon: Daemon, what: str, **wish: Any) -> dict[str, Any]:
    client = daemon.client
    return client.say(what, **wish)


def words(daemon: Daemon, *command: str | Path) -> str:
    """Return what facewatchctl answers, as if it were one line."""
    done = daemon.ctl(*command)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.decode().split())


def names(daemon: Daemon, path: Path) -> list[str | None]:
    return [face["name"] for face in faces(daemon, path)]


def test_a_face_at_a_box_of_the_users_is_encoded_and_outlives_the_store(
    daemon: Daemon, scene: Path, shown: Shown
) -> None:
    found = faces(daemon, scene)
    say(daemon, "faces/assign", faces=[found[0]["face"]], new="Ann")
    with Image.open(scene) as picture:
        height = picture.height
    box = Box(0, height - 100, 80, height)
    assert all(iou(box, Box(*face["box"])) == 0 for face in found)

    def mine() -> list[Any]:
        return [
            (face["name"], face["said"])
            for face in faces(daemon, scene)
            if tuple(face["box"]) == tuple(box)
        ]

    added = {"path": os.fsencode(scene), "person": "Ann", "box": box}
    say(daemon, "faces/add", **added)
    daemon.wait_for(mine, 30)
    assert mine() == [("Ann", "added")]
    daemon.recluster()
    assert mine() == [("Ann", "added")]
    say(daemon, "undo")
    daemon.wait_for(lambda: not mine(), 30)
    say(daemon, "faces/add", **added)
    daemon.wait_for(mine, 30)
    assert daemon.stop() == 0
    for path in daemon.state.glob("store.db*"):
        path.unlink()
    daemon.start()
    daemon.wait_until_idle()
    assert mine() == [("Ann", "added")]
    assert len(faces(daemon, scene)) == len(found) + 1
    assert daemon.stop() == 0
    shown(
        "a face is added at a box in which no detector finds one, the store is deleted",
        "encoded, with its person; after re-clustering, undo, and in the new store again",
    )


@WHOLE[0]
@WHOLE[1]  # what failed rests for 10 s; tests/integration/test_added_faces.py does not wait
def test_a_box_that_no_engine_can_encode_is_told_with_what_to_do(
    tmp_path: Path, photos: Path
) -> None:
    daemon = Daemon(
        tmp_path,
        settings={"engine": {"encoder": "picky"}},  # of the tests: it fails at small faces
        environment={"PYTHONPATH": f"{CHECKOUT}:{PLUGINS}"},
    )
    path = Path(shutil.copy(photos / "lfw" / "AJ_Cook_0001.jpg", daemon.photos))
    daemon.start()
    try:
        daemon.wait_until_idle()
        (face,) = faces(daemon, path)
        say(daemon, "faces/assign", faces=[face["face"]], new="Ann")
        added = say(daemon, "faces/add", path=os.fsencode(path), person="Ann", box=(0, 0, 9, 9))
        daemon.wait_for(lambda: "Lacking" in words(daemon, "status"), 60)
        for command in ("errors",), ("why", path):
            told = words(daemon, *command)
            assert "No face could be encoded at 0,0,9,9, where one is by decision 2:" in told
            assert "The encoder 'picky' failed: ValueError" in told
            assert "facewatchctl undo 2, then facewatchctl face add" in told
        daemon.client.say("undo", decision=added["id"])
        daemon.wait_for(lambda: "Lacking" not in words(daemon, "status"), 30)
        assert words(daemon, "errors") == ""
        assert daemon.stop() == 0
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def test_edited_photos_keep_what_was_said_of_their_faces(
    daemon: Daemon, scene: Path, shown: Shown
) -> None:
    found = faces(daemon, scene)
    assert len(found) >= 3
    first, last = found[0], found[-1]
    say(daemon, "faces/assign", faces=[first["face"]], new="Ann")
    say(daemon, "faces/assign", faces=[last["face"]], new="Zoe")

    _edit(scene, lambda picture: ImageEnhance.Brightness(picture).enhance(1.25))
    _wait_until_inherited(daemon, scene, 4)
    assert {"Ann", "Zoe"} <= set(names(daemon, scene))
    ann = next(face for face in faces(daemon, scene) if face["name"] == "Ann")

    gone = first["box"][2]  # the right edge of Ann
    edited = daemon.photos / "edited.jpg"
    with Image.open(scene) as picture:
        picture.crop((gone, 0, picture.width, picture.height)).save(edited, quality=95)
    _wait_until_read(daemon, edited)
    edited.rename(scene)  # known by now: it is not read again
    _wait_until_inherited(daemon, scene, 5)
    after = names(daemon, scene)
    assert "Zoe" in after
    assert "Ann" not in after
    assert "not found again" in daemon.log()
    assert daemon.rows("SELECT count(*) FROM unfound") == [(1,)]
    box = ",".join(map(str, ann["box"]))
    for command in ("errors",), ("why", scene):
        told = words(daemon, *command)
        assert f"the face at {box} was not found again, of which decision" in told
        assert "facewatchctl face add PHOTO PERSON --box L,T,R,B; if not: facewatchctl undo" in told
    assert "Lacking: 1 face that you spoke of: facewatchctl errors" in words(daemon, "status")

    say(daemon, "undo", decision="2")  # that it is Zoe
    assert "Zoe" not in names(daemon, scene)
    say(daemon, "faces/ignore", faces=[faces(daemon, scene)[0]["face"]])  # it was looked at
    daemon.wait_for(lambda: "Lacking" not in words(daemon, "status"), 30)
    assert words(daemon, "errors") == ""
    assert daemon.stop() == 0
    shown(
        "a photo is brightened, then cropped, over its old file",
        "faces found again keep what was said, the others are listed; undo reaches the heirs",
    )


def test_a_change_of_metadata_alone_inherits_nothing(daemon: Daemon, scene: Path) -> None:
    if shutil.which("exiftool") is None:
        missing("exiftool")
    face = faces(daemon, scene)[0]["face"]
    say(daemon, "faces/assign", faces=[face], new="Ann")
    command = ["exiftool", "-q", "-overwrite_original", "-Artist=Somebody", str(scene)]
    subprocess.run(command, check=True, capture_output=True)
    _wait_until_read(daemon, scene)
    assert "Ann" in names(daemon, scene)
    assert len(daemon.client.decisions()) == 1
    assert daemon.rows("SELECT count(*) FROM unfound") == [(0,)]
    assert faces(daemon, scene)[0]["face"] == face


def _edit(path: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    """Save a changed picture over its file, as a program for that does."""
    with Image.open(path) as picture:
        changed = change(picture.convert("RGB"))
    beside = path.with_name(".goutputstream-1")
    changed.save(beside, "JPEG", quality=95)
    beside.rename(path)


def _wait_until_read(daemon: Daemon, path: Path) -> None:
    stat = path.stat()
    daemon.wait_for(
        lambda: daemon.rows(
            "SELECT 1 FROM files WHERE path = ? AND mtime_ns = ? AND state = 'done'",
            os.fsencode(path),
            stat.st_mtime_ns,
        ),
        60,
    )
    daemon.wait_until_idle()


def _wait_until_inherited(daemon: Daemon, path: Path, decisions: int) -> None:
    _wait_until_read(daemon, path)
    daemon.wait_for(lambda: len(daemon.client.decisions()) == decisions, 30)
