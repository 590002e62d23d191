"""``facewatchctl models convert`` as a user types it, with random weights."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from facewatchd.engines.facenet_graph import encoding_network
from facewatchd.errors import Exit
from facewatchd.models.known import CONVERTIBLE
from tests.support.networks import random_weights, written

pytestmark = pytest.mark.system

CTL = Path(sys.prefix) / "bin" / "facewatchctl"
FACENET = CONVERTIBLE[0]


class Home:
    """A state folder, and the configuration that names it."""

    def __init__(self, folder: Path) -> None:
        self.models = folder / "state" / "models"
        self.config = folder / "facewatchd.yaml"
        settings = {"roots": [{"path": str(folder / "photos")}], "output": str(folder / "people")}
        self.config.write_text(json.dumps(settings | {"state": str(folder / "state")}))

    def run(self, verb: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [CTL, "models", verb, "--config", self.config, *arguments]
        return subprocess.run(
            [*map(str, command)], capture_output=True, text=True, timeout=100, check=False
        )

    def row(self, name: str) -> dict[str, Any]:
        rows = json.loads(self.run("list", "--json").stdout)
        found: dict[str, Any] = next(row for row in rows if row["name"] == name)
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    return written(folder / FACENET.brought.file, random_weights(encoding_network))


def test_weights_are_converted_listed_and_found_whole(home: Home, weights: Path) -> None:
    assert home.row("facenet")["state"] == "missing"
    assert home.row("facenet")["get"] == f"facewatchctl models convert {weights.name}"
    ended = home.run("convert", weights)
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    assert f"Licence: {FACENET.licence.name}" in ended.stdout
    assert f"facenet is in place: facenet.onnx in {home.models}" in ended.stdout
    assert "are not those of 20180402-114759-vggface2.pt as it was published" in ended.stdout
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.models.iterdir()}
    assert modes == {"facenet.onnx": 0o600, "facenet.sha256": 0o600}
    assert stat.S_IMODE(home.models.stat().st_mode) == 0o700
    row = home.row("facenet")
    assert (row["state"], row["get"]) == ("installed", None)
    assert row["size"] == (home.models / "facenet.onnx").stat().st_size
    checked = home.run("check")
    assert "facenet.onnx: is what it should be, and loads" in checked.stdout


def test_a_damaged_model_is_found_and_made_anew(home: Home, weights: Path) -> None:
    home.run("convert", weights)
    path = home.models / "facenet.onnx"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\0")
    ended = home.run("check")
    assert ended.returncode == Exit.FAILED
    assert "facenet.onnx" in ended.stdout
    assert f"facewatchctl models convert {weights.name}" in ended.stdout
    assert home.run("convert", weights).returncode == Exit.OK
    assert path.read_bytes() == whole


def test_a_file_that_holds_no_weights_is_one_error(home: Home, tmp_path: Path) -> None:
    note = tmp_path / "note.pt"
    note.write_text("no weights")
    for file, says in (
        (note, "holds no weights as PyTorch saves them"),
        ("no.pt", "no file no.pt"),
    ):
        ended = home.run("convert", file)
        assert ended.returncode == Exit.FAILED
        title, remedy = ended.stderr.splitlines()
        assert says in title
        assert "Name the file of weights that you downloaded" in remedy
    assert not home.models.exists()


def test_without_weights_the_daemon_ends_with_one_clear_error(home: Home) -> None:
    settings = json.loads(home.config.read_text())
    Path(settings["roots"][0]["path"]).mkdir()
    home.config.write_text(json.dumps(settings | {"engine": {"encoder": "facenet"}}))
    ended = subprocess.run(
        [CTL.with_name("facewatchd"), "--config", home.config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == Exit.CONFIG
    assert f"The encoder 'facenet' needs {home.models / 'facenet.onnx'}" in ended.stderr
    assert FACENET.brought.address in ended.stderr
    assert FACENET.brought.convert in ended.stderr


def test_to_fetch_what_is_converted_says_what_to_type(home: Home) -> None:
    ended = home.run("fetch", "dsfd", "--yes")
    assert ended.returncode == Exit.NOT_FOUND
    assert "facewatchctl models convert WIDERFace_DSFD_RES152.pth" in ended.stderr
