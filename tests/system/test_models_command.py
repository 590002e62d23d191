"""``facewatchctl models`` as a user types it, and hardware that is not there."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import Exit
from facewatchd.models.known import KNOWN, model
from tests.support.bound import bound
from tests.support.file_server import serve

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system

YUNET = model("yunet")
CTL = Path(sys.prefix) / "bin" / "facewatchctl"


class Home:
    """A state folder, and the configuration that names it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "facewatchd.yaml"
        self.models = folder / "state" / "models"
        settings = {
            "roots": [{"path": str(folder / "photos")}],
            "output": str(folder / "people"),
            "state": str(folder / "state"),
        }
        self.config.write_text(json.dumps(settings))  # JSON is YAML

    def command(self, verb: str, *arguments: object) -> list[str]:
        return [str(CTL), "models", verb, "--config", str(self.config), *map(str, arguments)]

    def run(
        self, verb: str, *arguments: object, launcher: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*launcher, *self.command(verb, *arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def listed(self) -> dict[str, dict[str, Any]]:
        ended = self.run("list", "--json")
        assert (ended.returncode, ended.stderr) == (Exit.OK, "")
        return {row["name"]: row for row in json.loads(ended.stdout)}

    def typed(self, answer: bytes, verb: str, *arguments: object) -> tuple[int, str]:
        """Run it on a terminal, answer its question, and return exit code and screen."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command(verb, *arguments), stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        os.write(ours, answer)
        screen = b""
        with suppress(OSError):  # EIO is how Linux says that the other side was closed
            while chunk := os.read(ours, 65536):
                screen += chunk
        os.close(ours)
        return process.wait(30), screen.decode()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def weights(shared: Path) -> bytes:
    return (shared / "models" / YUNET.download.name).read_bytes()


def test_a_model_is_fetched_from_a_mirror_listed_and_found_whole(
    home: Home, weights: bytes
) -> None:
    assert home.listed()["yunet"]["state"] == "missing"
    with serve(weights) as server:
        ended = home.run("fetch", "yunet", "--accept-licence", "--from", server.address)
        assert (ended.returncode, ended.stderr) == (Exit.OK, "")
        assert "0.2 MB" in ended.stdout
        assert YUNET.licence.address in ended.stdout
        assert f"From: {server.address}" in ended.stdout
        again = home.run("fetch", "yunet", "--yes", "--from", server.address)
        assert "is there already" in again.stdout
        assert len(server.sent) == 1
    assert (home.models / YUNET.download.name).read_bytes() == weights
    row = home.listed()["yunet"]
    assert (row["state"], row["size"], row["get"]) == ("installed", len(weights), None)
    checked = home.run("check")
    assert (checked.returncode, checked.stderr) == (Exit.OK, "")
    assert f"{YUNET.download.name}: is what it should be, and loads" in checked.stdout
    assert checked.stdout.endswith("All is well.\n")


def test_a_damaged_model_is_one_line_with_what_to_type_and_that_mends_it(
    home: Home, weights: bytes, tmp_path: Path
) -> None:
    home.models.mkdir(parents=True)
    (home.models / YUNET.download.name).write_bytes(weights[:-1000] + bytes(1000))
    checked = home.run("check", "--json")
    assert checked.returncode == Exit.FAILED
    wrong = [finding for finding in json.loads(checked.stdout) if finding["mend"]]
    assert [(finding["about"], finding["mend"]) for finding in wrong] == [
        (YUNET.download.name, "facewatchctl models fetch yunet")
    ]
    brought = tmp_path / "brought.onnx"
    brought.write_bytes(weights)
    assert home.run("fetch", "yunet", "--yes", "--from", brought).returncode == Exit.OK
    assert home.run("check").returncode == Exit.OK
    assert brought.read_bytes() == weights


def test_without_a_terminal_a_licence_must_be_accepted_by_name(home: Home, weights: bytes) -> None:
    with serve(weights) as server:
        ended = home.run("fetch", "yunet", "--from", server.address)
        assert server.asked == []
    assert ended.returncode == Exit.FAILED
    first, then = ended.stderr.splitlines()
    assert first == "facewatchctl: The licence of yunet was not accepted: MIT."
    assert then.endswith("facewatchctl models fetch yunet --accept-licence")
    assert not home.models.exists()


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", Exit.OK), (b"n\n", Exit.FAILED)])
def test_on_a_terminal_the_licence_is_asked_for_and_progress_is_shown(
    home: Home, weights: bytes, answer: bytes, code: Exit
) -> None:
    with serve(weights) as server:
        ended, screen = home.typed(answer, "fetch", "yunet", "--from", server.address)
    assert ended == code
    assert "MIT" in screen
    assert "Do you accept this licence?" in screen
    assert ("229.7/229.7 kB" in screen) == (code == Exit.OK)
    assert home.models.exists() == (code == Exit.OK)


def test_offline_says_once_where_the_file_is_and_where_it_goes(home: Home) -> None:
    ended = home.run("fetch", "sface", "--yes", "--from", "http://127.0.0.1:9/sface.onnx")
    assert ended.returncode == Exit.FAILED
    title, remedy = ended.stderr.splitlines()
    assert title.startswith("facewatchctl: sface cannot be fetched from http://127.0.0.1:9/")
    assert model("sface").address in remedy
    assert str(home.models / "face_recognition_sface_2021dec.onnx") in remedy
    assert list(home.models.iterdir()) == []


def test_a_name_that_nobody_knows_says_which_there_are(home: Home) -> None:
    ended = home.run("fetch", "buffalo_xl", "--yes")
    assert ended.returncode == Exit.NOT_FOUND
    assert all(known.name in ended.stderr for known in KNOWN)


def test_a_file_that_is_not_there_is_an_error_with_its_name(home: Home) -> None:
    ended = home.run("fetch", "yunet", "--yes", "--from", "/nowhere/yunet.onnx")
    assert ended.returncode == Exit.FAILED
    assert "There is no file /nowhere/yunet.onnx." in ended.stderr


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("ftp://127.0.0.1/yunet.onnx", "only http:// and https://"),
        ("/", "/ cannot be read: Is a directory."),
    ],
)
def test_what_cannot_be_fetched_from_is_said_truly(home: Home, source: str, says: str) -> None:
    ended = home.run("fetch", "yunet", "--yes", "--from", source)
    assert ended.returncode == Exit.FAILED
    title, remedy = ended.stderr.splitlines()
    assert says in title
    assert "There is no file" not in title
    assert remedy.strip()
    assert not home.models.exists()


@pytest.mark.parametrize("verb", [("list",), ("check",), ("fetch", "buffalo_s", "--yes")])
@pytest.mark.parametrize("closed", ["state", "state/models", "state/models/buffalo_s"])
def test_folders_that_may_not_be_read_are_one_error(
    home: Home, tmp_path: Path, verb: tuple[str, ...], closed: str
) -> None:
    (home.models / "buffalo_s").mkdir(parents=True)
    (tmp_path / closed).chmod(0)
    ended = home.run(*verb, launcher=bound())
    (tmp_path / closed).chmod(0o700)
    assert ended.returncode == Exit.CONFIG
    title, remedy = ended.stderr.splitlines()
    assert title.endswith("cannot be read: Permission denied.")
    assert f"{tmp_path / closed} belongs to " in remedy


@pytest.mark.parametrize("verb", [("list",), ("check",), ("fetch", "yunet", "--yes")])
def test_a_file_in_the_place_of_the_model_folder_is_one_error(
    home: Home, verb: tuple[str, ...]
) -> None:
    home.models.parent.mkdir()
    home.models.write_bytes(b"")
    ended = home.run(*verb)
    assert ended.returncode == Exit.CONFIG
    title, remedy = ended.stderr.splitlines()
    assert f"{home.models} is a file, where a folder of models would be" in title
    assert f"mv {home.models} ELSEWHERE" in remedy


def test_an_invalid_configuration_is_its_own_error(home: Home) -> None:
    home.config.write_text("dance: 1")
    ended = home.run("list")
    assert ended.returncode == Exit.CONFIG
    assert "dance: there is no such setting" in ended.stderr


def test_a_model_folder_that_may_not_be_read_ends_the_daemon_with_one_clear_error(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    models = tmp_path / "models"
    models.mkdir(mode=0)
    settings = json.loads(home.config.read_text())
    engine = {"detector": "scrfd", "encoder": "arcface", "models": str(models)}
    home.config.write_text(json.dumps(settings | {"engine": engine}))
    daemon = [str(CTL.with_name("facewatchd")), "--config", str(home.config)]
    ended = subprocess.run(
        [*bound(), *daemon], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == Exit.CONFIG
    assert "Traceback" not in ended.stderr
    assert f"{models} cannot be read: Permission denied." in ended.stderr
    assert f"{models} belongs to " in ended.stderr


def test_hardware_that_is_not_there_ends_the_daemon_with_one_clear_error(
    daemon: Daemon, photos: Path
) -> None:
    shutil.copy(next((photos / "bbt" / "amy").iterdir()), daemon.photos)
    daemon.settings = {
        "roots": [{"path": str(daemon.photos)}],
        "engine": {"detector": "mtcnn", "hardware": "cuda"},
    }
    daemon.start(wait=False)
    assert daemon.process is not None
    assert daemon.process.wait(60) == Exit.CONFIG
    said = [line for line in daemon.log().splitlines() if "cuda" in line]
    assert len(said) == 1
    assert "cannot use 'cuda' (engine.hardware)" in said[0]
