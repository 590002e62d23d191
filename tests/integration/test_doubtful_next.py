"""``facewatchctl doubtful next`` in a terminal of its own, over a real library."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from facewatchd.client import Client
from facewatchd.errors import ApiError
from facewatchd.model import PictureForm
from tests.support.living import Living
from tests.support.terminal import COMMAND, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MORE = [(0.41, 0.0), (2.4, 2.0)]  # 8 looks like 7, who may be of 1 to 3; 9 may be of 4 to 6
RED, BLUE = b"\xff\x00\x00", b"\x00\x00\xff"


class Showing(Living):
    """Its faces are pictures of four pixels, two red ones over two blue ones."""

    unseen = False

    def picture(self, face: int, side: int, form: PictureForm) -> bytes:
        if self.unseen:
            raise ApiError(f"Face {face} cannot be seen.", "Mount the disk.")
        if form is PictureForm.PPM:
            return b"P6\n2 2\n255\n" + 2 * RED + 2 * BLUE
        return f"{form.value} of face {face}, {side} pixels".encode()


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Showing]:
    with Showing(tmp_path) as made:
        for place in MORE:
            made.ask(lambda place=place: made.library.add(place))  # type: ignore[misc]  # mypy cannot infer a lambda's default
        client = Client(tmp_path / "api.sock")
        client.say("people/name", person=made.owner(1), name="Ann")
        client.say("people/name", person=made.owner(4), name="Ben")
        yield made


@contextmanager
def terminal(folder: Path, **environment: str) -> Iterator[Terminal]:
    made = Terminal(folder, environment)
    try:
        yield made
    finally:
        made.close()


def called(control: Living, face: int) -> str | None:
    name = control.telling.face(face)["name"]
    return None if name is None else str(name)


def test_single_keys_answer_and_every_answer_can_be_taken_back(
    control: Showing, tmp_path: Path
) -> None:
    with terminal(tmp_path) as shown:
        first = shown.until("0 of 3 faces settled)")
        assert "Are these 2 faces Ann?" in first
        assert "  1  Ann  0.60  (3 faces)" in first
        assert f"7  {control.library.photos}/7.jpg" in first
        shown.type("y")
        second = shown.until("2 of 3 faces settled)")
        assert "2 faces are Ann." in second
        assert "Is this face Ben?" in second
        assert (called(control, 7), called(control, 8)) == ("Ann", "Ann")
        shown.type("u")
        assert "Are these 2 faces Ann?" in shown.until("0 of 3 faces settled)")
        assert (called(control, 7), called(control, 8)) == (None, None)
        shown.type("i")
        assert "2 faces are ignored." in shown.until("2 of 3 faces settled)")
        shown.type("w")
        shown.until("Name: ")
        shown.type("Zoë\n")
        assert shown.end().endswith("Nothing more is to be asked.\n3 of 3 faces settled.\n")
    assert control.telling.face(7)["said"] == "ignored"
    assert called(control, 9) == "Zoë"


def test_no_asks_for_the_next_candidate_and_the_numbers_choose_one(
    control: Showing, tmp_path: Path
) -> None:
    control.ask(lambda: control.library.add((0.0, 0.45)))  # 10: may be Ann's, or of 11 to 13
    control.ask(lambda: _cleo(control))
    with terminal(tmp_path) as shown:
        shown.until("faces settled)")
        shown.type("s")
        shown.until("faces settled)")
        shown.type("?")
        assert "y yes   n no" in shown.until("faces settled)")
        shown.type("q")
        assert "0 of" in shown.end()
    assert [called(control, face) for face in (7, 8, 9)] == [None, None, None]
    questions = Client(tmp_path / "api.sock").questions()["questions"]
    [two] = [each for each in questions if len(each["candidates"]) == 2]
    names = [each["name"] for each in two["candidates"]]
    with terminal(tmp_path) as shown:
        while f"Is this face {names[0]}?" not in (text := shown.until("faces settled)")):
            shown.type("s")
        assert f"  2  {names[1]}" in text
        shown.type("n")
        assert f"Is this face {names[1]}?" in shown.until("faces settled)")
        shown.type("u")
        assert f"Is this face {names[0]}?" in shown.until("faces settled)")
        shown.type("2")
        shown.until("1 of")
        shown.type("q")
        shown.end()
    [face] = [each["face"] for each in two["faces"]]
    assert called(control, face) == names[1]


def _cleo(control: Living) -> None:
    """Add a second candidate for face 10."""
    for place in ((0.0, 0.9), (0.02, 0.9), (0.0, 0.92)):
        control.library.add(place)
    control.library.found([11, 12, 13])
    control.library.placing.find_candidates([10])
    control.library.saying.name(control.library.store.faces.given_in(11)[0][1], "Cleo")


def test_what_somebody_else_answered_meanwhile_is_shown_and_the_next_question_comes(
    control: Showing, tmp_path: Path
) -> None:
    with terminal(tmp_path) as shown:
        shown.until("faces settled)")
        Client(tmp_path / "api.sock").say("faces/assign", faces=[8], person="Ben")
        shown.type("y")
        after = shown.until("faces settled)")
        assert "Somebody has answered for face 8 meanwhile: decision 3." in after
        assert "Is this face Ben?" in after
        shown.type("y")
        shown.until("1 of")
    assert (called(control, 8), called(control, 9)) == ("Ben", "Ben")


def test_a_name_that_is_taken_is_told_and_the_same_question_asked_again(
    control: Showing, tmp_path: Path
) -> None:
    with terminal(tmp_path) as shown:
        shown.until("faces settled)")
        shown.type("w")
        shown.until("Name: ")
        shown.type("ben\n")
        again = shown.until("faces settled)")
        assert "There is a 'Ben' already" in again
        assert "Are these 2 faces Ann?" in again
        shown.type("q")
        shown.end()
    assert called(control, 7) is None


def test_faces_are_drawn_as_half_blocks_next_to_whom_they_may_be(
    control: Showing,  # noqa: ARG001 -- it must serve
    tmp_path: Path,
) -> None:
    with terminal(tmp_path) as shown:
        shown.until("faces settled)")
        face = 2 * "\x1b[38;2;255;0;0;48;2;0;0;255m\u2580" + "\x1b[0m"
        assert "  ".join([face] * 3) in shown.raw
        shown.type("q")
        shown.end()


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "\x1b_Ga=T,f=100,"),
        ({"KITTY_WINDOW_ID": "1"}, "\x1b_Ga=T,f=100,"),
        ({"TERM_PROGRAM": "iTerm.app"}, "\x1b]1337;File=inline=1;"),
        ({"TERM_PROGRAM": "iTerm.app", "TMUX": "/tmp/tmux"}, "\u2580"),  # noqa: S108 -- a name, no file
    ],
)
def test_a_terminal_that_knows_a_picture_protocol_is_told_by_it(
    control: Showing,  # noqa: ARG001 -- it must serve
    tmp_path: Path,
    environment: dict[str, str],
    protocol: str,
) -> None:
    with terminal(tmp_path, **environment) as shown:
        shown.until("faces settled)")
        assert protocol in shown.raw
        shown.type("q")
        shown.end()


def test_what_cannot_be_drawn_is_told_and_asked_all_the_same(
    control: Showing, tmp_path: Path
) -> None:
    control.unseen = True
    with terminal(tmp_path) as shown:
        text = shown.until("faces settled)")
        assert "Face 7 cannot be seen." in text
        assert "Are these 2 faces Ann?" in text
        shown.interrupt()
        assert "0 of 3 faces settled." in shown.end()


def test_without_a_terminal_the_list_is_named(
    control: Showing,  # noqa: ARG001 -- it must serve
    tmp_path: Path,
) -> None:
    command = [*COMMAND, "--state", str(tmp_path), "doubtful", "next"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2
    assert "facewatchctl doubtful list" in done.stderr
