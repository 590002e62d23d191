from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from facewatchd.api import ROUTES
from facewatchd.cli import main
from facewatchd.cli.place import where
from facewatchd.errors import Exit
from tests.support.scripted import PHOTO, Scripted, served

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "facewatchd.cli"]
SHOWN = "/photos/caf\\xe9\\x0a.jpg"
MACHINERY = {"numpy", "scipy", "sklearn", "dlib", "PIL", "sqlite_utils", "pydantic", "uvicorn"}


@pytest.fixture
def control() -> Scripted:
    return Scripted()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def daemon(control: Scripted, state: Path) -> Iterator[None]:
    with served(control, state / "api.sock"):
        yield


def run(*arguments: str | bytes | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def ask(state: Path, *arguments: str | bytes | Path) -> str:
    result = run("--state", state, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def imported(*arguments: str | Path) -> set[str]:
    """Return the outermost names of all modules that the command imports."""
    command = [sys.executable, "-X", "importtime", *COMMAND[1:], *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in lines}


@pytest.mark.usefixtures("daemon")
def test_in_a_pipe_the_status_is_plain_lines(state: Path) -> None:
    lines = ask(state, "status").splitlines()
    assert lines[1:6] == [
        "Root: /photos: watched on ext4, 9 files",
        "Files: 8 done, 0 waiting, 1 failed, 2 unsupported",
        "Failed: 1 The file is truncated",
        "Unsupported: 2 .cr2",
        "Ignored: 3 *.tmp (built in)",
    ]
    assert lines[0].startswith("State: idle (for 3 min 20 s, 2 workers, pid ")
    assert lines[-1] == f"Error: {SHOWN}: The file is cut short."


@pytest.mark.usefixtures("daemon")
def test_on_a_terminal_the_status_is_a_table_and_names_stay_escaped(state: Path) -> None:
    shown = on_a_terminal("--state", str(state), "status")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert plain != shown
    assert re.search(r"^Files +8 done, 0 waiting", plain, re.MULTILINE)
    assert SHOWN in plain


@pytest.mark.usefixtures("daemon")
def test_on_a_terminal_people_are_a_table_with_a_head(state: Path) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal("--state", str(state), "people"))
    assert re.search(r"Name .* Folder .* Photos .* Faces .* First .* Last .* Id", shown)
    assert re.search(r"person_0001 .* 8 .* 8 .* 1970-01-01 .* 1970-01-02 .* p1", shown)


def on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen([*COMMAND, *arguments], stdout=theirs, env=environment) as process:
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # EIO: the other side was closed
            pass
        finally:
            os.close(ours)
        assert process.wait(60) == 0
    return b"".join(chunks).decode()


@pytest.mark.usefixtures("daemon")
def test_json_is_what_the_api_answers(state: Path, control: Scripted) -> None:
    assert json.loads(ask(state, "status", "--json")) == control.status()
    assert json.loads(ask(state, "people", "--hidden", "--json")) == control.people()
    assert json.loads(ask(state, "people", "--json")) == control.people()[:1]
    assert json.loads(ask(state, "doubtful", "--json")) == control.doubtful(100)
    assert json.loads(ask(state, "errors", "--json")) == control.errors(100)
    assert json.loads(ask(state, "find", PHOTO, "--json")) == control.find(PHOTO)
    assert json.loads(ask(state, "why", PHOTO, "--json")) == control.why(PHOTO)


@pytest.mark.usefixtures("daemon")
def test_lists_are_a_line_a_row_with_tabs_between(state: Path) -> None:
    shown = "\tperson_0001\t8\t8\t1970-01-01\t1970-01-02\tp1\n"
    assert ask(state, "people") == ask(state, "people", "list") == shown
    assert ask(state, "people", "--hidden") == shown + "Zoë\thidden\t2\t2\t\t\tp2\n"
    assert ask(state, "doubtful") == f"1\t{SHOWN}\t1,2,3,4\t0.50\tperson_0001 0.61\n"
    assert ask(state, "errors") == f"{SHOWN}\t2\tThe file is cut short.\n"


@pytest.mark.usefixtures("daemon")
def test_limits_reach_the_daemon(state: Path, control: Scripted) -> None:
    ask(state, "doubtful", "--limit", "5")
    ask(state, "errors", "--limit", "6")
    assert control.asked == [("doubtful", 5), ("errors", 6)]


@pytest.mark.usefixtures("daemon")
def test_a_photo_is_found_by_a_name_that_is_no_text(state: Path) -> None:
    assert ask(state, "find", PHOTO).splitlines() == [
        f"Photo: {SHOWN}",
        "State: done",
        "Taken: 2016-05-14 10:30, from its metadata",
        "Face: 7, person_0001, similarity 0.71, at 10,20,110,120",
        "Link: /people/person_0001/caf.jpg",
    ]


@pytest.mark.usefixtures("daemon")
def test_a_relative_name_a_linked_folder_and_a_link_lead_to_the_photo(
    state: Path, control: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    photos, people = tmp_path / "photos", tmp_path / "people"
    photos.mkdir()
    people.mkdir()
    photo = photos / "a.jpg"
    photo.touch()
    (tmp_path / "alias").symlink_to(photos)
    (people / "b.jpg").symlink_to("../photos/a.jpg")
    control.known = {bytes(photo.resolve())}
    monkeypatch.chdir(photos)
    for name in ("a.jpg", "../alias/a.jpg", people / "b.jpg", "../photos/../people/b.jpg"):
        assert ask(state, "find", name).splitlines()[0] == f"Photo: {photo.resolve()}"
        assert ask(state, "why", name).splitlines()[0] == f"Path: {photo.resolve()}"


@pytest.mark.usefixtures("daemon")
def test_a_link_leads_to_a_photo_that_the_daemon_knows_through_a_linked_root(
    state: Path, control: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.jpg").touch()
    (tmp_path / "root").symlink_to("disk")
    (tmp_path / "link.jpg").symlink_to("root/a.jpg")
    control.known = {bytes(tmp_path / "root" / "a.jpg")}
    shown = ask(state, "find", tmp_path / "link.jpg")
    assert shown.splitlines()[0] == f"Photo: {tmp_path}/root/a.jpg"
    assert (
        ask(state, "why", tmp_path / "link.jpg").splitlines()[0] == f"Path: {tmp_path}/root/a.jpg"
    )


@pytest.mark.usefixtures("daemon")
def test_why_shows_each_step_and_the_verdict(state: Path) -> None:
    assert ask(state, "why", PHOTO).splitlines() == [
        f"Path: {SHOWN}",
        "1: It is in the root /photos.",
        "2: Its face is person_0001's.",
        "Verdict: linked",
    ]


@pytest.mark.usefixtures("daemon")
def test_why_answers_for_any_path_by_the_name_that_was_typed(state: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to("/nowhere")
    assert ask(state, "why", tmp_path / "elsewhere").splitlines() == [
        f"Path: {tmp_path}/elsewhere",
        f"1: {tmp_path}/elsewhere is in none of the watched folders.",
        "Verdict: not in a root",
    ]


@pytest.mark.usefixtures("daemon")
def test_what_is_not_known_ends_with_title_remedy_and_exit_code(state: Path) -> None:
    result = run("--state", state, "find", b"/x/forged\nState: done")
    assert (result.returncode, result.stdout) == (Exit.NOT_FOUND, "")
    assert result.stderr == (
        "facewatchctl: /x/forged\\x0aState: done is not known.\n  Is it in a watched root?\n"
    )


@pytest.mark.usefixtures("daemon")
def test_wishes_reach_the_daemon(state: Path, control: Scripted) -> None:
    assert ask(state, "retry") == "3 failed photos will be tried again.\n"
    assert "walked over" in ask(state, "scan")
    assert "clustered anew" in ask(state, "recluster")
    assert control.asked == [("scan", None), ("recluster", None)]


@pytest.mark.usefixtures("daemon")
def test_deletions_are_accepted_for_the_root_that_is_named(state: Path, control: Scripted) -> None:
    told = ask(state, "scan", "--accept-deletions", "/photos/").splitlines()
    assert told == ["What is missing in /photos/ is taken for deleted; see: facewatchctl status"]
    assert control.asked == [("scan", b"/photos")]
    result = run("--state", state, "scan", "--accept-deletions", "/elsewhere\n")
    assert (result.returncode, result.stdout) == (Exit.NOT_FOUND, "")
    assert result.stderr.startswith("facewatchctl: /elsewhere\\x0a is no root.\n")


@pytest.mark.usefixtures("daemon")
def test_deletions_are_accepted_by_another_name_of_the_root(
    state: Path, control: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to("/photos")
    ask(state, "scan", "--accept-deletions", tmp_path / "alias")
    assert control.asked == [("scan", b"/photos")]


@pytest.mark.usefixtures("daemon")
def test_one_can_wait_for_a_re_clustering(state: Path) -> None:
    assert ask(state, "recluster", "--wait") == (
        "Clustered 11 faces in 2 s: 2 people, 1 doubtful.\n"
    )


@pytest.mark.usefixtures("daemon")
def test_a_re_clustering_that_fails_is_said(state: Path, control: Scripted) -> None:
    control.clustering_fails = True
    result = run("--state", state, "recluster", "--wait")
    assert result.returncode == Exit.FAILED
    assert "Re-clustering crashed." in result.stderr


@pytest.mark.usefixtures("daemon")
def test_watching_shows_the_status_again_until_ctrl_c(state: Path) -> None:
    command = [*COMMAND, "--state", str(state), "status", "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        states = (line for line in process.stdout if line.startswith("State: idle"))
        assert [next(states) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_without_a_daemon_the_last_status_is_shown_with_its_age(
    state: Path, control: Scripted
) -> None:
    last = control.status()
    del last["errors"]
    (state / "status.json").write_text(json.dumps(last))
    result = run("--state", state, "status")
    assert result.returncode == Exit.NOT_RUNNING
    assert re.match(
        r"State: not running; idle when anything last changed, \d+ d( \d+ h)? ago\n", result.stdout
    )
    assert "Files: 8 done" in result.stdout
    assert result.stderr.startswith(f"facewatchctl: No daemon answers at {state}/api.sock.\n")
    told = run("--state", state, "status", "--json")
    assert (told.returncode, json.loads(told.stdout)) == (Exit.NOT_RUNNING, last)


def test_a_last_status_of_another_version_is_not_shown(state: Path, control: Scripted) -> None:
    (state / "status.json").write_text(json.dumps(control.status() | {"version": "0.0.9"}))
    result = run("--state", state, "status")
    assert (result.returncode, result.stdout) == (Exit.NOT_RUNNING, "")


@pytest.mark.parametrize(
    "arguments",
    [
        *(("status",), ("people",), ("find", "a.jpg"), ("why", "a.jpg"), ("scan",)),
        *(("recluster", "--wait"), ("status", "--watch"), ("people", "show", "x"), ("log",)),
        *(("people", "merge", "x", "y"), ("undo",), ("photos",), ("face", "ignore", "1")),
        *(("export", "/nowhere", "--person", "x"), ("ignore", "--unnamed-below", "3")),
    ],
)
def test_without_a_daemon_nothing_is_said_but_how_to_start_one(
    state: Path, arguments: tuple[str, ...]
) -> None:
    result = run("--state", state, *arguments)
    assert (result.returncode, result.stdout) == (Exit.NOT_RUNNING, "")
    assert "facewatchd --config FILE" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *(("errors", "--limit", "0"), ("dance",), ("find",), ("why",)),
        *(("people", "dance"), ("people", "name", "p1"), ("people", "name", "p1", "A", "--none")),
        *(("people", "name", "p1", " "), ("people", "split", "p1"), ("people", "split", "p1", "x")),
        *(("face", "assign", "1"), ("face", "assign", "1", "x", "p1"), ("face", "assign", "p1")),
        *(("face", "assign", "--new", "Zoe"), ("face", "assign", "1", "p1", "--new", "Zoe")),
        *(("face", "assign", "1", "--new", ""), ("face", "reject"), ("face", "ignore")),
        *(("face", "add", "a.jpg", "p1"), ("face", "add", "a.jpg", "p1", "--box", "1,2,3")),
        ("face", "add", "a.jpg", "p1", "--box", "1,2,3,4", "--no-box"),
        *(("ignore",), ("ignore", "--unnamed-below", "0"), ("photos", "--json", "--print0")),
        *(("photos", "--since", "2016-13"), ("photos", "--until", "16"), ("export", "/x")),
        *(("photos", "--since", "2015-02-29"), ("photos", "--until", "0000")),
        ("completion", "tcsh"),
        ("status", "--json", "--watch"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(state: Path, arguments: tuple[str, ...]) -> None:
    result = run("--state", state, *arguments)
    assert (result.returncode, result.stdout) == (Exit.USAGE, "")
    assert result.stderr.startswith("Usage: ")


def test_the_socket_is_found_without_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FACEWATCHD_SOCKET", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("facewatchd.cli.place._SYSTEM_SOCKET", tmp_path / "run" / "api.sock")
    own, system = tmp_path / "facewatchd", Path("/var/lib/facewatchd")
    assert where(None, None).socket == own / "api.sock"
    assert where(None, None).states == (own, system)
    assert where(None, Path("/s")).socket == Path("/s/api.sock")
    monkeypatch.setenv("FACEWATCHD_SOCKET", "/e/api.sock")
    assert where(None, Path("/s")).socket == Path("/e/api.sock")
    assert where(None, Path("/s")).states == (Path("/s"),)
    assert where(Path("/o/a.sock"), None) == where(Path("/o/a.sock"), Path("/o"))
    monkeypatch.setenv("FACEWATCHD_SOCKET", "")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "api.sock").touch()
    assert where(None, None).socket == tmp_path / "run" / "api.sock"
    assert where(None, None).states == (system,)


@pytest.mark.usefixtures("daemon")
def test_the_socket_can_be_named_by_option_and_environment(state: Path) -> None:
    socket = str(state / "api.sock")
    for result in (
        run("--socket", socket, "people"),
        run("people", FACEWATCHD_SOCKET=socket),
        run("people", XDG_STATE_HOME=str(state.parent / "none"), FACEWATCHD_SOCKET=socket),
    ):
        assert result.returncode == 0, result.stderr


def test_help_starts_without_http_tables_or_machinery() -> None:
    modules = imported("--help")
    assert "click" in modules
    assert modules & (MACHINERY | {"http", "rich"}) == set()


@pytest.mark.usefixtures("daemon")
def test_asking_starts_without_the_machinery(state: Path) -> None:
    modules = imported("--state", state, "status")
    assert "http" in modules
    assert modules & MACHINERY == set()


def commands() -> list[tuple[str, click.Command]]:
    return [("facewatchctl", main), *main.commands.items()]


def inner_commands() -> list[tuple[str, str, click.Command]]:
    return [
        (outer, name, command)
        for outer, group in main.commands.items()
        if isinstance(group, click.Group)
        for name, command in group.commands.items()
        if outer != "models"  # has a page of its own
    ]


def explained(command: str) -> str:
    """Return what the page says about one command."""
    page = (REPOSITORY / "docs" / "facewatchctl.md").read_text()
    found = re.search(rf"^## `{command}\b[^\n]*`\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found is not None, f"docs/facewatchctl.md has no section `{command}`"
    return found[0]


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_is_explained(name: str, command: click.Command) -> None:
    assert unexplained(command, explained(name)) == []


@pytest.mark.parametrize(("outer", "name", "command"), inner_commands())
def test_every_command_within_a_group_is_explained(
    outer: str, name: str, command: click.Command
) -> None:
    row = re.search(rf"^\| `{outer} {name}\b.*", explained(outer), re.MULTILINE)
    assert row is not None
    options = [p for p in command.params if p.opts[0] != "--json"]  # told for all of them at once
    assert unexplained(command, row[0], options) == []


def unexplained(
    command: click.Command, text: str, parameters: list[click.Parameter] | None = None
) -> list[str]:
    names = [
        f"`{parameter.opts[0]}"
        if isinstance(parameter, click.Option)
        else parameter.make_metavar(click.Context(command)).strip("[]")
        for parameter in (command.params if parameters is None else parameters)
    ]
    return [name for name in names if name not in text]


def test_no_command_is_explained_that_is_not_there() -> None:
    page = (REPOSITORY / "docs" / "facewatchctl.md").read_text()
    heads = re.findall(r"^## `(\w+)", page, re.MULTILINE)
    assert sorted(heads) == sorted(name for name, _ in commands())


def test_every_route_is_explained_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "api.md").read_text()
    heads = set(re.findall(r"^### `(GET|POST) (/v1/[\w./]+)", page, re.MULTILINE))
    assert heads == {(route.method, route.path) for route in ROUTES}


def test_every_field_of_an_answer_is_explained() -> None:
    page = (REPOSITORY / "docs" / "api.md").read_text()
    for route in ROUTES:
        found = re.search(
            rf"^### `{route.method} {re.escape(route.path)}.*?(?=^##|\Z)",
            page,
            re.DOTALL | re.MULTILINE,
        )
        assert found is not None
        for name in fields(route.result):
            assert f'"{name}"' in found[0], f"{route.path}: {name}"


def fields(schema: dict[str, Any]) -> set[str]:
    """Return the names of all fields within ``schema``."""
    inner = [*schema.get("anyOf", []), *schema.get("properties", {}).values()]
    if "items" in schema:
        inner.append(schema["items"])
    return set(schema.get("properties", {})).union(*map(fields, inner))
