"""The commands about people, faces and decisions, with a real library behind the API."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import Exit
from tests.support.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.prefix) / "bin"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Living]:
    with Living(tmp_path) as made:
        yield made


@pytest.fixture
def state(control: Living, tmp_path: Path) -> Path:  # noqa: ARG001 -- it must serve
    return tmp_path


def run(
    state: Path, *arguments: str | bytes | Path, typed: str = ""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "facewatchd.cli", "--state", state, *arguments],
        input=typed.encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )


def ask(state: Path, *arguments: str | bytes | Path) -> list[str]:
    result = run(state, *arguments)
    assert (result.returncode, result.stderr) == (0, b"")
    return result.stdout.decode().splitlines()


def answered(state: Path, *arguments: str | bytes | Path) -> Any:
    return json.loads("\n".join(ask(state, *arguments, "--json")))


def names(state: Path) -> list[str]:
    return [each["name"] or each["folder"] for each in answered(state, "people")]


def test_a_person_gets_a_name_and_loses_it_again(state: Path, control: Living) -> None:
    assert ask(state, "people", "name", "person_0001", " Ann  Lee") == [
        "person_0001 is called Ann  Lee.",
        "  Take it back with: facewatchctl undo 1",
    ]
    assert names(state) == ["Ann  Lee", "person_0002"]
    ask(state, "people", "name", "ann  lee", "--none")
    assert names(state) == ["person_0001", "person_0002"]
    assert [each["kind"] for each in control.telling.log(9)] == ["name", "name"]


def test_a_name_that_is_taken_needs_to_be_anothers(state: Path) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    refused = run(state, "people", "name", "person_0002", "ANN")
    assert refused.returncode == Exit.FAILED
    assert refused.stderr.startswith(b"facewatchctl: There is a 'Ann' already (")
    ask(state, "people", "name", "person_0002", "ANN", "--another")
    assert names(state) == ["Ann", "ANN"]


def test_a_person_is_shown_with_the_least_similar_faces(state: Path, control: Living) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    ask(state, "people", "confirm", "Ann")
    lines = ask(state, "people", "show", "ann", "--faces", "1")
    face = control.telling.faces_of("Ann", 1)[0]
    assert lines == [
        "Name: Ann",
        f"Id: {control.owner(1)}",
        "Folder: Ann",
        "Faces: 3 faces (3 confirmed) in 3 photos",
        "Looks: 1",
        "Taken: 1970-01-01 to 1970-01-01",
        f"Least similar: {face['face']}: {face['similarity']:.2f}, 0,0,9,9 in {face['photo']}",
    ]
    shown = answered(state, "people", "show", "Ann")
    assert [each["face"] for each in shown["least_similar"]] == [
        each["face"] for each in control.telling.faces_of("Ann", 5)
    ]


def test_somebody_unknown_is_an_error_with_a_remedy(state: Path) -> None:
    for command in (["show", "x"], ["name", "x", "Ann"], ["hide", "x"], ["merge", "x", "y"]):
        result = run(state, "people", *command)
        assert (result.returncode, result.stdout) == (Exit.NOT_FOUND, b"")
        assert result.stderr == (
            b"facewatchctl: There is nobody called 'x'.\n"
            b"  See everyone with: facewatchctl people list\n"
        )


def test_two_people_become_one_and_two_again(state: Path, control: Living) -> None:
    other = control.owner(4)
    ask(state, "people", "name", "person_0002", "Ben")
    assert ask(state, "people", "merge", "person_0001", "Ben")[0] == (
        f"{control.owner(1)[:8]} and Ben are one person, called Ben."
    )
    assert answered(state, "people", "show", "Ben")["merged"] == [other]
    assert ask(state, "undo") == [
        "Taken back: decision 2, person_0001 and Ben are one person, called Ben.",
        "  Have it again with: facewatchctl undo 3",
    ]
    assert names(state) == ["person_0001", "Ben"]
    assert ask(state, "people", "apart", "person_0001", "Ben")[0] == (
        "person_0001 and Ben are two people."
    )


def test_of_two_names_one_is_named_where_nobody_can_be_asked(state: Path) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    ask(state, "people", "name", "person_0002", "Ben")
    refused = run(state, "people", "merge", "Ann", "Ben")
    assert refused.returncode == Exit.FAILED
    assert b"Both have a name: 'Ann' and 'Ben'." in refused.stderr
    assert ask(state, "people", "merge", "Ann", "Ben", "--name", "Ben")[0].endswith("called Ben.")
    assert names(state) == ["Ben"]


@pytest.mark.parametrize(("typed", "stays"), [("\n", "Ann"), ("2\n", "Ben"), ("3\n1\n", "Ann")])
def test_of_two_names_a_terminal_is_asked_which_one_stays(
    state: Path, typed: str, stays: str
) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    ask(state, "people", "name", "person_0002", "Ben")
    shown = on_a_terminal(state, "people", "merge", "Ann", "Ben", typed=typed)
    assert "Both have a name. Which one stays?" in shown
    assert f"called {stays}." in shown
    assert names(state) == [stays]


def on_a_terminal(state: Path, *arguments: str, typed: str = "", columns: int = 120) -> str:
    """Run a command on a terminal, type into it, and return all that it shows."""
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "facewatchd.cli", "--state", str(state), *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        chunks = []
        try:
            while select.select([ours], [], [], 60)[0] and (chunk := os.read(ours, 65536)):
                chunks.append(chunk)
        except OSError:  # EIO: the other side was closed
            pass
        finally:
            os.close(ours)
        assert process.wait(60) == 0
    shown = b"".join(chunks).decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def test_faces_are_split_off_assigned_and_rejected(state: Path, control: Living) -> None:
    assert re.fullmatch(
        r"1 face of person_0001 is somebody else, [0-9a-f]{8}\.",
        ask(state, "people", "split", "person_0001", "3")[0],
    )
    assert control.owner(3) not in {control.owner(1), control.owner(4)}
    assert ask(state, "face", "assign", "3", "7", "person_0001")[0] == "2 faces are person_0001."
    assert control.owner(3) == control.owner(7) == control.owner(1)
    assert ask(state, "face", "reject", "7")[0] == "1 face is not person_0001."
    assert ask(state, "face", "show", "7")[-1] == "Person: doubtful, may be nobody known"
    assert ask(state, "face", "reject", "4", "--person", "person_0001")[0] == (
        "1 face is not person_0001."
    )
    assert ask(state, "face", "assign", "7", "4", "--new", "Zoe")[0] == (
        "2 faces are somebody new, called Zoe."
    )
    shown = ask(state, "face", "show", "7")
    assert shown[-2:] == ["Person: Zoe, similarity 1.00", "Said: you said whose it is"] or shown[
        -2
    ].startswith("Person: Zoe")


def test_an_ignored_face_is_shown_as_such(state: Path, control: Living) -> None:
    photo = control.telling.face(7)["photo"]
    assert "Face: 7, doubtful, may be person_0001 0.61, at 0,0,9,9" in ask(state, "find", photo)
    assert ask(state, "face", "ignore", "7")[0] == "1 face is ignored."
    assert "Face: 7, ignored, at 0,0,9,9" in ask(state, "find", photo)
    assert ask(state, "doubtful") == []


def test_a_person_can_be_in_a_photo_without_a_box(state: Path, control: Living) -> None:
    photo = control.telling.face(7)["photo"]
    assert ask(state, "face", "add", photo, "--no-box", "person_0001")[0] == (
        "person_0001 is in a photo, without a box."
    )
    assert photo in ask(state, "photos", "--with", "person_0001")
    known = ask(state, "face", "add", photo, "--box", "1,1,8,8", "person_0002")
    assert known[0] == "1 face is person_0002."  # there is a face already: it is whose it is said
    assert answered(state, "log")[0]["faces"] == 1


def test_a_cover_is_chosen_from_the_persons_faces(state: Path) -> None:
    assert ask(state, "people", "cover", "person_0001", "2")[0] == "person_0001 has another cover."
    assert run(state, "people", "cover", "person_0001", "4").returncode == Exit.FAILED


def test_who_is_hidden_is_listed_when_asked_for(state: Path) -> None:
    assert ask(state, "people", "hide", "person_0002")[0] == "person_0002 is hidden."
    assert names(state) == ["person_0001"]
    (hidden,) = [e for e in answered(state, "people", "list", "--hidden") if e["hidden"]]
    assert ask(state, "people", "show", hidden["id"])[2] == "Folder: hidden"
    assert ask(state, "people", "unhide", hidden["id"])[0].endswith(" is shown again.")
    assert names(state) == ["person_0001", "person_0002"]


def test_many_faces_are_ignored_after_a_question(state: Path, control: Living) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    refused = run(state, "ignore", "--unnamed-below", "4", typed="n\n")
    assert refused.returncode == Exit.FAILED
    assert b"Ignore 3 faces of 1 person without a name?" in refused.stderr
    assert len(control.telling.log(9)) == 1
    done = run(state, "ignore", "--unnamed-below", "4", typed="y\n")
    assert done.stdout.startswith(b"3 faces are ignored.\n")
    assert names(state) == ["Ann"]
    assert ask(state, "undo")[0] == "Taken back: decision 2, 3 faces are ignored."
    assert ask(state, "face", "show", "4")[-1].startswith("Person: ")
    again = run(state, "ignore", "--unnamed-below", "1", "--yes")
    assert again.stderr.startswith(b"facewatchctl: Nobody without a name has fewer than 1 photos.")


def test_the_log_tells_what_was_undone_and_what_has_lost_its_object(state: Path) -> None:
    ask(state, "people", "name", "person_0001", "Ann")
    new = answered(state, "people", "split", "Ann", "3")["other"]
    ask(state, "people", "name", new, "Zoe")
    orphan = f"{new} was made by a decision that was undone"
    assert ask(state, "undo", "2") == [
        f"Taken back: decision 2, 1 face of Ann is somebody else, {new[:8]}.",
        f"Without effect now: decision 3, {new[:8]} is called Zoe ({orphan}).",
        "  Have it again with: facewatchctl undo 4",
    ]
    rows = [line.split("\t") for line in ask(state, "log")]
    assert [(row[0], row[2], row[3], row[4]) for row in rows] == [
        ("4", "command", "decision 2 is taken back", ""),
        (
            *("3", "command", f"{new[:8]} is called Zoe"),
            f"none: {orphan}",
        ),
        ("2", "command", f"1 face of Ann is somebody else, {new[:8]}", "undone"),
        ("1", "command", rows[3][3], ""),
    ]
    assert rows[3][3].endswith(" is called Ann")
    assert len(ask(state, "log", "--limit", "2")) == 2
    ask(state, "undo", "4")
    assert "Zoe" in names(state)


def test_undoing_what_is_not_there_is_said(state: Path) -> None:
    result = run(state, "undo")
    assert result.returncode == Exit.NOT_FOUND
    assert result.stderr.startswith(b"facewatchctl: There is no decision to undo.\n")
    ask(state, "people", "hide", "person_0001")
    ask(state, "undo", "1")
    twice = run(state, "undo", "1")
    assert (twice.returncode, twice.stdout) == (Exit.FAILED, b"")
    assert twice.stderr.startswith(b"facewatchctl: Decision 1 is undone already.\n")


def test_photos_come_by_person_and_date_one_a_line(state: Path, control: Living) -> None:
    library = control.library
    days = {"2015-12-31": 1451520000.0, "2016-02-29": 1456704000.0, "2016-12-31": 1483142400.0}
    for at in days.values():
        control.ask(partial(library.add, (0.01, 0.0), captured=at))

    def found(*arguments: str) -> list[str]:
        lines = ask(state, "photos", *arguments)
        return [os.path.basename(line) for line in lines]

    assert found("--with", "person_0001") == ["1.jpg", "2.jpg", "3.jpg", *map(jpg, (8, 9, 10))]
    assert found("--since", "2016") == [jpg(9), jpg(10)]
    assert found("--since", "2015", "--until", "2015") == [jpg(8)]
    assert found("--since", "2016-02", "--until", "2016-02") == [jpg(9)]
    assert found("--since", "2016-02-29", "--until", "2016-02-29") == [jpg(9)]
    assert found("--since", "2016-03", "--until", "2016-12-30") == []
    assert found("--until", "1970", "--without", "person_0001", "--without", "person_0002") == [
        jpg(7)
    ]
    asked = answered(state, "photos", "--since", "2016-12")
    assert [(os.path.basename(p["path"]), p["captured"]) for p in asked] == [
        (jpg(10), days["2016-12-31"])
    ]


def jpg(number: int) -> str:
    return f"{number}.jpg"


def test_paths_are_written_as_the_bytes_that_they_are(state: Path, control: Living) -> None:
    path = bytes(control.library.photos) + b"/caf\xe9\n.jpg"
    control.ask(
        lambda: control.library.store._db.execute(
            "UPDATE files SET path = ? WHERE photo = 7", [path]
        )
    )
    without = ("--without", "person_0001", "--without", "person_0002")
    assert run(state, "photos", *without).stdout == path + b"\n"
    assert run(state, "photos", *without, "--print0").stdout == path + b"\0"
    assert "caf\\xe9\\x0a.jpg" in on_a_terminal(state, "photos", *without, columns=200)


@pytest.mark.parametrize("name", ["山田太郎", "אבא", "محمد", "👨‍👩‍👧 Lee"])
def test_a_name_of_any_script_breaks_no_table(state: Path, name: str) -> None:
    ask(state, "people", "name", "person_0001", name)
    from rich.cells import cell_len  # noqa: PLC0415 -- the widths that terminals draw

    lines = on_a_terminal(state, "people").splitlines()
    row = next(line for line in lines if name in line)
    assert {cell_len(line) for line in lines if line} == {cell_len(lines[0])}
    if name in {"אבא", "محمد"}:
        assert f"\u200e{name}\u200e" in row
    else:
        assert "\u200e" not in row
    assert ask(state, "people")[0].startswith(f"{name}\t{name}\t")


COMPLETE = """
eval "$(facewatchctl completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=()
_facewatchctl_completion facewatchctl
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(state: Path, *words: str) -> list[str]:
    result = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", "facewatchctl", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={
            **os.environ,
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "FACEWATCHD_SOCKET": str(state / "api.sock"),
        },
    )
    assert result.stderr == ""
    return [line for line in result.stdout.splitlines() if line]


def test_bash_completes_commands_and_names(state: Path) -> None:
    ask(state, "people", "name", "person_0001", 'Ann O\'Neil (née, "Lee")')
    assert completed(state, "peo") == ["people"]
    assert completed(state, "people", "na") == ["name"]
    assert completed(state, "people", "show", "per") == ["person_0002"]
    escaped = r"Ann\ O\'Neil\ \(née,\ \"Lee\"\)"
    assert completed(state, "people", "show", "an") == [escaped]
    assert completed(state, "face", "assign", "1", r"Ann\ O") == [escaped]
    assert completed(state, "photos", "--with", "") == [escaped, "person_0002"]


def test_without_a_daemon_no_name_is_completed_and_nothing_is_said(tmp_path: Path) -> None:
    assert completed(tmp_path, "people", "show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(tmp_path: Path, shell: str) -> None:
    result = run(tmp_path, "completion", shell)
    assert result.returncode == 0
    assert f"_FACEWATCHCTL_COMPLETE={shell}_complete".encode() in result.stdout
