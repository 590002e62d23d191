"""Names from anywhere and traps in the tree: handled, shown escaped, and nothing else touched."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support.mounts import needs_root
from tests.support.pictures import QUICK, aged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

NAMES = [
    b"two\nlines.png",
    b"caf\xe9 in latin-1.png",
    b"\xff\xfe.png",
    b"n" * 251 + b".png",
    "ö".encode() * 125 + b"x.png",
    b"-rf.png",
    b"--help.png",
    b"..a.png",
    b"... .png",
    b"red \x1b[31m bell \x07 return \r.png",
    "right to left \u202egnp.png".encode(),
    b"'quoted' \"twice\" \\n $(id) `id` %s {0} *.png",
    b" blanks around .png",
    b"person_0001.png",
    b"cover.jpg",
]
FOLDERS = [b"-folder\n", b"\xe9\xe8", b"...", b"~"]


@pytest.fixture
def elsewhere(daemon: Daemon, photos: Path) -> Path:
    """Return a folder with photos that is none of the daemon's business."""
    folder = daemon.home / "elsewhere"
    shutil.copytree(photos / "bbt" / "raj", folder)
    (folder / "notes.txt").write_text("private")
    return folder


@pytest.fixture
def odd(daemon: Daemon, photos: Path) -> dict[bytes, str]:
    """Put photos of one person under odd names into odd folders; return how each shall end."""
    ends = {}
    source = Image.open(photos / "bbt" / "amy" / "amy1.png")
    top = os.fsencode(daemon.photos)
    places = [os.path.join(top, name) for name in NAMES]
    places += [os.path.join(top, folder, NAMES[0]) for folder in FOLDERS]
    for number, path in enumerate(places):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        source.putpixel((0, 0), number)  # another picture of the same face
        with open(path, "wb") as file:
            source.save(file, "PNG")
        ends[path] = "done"
    for name in NAMES[:3]:
        path = os.path.join(top, b"broken " + name)
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n")
        ends[path] = "failed"
    aged(Path(os.fsdecode(path)) for path in ends)
    return ends


@pytest.fixture
def traps(daemon: Daemon, elsewhere: Path) -> list[bytes]:
    """Plant what is no photo, whatever it is called, among the photos."""
    needs_root()  # to make a device
    place = daemon.photos / "traps"
    place.mkdir()
    (place / "file.png").symlink_to("../../elsewhere/raj1.png")
    (place / "absolute.png").symlink_to(elsewhere / "raj2.png")
    (place / "folder").symlink_to("../../elsewhere")
    (place / "folder.png").symlink_to("../../elsewhere")
    (place / "up").symlink_to("../..")
    (place / "round.png").symlink_to("round.png")
    (place / "nowhere.png").symlink_to("../../../../../nowhere.png")
    (place / "password.png").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe.png")
    os.mknod(place / "socket.png", stat.S_IFSOCK | 0o666)
    os.mknod(place / "zero.png", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    return sorted(os.fsencode(path) for path in place.iterdir())


@pytest.fixture
def set_traps(daemon: Daemon, elsewhere: Path) -> None:
    """Plant links that lead out where the daemon is going to write; the folder 1 is free."""
    daemon.output.mkdir()
    (daemon.output / "person_0003").symlink_to("../elsewhere")
    (daemon.output / "_doubtful").symlink_to(elsewhere)
    (daemon.output / "person_0002").mkdir()
    (daemon.output / "person_0002" / "cover.jpg").symlink_to("../../elsewhere/notes.txt")


def fingerprint(home: Path) -> str:
    """Return a hash of names, kinds, modes, owners, times and contents outside OUTPUT and state."""
    found = hashlib.sha256()
    for path, entry in _walk(home):
        if path in {
            b"people",
            b"state",
            b"log",
            b"facewatchd.yaml",
        }:  # the last two the test writes
            continue
        looks = entry.stat(follow_symlinks=False)
        found.update(repr((path, looks.st_mode, looks.st_uid, looks.st_mtime_ns)).encode())
        if entry.is_symlink():
            found.update(os.readlink(entry.path))
        elif entry.is_file():
            with open(entry.path, "rb") as file:
                found.update(file.read())
    return found.hexdigest()


def _walk(home: Path) -> Iterator[tuple[bytes, os.DirEntry[bytes]]]:
    waiting = [os.fsencode(home)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                inside = os.path.relpath(entry.path, os.fsencode(home))
                yield inside, entry
                own = inside in {b"people", b"state"}
                if entry.is_dir(follow_symlinks=False) and not own:
                    waiting.append(entry.path)


@pytest.mark.usefixtures("set_traps")
def test_odd_names_and_traps(
    daemon: Daemon, photos: Path, odd: dict[bytes, str], traps: list[bytes], shown: Shown
) -> None:
    for person in ("penny", "sheldon"):
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)
    daemon.settings = QUICK | {"people": {"min_photos": 1}}
    before = fingerprint(daemon.home)
    daemon.start()
    daemon.wait_until_idle()
    daemon.recluster()

    files = daemon.files(daemon.photos)
    assert {path: files.get(path) for path in odd} == odd
    assert files.keys() & set(traps) == set()
    assert len(files) == len(odd) + 10
    assert daemon.status()["missing"] == 0
    linked = _linked(daemon)
    assert linked.keys() >= {path for path, end in odd.items() if end == "done"}
    assert linked.keys() <= files.keys(), "links lead out of the root"
    _check_words(daemon, odd, traps)
    assert fingerprint(daemon.home) == before

    for path in odd:
        os.remove(path)
    before = fingerprint(daemon.home)
    daemon.wait_for(lambda: len(daemon.files(daemon.photos)) == 10, 30)
    daemon.wait_until_idle()
    assert _linked(daemon).keys() & odd.keys() == set()
    assert daemon.stop() == 0
    assert fingerprint(daemon.home) == before
    shown(
        "names with newlines, control characters, 255 bytes, leading dashes, not in UTF-8",
        "sorted like others; shown escaped; nothing outside OUTPUT and the state folder changed",
    )
    shown(
        "links out of the tree, FIFOs, sockets and devices with names of photos",
        "never opened or followed; nothing outside OUTPUT and the state folder changed",
    )


def _linked(daemon: Daemon) -> dict[bytes, bytes]:
    """Return where the links in OUTPUT lead, by the photo, and whose link it is."""
    found = {}
    for folder, _, names in os.walk(os.fsencode(daemon.output)):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) and name != b"cover.jpg":
                found[os.path.normpath(os.path.join(folder, os.readlink(path)))] = path
    return found


def _check_words(daemon: Daemon, odd: dict[bytes, str], traps: list[bytes]) -> None:
    """Whatever ``facewatchctl`` says, it is text of one's own terminal: nothing acts on it."""
    said = {
        question: daemon.ctl(*question)
        for question in (
            (b"status",),
            (b"people",),
            (b"doubtful",),
            (b"errors",),
            *((b"find", b"--", path) for path in odd),
            *((b"why", b"--", path) for path in traps),
        )
    }
    for question, answer in said.items():
        assert answer.returncode == 0, (question, answer)
        text = answer.stdout.decode("utf-8")  # strictly: other bytes are escaped
        wild = [c for c in text if not (c.isprintable() or c in "\n\t")]
        assert wild == [], (question, answer)
    assert rb"two\x0alines.png" in said[b"errors",].stdout
