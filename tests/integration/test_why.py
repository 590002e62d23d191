"""Every chain of reasons, over a real folder; what was found in a photo is invented."""

from __future__ import annotations

import os
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from facewatchd.pipeline.pausing import Pause
from facewatchd.pipeline.why import why
from tests.support.house import House

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facewatchd.pipeline import Pipeline

T = TypeVar("T")
MIN_QUALITY = 0.2
FACE: dict[str, Any] = {
    "box": [1, 2, 3, 4],
    "quality": 0.5,
    "person": None,
    "name": None,
    "hidden": False,
    "folder": None,
    "similarity": None,
    "candidates": [],
}
READ: dict[str, Any] = {
    "state": "done",
    "reason": None,
    "kind": None,
    "tries": 0,
    "photo": "00ff",
    "paths": [],
    "faces": [],
    "links": [],
}


class Asked:
    """As much of a pipeline as is asked for reasons."""

    def __init__(self, house: House, paused: Pause | None) -> None:
        self.intake = house.intake
        self.live = SimpleNamespace(paused=paused, lacks=())

    def ask(self, question: Callable[[], T]) -> T:
        return question()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(House(tmp_path, "*.gif")) as made:
        made.start()
        yield made


def reasons(
    house: House, path: bytes, paused: Pause | None = None, **found: object
) -> tuple[str, str]:
    """Return the verdict, and the sentences as one text."""
    pipeline = cast("Pipeline", Asked(house, paused))
    answer = why(path, {**READ, **found} if found else None, pipeline, MIN_QUALITY)
    assert answer["path"] == os.fsdecode(path)
    return answer["verdict"], " ".join(answer["chain"])


def test_outside_of_every_root(house: House) -> None:
    verdict, text = reasons(house, b"/elsewhere/a.jpg")
    assert verdict == "not in a root"
    assert str(house.path) in text


def test_ignored_by_a_pattern_a_name_or_a_stop_file(house: House) -> None:
    assert "'*.gif' (roots.ignore of" in reasons(house, bytes(house.path / "a.gif"))[1]
    assert "'*.part' (built in)" in reasons(house, bytes(house.path / "a.part"))[1]
    house.write("trip/.nomedia")
    verdict, text = reasons(house, bytes(house.path / "trip" / "deep" / "a.jpg"))
    assert verdict == "ignored"
    assert f"there is a file .nomedia in {house.path}/trip" in text
    house.write("old/.facewatchd/made.jsonl")
    verdict, text = reasons(house, bytes(house.path / "old" / "person_0001" / "cover.jpg"))
    assert verdict == "ignored"
    assert f"a folder .facewatchd, as in an output, in {house.path}/old" in text


def test_what_is_not_there_or_is_no_file(house: House) -> None:
    assert reasons(house, bytes(house.path / "a.jpg"))[0] == "not there"
    (house.path / "link.jpg").symlink_to("/etc/passwd")
    (house.path / "folder").mkdir()
    house.rest(10.0)
    assert "no regular file" in reasons(house, bytes(house.path / "link.jpg"))[1]
    assert "It is a folder" in reasons(house, bytes(house.path / "folder"))[1]


def test_a_file_that_changed_a_moment_ago(house: House) -> None:
    path = house.write("a.jpg")
    while not house.intake.is_settling(path):
        house.step()
    assert reasons(house, path)[0] == "settling"


def test_a_root_that_is_offline(house: House) -> None:
    house.path.rename(house.path.with_name("elsewhere"))
    while house.root.state != "offline":
        house.step()
    verdict, text = reasons(house, bytes(house.path / "a.jpg"))
    assert verdict == "offline"
    assert "which is offline" in text
    assert reasons(house, bytes(house.path / "a.jpg"), state="pending")[0] == "offline"


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        ({"state": "unsupported", "kind": ".mov"}, "unsupported", "no picture: .mov"),
        ({"state": "failed", "tries": 2, "reason": "Broken."}, "failed", "tried 2 times"),
        ({"state": "pending"}, "waiting", "waits to be read"),
        ({"faces": []}, "no face", "No face was found"),
        ({"faces": [FACE]}, "doubtful", "may be nobody known"),
        ({"faces": [FACE | {"quality": 0.1}]}, "low quality", "quality is 0.10, below 0.2"),
        (
            {"faces": [FACE | {"person": "p", "folder": None, "similarity": 0.7}]},
            "no folder",
            "given to p, who has no folder yet, at similarity 0.70",
        ),
        (
            {"faces": [FACE | {"person": "p", "name": "Zoë", "hidden": True}]},
            "no folder",
            "given to Zoë, who is hidden",
        ),
        (
            {"faces": [FACE | {"person": "p", "folder": "person_0001"}], "links": ["/o/a.jpg"]},
            "linked",
            "Links: /o/a.jpg",
        ),
    ],
)
def test_a_known_file(house: House, found: dict[str, Any], verdict: str, words: str) -> None:
    said, text = reasons(house, bytes(house.path / "a.jpg"), **found)
    assert said == verdict
    assert words in text


def test_a_photo_that_waits_says_what_for(house: House) -> None:
    paused = Pause("battery", "on battery (work.on_battery)")
    photo = bytes(house.path / "a.jpg")
    verdict, text = reasons(house, photo, paused, state="pending", photo=None)
    assert verdict == "waiting"
    assert "Photos wait: on battery (work.on_battery). It waits to be read." in text


def test_candidates_are_named(house: House) -> None:
    maybe = {"person": "p", "name": None, "folder": "person_0002", "similarity": 0.61}
    _, text = reasons(house, bytes(house.path / "a.jpg"), faces=[FACE | {"candidates": [maybe]}])
    assert "it may be person_0002 (0.61)" in text
