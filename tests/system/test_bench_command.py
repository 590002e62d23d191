"""``facewatchctl bench`` as a user types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facewatchd.errors import Exit

pytestmark = pytest.mark.system

CTL = Path(sys.prefix) / "bin" / "facewatchctl"
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"


def run(
    home: Path, command: str, *arguments: object, **more: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), **more}
    environment.pop("FACEWATCHD_CONFIG", None)
    return subprocess.run(
        [str(CTL), command, *map(str, arguments)],
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_bench_says_how_fast_photos_are_read_and_leaves_nothing(
    tmp_path: Path, photos: Path
) -> None:
    ended = run(tmp_path, "bench", "--photos", "6", "--json", photos / "bbt")
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    told = json.loads(ended.stdout)
    assert told["engine"] == "mtcnn + dlib"
    assert (told["photos"], told["failed"]) == (6, [])
    assert 1 <= told["workers"] <= 3
    assert told["faces"] >= 6
    assert told["each"] < told["first"]
    assert told["nights"] == pytest.approx(told["each"] * 10_000 / 3600 / 8)
    assert told["stages"].keys() == {"decode", "detect", "encode"}
    assert min(told["stages"].values()) > 0
    ended = run(tmp_path, "bench", "--photos", "6", photos / "bbt")
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    first, *_, last = ended.stdout.splitlines()
    assert first.startswith("mtcnn + dlib: 6 photos of ")
    assert first.endswith(f"on average, {told['faces']} faces")
    assert last.startswith("10,000 photos like these take ")
    assert not (tmp_path / "facewatchd-people").exists()


def test_the_errors_of_bench_say_what_to_do(tmp_path: Path, photos: Path) -> None:
    ended = run(tmp_path, "bench")
    assert (ended.returncode, ended.stdout) == (Exit.CONFIG, "")
    assert "Name a folder (facewatchctl bench FOLDER)" in ended.stderr
    folder = tmp_path / "photos"
    folder.mkdir()
    ended = run(tmp_path, "bench", folder)
    assert (ended.returncode, ended.stdout) == (Exit.FAILED, "")
    assert ended.stderr.startswith(f"facewatchctl bench: There is no photo in {folder}.")
    shutil.copyfile(photos / "odd" / "broken" / "truncated.heic", folder / "half.heic")
    ended = run(tmp_path, "bench", folder)
    assert (ended.returncode, ended.stdout) == (Exit.FAILED, "")
    reason = "The file is truncated: 1 of its 3,658 bytes are missing."
    assert ended.stderr.splitlines() == [
        "facewatchctl bench: No photo could be read; it takes 2 to measure.",
        "1 could not be read:",
        f"  '{folder}/half.heic': {reason}",
        "  Name a folder with more photos: facewatchctl bench FOLDER",
    ]


@pytest.mark.parametrize("command", ["doctor", "bench"])
@pytest.mark.parametrize(
    ("detector", "said"), [("raises-at-construction", "KeyError"), ("raises", "IndexError: ")]
)
def test_a_broken_plugin_is_named_without_a_traceback(
    tmp_path: Path, photos: Path, command: str, detector: str, said: str
) -> None:
    settings = {
        "roots": [{"path": str(photos / "bbt")}],
        "output": str(tmp_path / "people"),
        "state": str(tmp_path / "state"),
        "engine": {"detector": detector, "encoder": "plain"},
    }
    file = tmp_path / "facewatchd.yaml"
    file.write_text(json.dumps(settings))  # JSON is YAML
    ended = run(tmp_path, command, "--config", file, PYTHONPATH=str(PLUGINS))
    at_once = (command, detector) == ("bench", "raises-at-construction")
    assert ended.returncode == (Exit.CONFIG if at_once else Exit.FAILED)
    everything = ended.stdout + ended.stderr
    assert "Traceback" not in everything
    assert f"The detector '{detector}' failed: {said}" in " ".join(everything.split())
    assert {path.name for path in tmp_path.iterdir()} == {file.name}
