"""Suggestions, questions and pictures of faces, with a real daemon on real photos."""

from __future__ import annotations

import json
import os
import re
import shutil
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facewatchd.errors import NotFoundError
from tests.support.daemon import Daemon
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
_OF_LFW = ("Tony_Blair", "Serena_Williams")
_EACH = 15


@pytest.fixture
def settled(tmp_path: Path, photos: Path) -> Iterator[Daemon]:
    """Return a daemon that has clustered the photos of one house and of two other people.

    It joins less than it would by itself, so that there is something to ask.
    """
    daemon = Daemon(tmp_path, settings={"recluster": {"merge": 0.33}})
    shutil.copytree(photos / "bbt", daemon.photos / "bbt")
    for person in _OF_LFW:
        for photo in sorted((photos / "lfw").glob(f"{person}_0*.jpg"))[:_EACH]:
            shutil.copy(photo, daemon.photos)
    daemon.start()
    daemon.wait_until_idle(200)
    daemon.recluster()
    yield daemon
    assert daemon.stop() == 0


def said(daemon: Daemon, *words: str) -> dict[str, Any]:
    done = daemon.ctl(*words, "--json")
    assert done.returncode == 0, done.stderr.decode()
    decision: dict[str, Any] = json.loads(done.stdout)
    return decision


def shows(daemon: Daemon, folder: str, photo: str) -> bool:
    return os.path.realpath(photo) in daemon.folders().get(folder, set())


def test_what_is_asked_is_answered_by_commands_and_the_folders_follow(settled: Daemon) -> None:
    client = settled.client
    status = settled.ctl("status").stdout.decode()
    assert re.search(r"Next: Name these \d+ people first: they cover \d+% of the faces", status)
    waiting = client.questions()["faces"]
    assert f"{waiting} faces wait for an answer: facewatchctl doubtful next" in status

    asked = next(each for each in client.questions()["questions"] if each["candidates"])
    face, photo = asked["faces"][0]["face"], asked["faces"][0]["photo"]
    folder = asked["candidates"][0]["folder"]
    assert not shows(settled, folder, photo)
    accepted = said(settled, "doubtful", "accept", str(face))
    assert accepted["kind"] == "is"
    settled.wait_for(lambda: shows(settled, folder, photo), 30)
    refused = settled.ctl("doubtful", "accept", str(face))
    assert refused.returncode == 1
    assert f"Face {face} is not doubtful" in refused.stderr.decode()
    said(settled, "undo", str(accepted["number"]))
    settled.wait_for(lambda: not shows(settled, folder, photo), 30)
    said(settled, "doubtful", "reject", str(face))
    nearest = asked["candidates"][0]["person"]
    left = client.face(face)["candidates"]
    assert nearest not in {each["person"] for each in left}
    said(settled, "doubtful", "ignore", str(face))
    assert client.questions()["faces"] < waiting


def test_suggestions_are_taken_by_their_numbers(settled: Daemon) -> None:
    client = settled.client
    said(settled, "people", "split", *_some_of_the_largest(settled))
    assert settled.ctl("suggestions", "accept", "1").returncode == 4
    listed = settled.ctl("suggestions").stdout.decode().splitlines()
    assert listed, "nobody is suggested"
    assert listed[0].startswith("1\t")
    before = client.suggestion(1)
    person, other = before["person"], before["other"]
    said(settled, "suggestions", "accept", "1")
    assert client.person(other["person"])["id"] == person["person"]
    assert client.person(person["person"])["faces"] == person["faces"] + other["faces"]
    said(settled, "undo")
    assert client.person(other["person"])["faces"] == other["faces"]
    said(settled, "suggestions", "reject", "1")
    assert 1 not in {each["number"] for each in client.suggestions()}


def _some_of_the_largest(daemon: Daemon) -> list[str]:
    """Return a person and half of the faces: by themselves they will look alike."""
    client = daemon.client
    person = max(client.people(), key=lambda each: each["faces"])["id"]
    faces = [each["face"] for each in client.faces_of(person)]
    return [person, *map(str, sorted(faces)[::2])]


def test_faces_are_seen_and_answered_in_a_terminal(settled: Daemon) -> None:
    client = settled.client
    question = client.questions()["questions"][0]
    [face, *_] = [each["face"] for each in question["faces"]]
    name = question["candidates"][0]["folder"]
    shown = Terminal(settled.state, {})
    try:
        first = shown.until("faces settled)")
        assert name in first
        colours = set(re.findall(r"\x1b\[38;2;([0-9;]+);48;2;", shown.raw))
        assert len(colours) > 100, "no photo has so few colours"
        shown.type("y")
        shown.until(f"{name}.")
        settled.wait_for(lambda: client.face(face)["folder"] == name, 30)
        shown.until("settled")
        shown.type("u")
        shown.until("is taken back.")
        shown.until("faces settled)")
        assert client.face(face)["person"] is None
        shown.type("q")
        assert "0 of" in shown.end()
    finally:
        shown.close()


def test_a_picture_shows_the_face_in_each_form(settled: Daemon) -> None:
    client = settled.client
    seen = []
    for form in ("jpeg", "png", "ppm"):
        with Image.open(BytesIO(client.picture(1, 48, form))) as picture:
            assert (picture.format, picture.size) == (form.upper(), (48, 48))
            grey = picture.convert("L").tobytes()
            seen.append(sum(grey) / len(grey))
    assert max(seen) - min(seen) <= 3
    photo = client.face(1)["photo"]
    os.remove(photo)
    settled.wait_for(lambda: client.face(1)["photo"] is None, 60)
    with pytest.raises(NotFoundError):
        client.picture(1)
