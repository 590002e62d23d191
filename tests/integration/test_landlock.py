"""What a process can no longer do once it has confined itself: tried in real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facewatchd.landlock import version
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

WRITES = {
    "write": "open(path, 'ab').close()",
    "cut": "os.truncate(path, 0)",
    "remove": "os.unlink(path)",
    "replace": "os.replace(allowed / 'there', path)",
    "move away": "os.rename(path, allowed / 'taken')",
    "link": "os.link(allowed / 'there', folder / 'new')",
    "make": "open(folder / 'new', 'x').close()",
    "make a folder": "os.mkdir(folder / 'new')",
    "remove a folder": "os.rmdir(folder / 'empty')",
    "make a symlink": "os.symlink('x', folder / 'new')",
    "make a fifo": "os.mkfifo(folder / 'new')",
    "make a socket": "socket.socket(socket.AF_UNIX).bind(str(folder / 'new'))",
}
READS = {
    "read": "path.read_bytes()",
    "list": "os.listdir(folder)",
    "look at": "os.stat(path)",
    "write in an allowed folder": "(allowed / 'mine').write_bytes(b'x')",
    "replace in an allowed folder": "os.replace(allowed / 'mine', allowed / 'there')",
    "move between folders that are allowed": "os.rename(allowed / 'there', allowed / 'sub' / 'x')",
    "write to nobody": "open('/dev/null', 'wb').close()",
    "write to what was open": "log.write('x')",
}
TRY = """
import json, os, socket, sys
from pathlib import Path
from facewatchd.landlock import confine
folder, allowed = Path(sys.argv[1]), Path(sys.argv[2])
path, log = folder / "photo.jpg", open(folder / "log", "w")
if sys.argv[3] == "confined":
    assert confine([allowed, allowed / "not there"])
answers = {}
for name, what in json.load(sys.stdin).items():
    try:
        exec(what)
    except OSError as error:
        answers[name] = type(error).__name__
    else:
        answers[name] = "done"
log.close()
print(json.dumps(answers))
"""


@pytest.fixture(autouse=True)
def _landlock() -> None:
    if version() < 3:
        missing("a kernel with Landlock, version 3 (Linux 6.2)")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return a folder with a photo, and one that is allowed."""
    folder, allowed = tmp_path / "photos", tmp_path / "allowed"
    (folder / "empty").mkdir(parents=True)
    (folder / "photo.jpg").write_bytes(b"photo")
    (allowed / "sub").mkdir(parents=True)
    (allowed / "there").write_bytes(b"there")
    return folder, allowed


def tried(deeds: dict[str, str], folders: tuple[Path, Path], how: str) -> dict[str, str]:
    """Do ``deeds`` in a process of their own; return what came of each."""
    done = subprocess.run(
        [sys.executable, "-c", TRY, *folders, how],
        input=json.dumps(deeds),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("deed", WRITES)
def test_nothing_can_be_changed_outside_of_the_allowed_folders(
    folders: tuple[Path, Path], deed: str
) -> None:
    before = {path: path.lstat().st_ino for path in folders[0].rglob("*")}
    assert tried({deed: WRITES[deed]}, folders, "confined") == {deed: "PermissionError"}
    log = folders[0] / "log"  # was open
    assert {p: p.lstat().st_ino for p in folders[0].rglob("*") if p != log} == before
    assert (folders[0] / "photo.jpg").read_bytes() == b"photo"
    assert tried({deed: WRITES[deed]}, folders, "free") == {deed: "done"}, "it proves nothing"


def test_reading_and_writing_in_the_allowed_folders_go_on(folders: tuple[Path, Path]) -> None:
    assert tried(READS, folders, "confined") == dict.fromkeys(READS, "done")
    assert (folders[0] / "log").read_text() == "x"


def test_what_a_confined_process_starts_is_confined_as_well(folders: tuple[Path, Path]) -> None:
    deeds = {"touch": "os.system(f'touch {folder}/new 2>/dev/null')"}
    tried(deeds, folders, "confined")
    assert not (folders[0] / "new").exists()
    tried(deeds, folders, "free")
    assert (folders[0] / "new").exists(), "it proves nothing"
