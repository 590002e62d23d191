"""A real copier in a process of its own: what it copies, and that nobody waits for dead storage."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from facewatchd.landlock import version
from facewatchd.model import Copy, Way
from facewatchd.organise.photos import NoReflinkError, PhotoAwayError
from facewatchd.pipeline.copying import Copying, Storage
from tests.conftest import missing
from tests.support.hanging import Share
from tests.support.mounts import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
PATIENCE = 1.0  # seconds that the storage of a photo has


class Bench:
    """Two roots, of which one may hang, an output, and what is told of them."""

    def __init__(self, folder: Path, share: Path | None = None) -> None:
        self.photos, self.output = folder / "photos", folder / "people"
        for place in (self.photos, self.output):
            place.mkdir()
        self.share = share or folder / "share"
        self.offline: set[bytes] = set()
        self.hanging: list[bytes] = []
        roots = [bytes(self.photos), bytes(self.share)]
        self.copying = Copying(Storage(roots, lambda: self.offline, self.hanging.append), PATIENCE)

    def close(self) -> None:
        self.copying.close()

    def photo(self, content: bytes = b"picture", name: str = "a.jpg", way: Way = Way.COPY) -> Copy:
        """Write a photo; return the plan to copy it."""
        path = self.photos / name
        path.write_bytes(content)
        return planned(path, way)

    def fill(self, copy: Copy, room: object = None) -> tuple[bytes | None, os.stat_result, bytes]:
        """Copy; return the digest, and the file and what it holds."""

        def before_bytes(size: int) -> None:
            assert size == copy.size
            if callable(room):
                room()

        path = self.output / "copy.jpg"
        target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            digest = self.copying.fill(copy, target, before_bytes)
        finally:
            os.close(target)
        return digest, path.stat(), path.read_bytes()

    @property
    def copier(self) -> psutil.Process:
        """The process that copies."""
        assert self.copying._child is not None
        return psutil.Process(self.copying._child.pid)


def planned(path: Path, way: Way = Way.COPY) -> Copy:
    found = path.stat()
    return Copy(way, b"hash", bytes(path), found.st_size, found.st_mtime_ns)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Bench(tmp_path)) as made:
        yield made


def test_a_photo_is_copied_whole_with_its_time_by_another_process(
    bench: Bench, photos: Path
) -> None:
    for path in sorted((photos / "bbt" / "amy").iterdir()):
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).digest()
        digest, found, copied = bench.fill(planned(path))
        assert (digest, copied) == (sha256, content)
        assert found.st_mtime_ns == path.stat().st_mtime_ns
        assert bench.copying.digest(planned(path)) == sha256
    assert bench.copier.parent() == psutil.Process()


@pytest.mark.parametrize("what", ["gone", "changed", "a folder", "a pipe", "a link"])
def test_a_photo_that_is_not_as_planned_is_away_and_the_next_is_copied(
    bench: Bench, what: str
) -> None:
    copy = bench.photo()
    path = bench.photos / "a.jpg"
    match what:
        case "changed":
            path.write_bytes(b"another picture")
        case _:
            path.unlink()
    match what:
        case "a folder":
            path.mkdir()
        case "a pipe":
            os.mkfifo(path)
        case "a link":
            path.symlink_to("b.jpg")
    for ask in (bench.copying.check, bench.copying.digest, bench.fill):
        with pytest.raises(PhotoAwayError):
            ask(copy)
    other = bench.photo(name="b.jpg")
    bench.copying.check(other)
    assert bench.fill(other)[2] == b"picture"


def test_a_photo_that_changes_while_it_is_copied_is_away(bench: Bench) -> None:
    copy = bench.photo()
    with pytest.raises(PhotoAwayError, match="changed while"):
        bench.fill(copy, room=lambda: bench.photo(b"longer than it was"))


def test_where_there_is_no_room_nothing_is_written(bench: Bench) -> None:
    copy = bench.photo()
    refusal = OSError(errno.ENOSPC, "a little room is kept")

    def refuse() -> None:
        raise refusal

    with pytest.raises(OSError, match="is kept") as caught:
        bench.fill(copy, room=refuse)
    assert caught.value is refusal
    assert (bench.output / "copy.jpg").stat().st_size == 0
    assert bench.fill(copy)[2] == b"picture"


@pytest.mark.parametrize(
    ("way", "kind", "code"),
    [(Way.COPY, OSError, errno.ENOSPC), (Way.REFLINK, NoReflinkError, errno.EOPNOTSUPP)],
)
def test_what_the_disk_of_the_output_refuses_is_the_error_that_it_was(
    bench: Bench, way: Way, kind: type[OSError], code: int
) -> None:
    copy = bench.photo(way=way)
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(kind) as caught:
            bench.copying.fill(copy, full, lambda _: None)
    finally:
        os.close(full)
    assert type(caught.value) is kind
    assert (caught.value.errno, caught.value.strerror != "") == (code, True)
    assert bench.hanging == []


def test_an_output_that_takes_long_is_not_taken_for_dead_storage_of_photos(bench: Bench) -> None:
    """It is a pipe here, which takes nothing before it is read, and cannot be synced."""
    copy = bench.photo(b"x" * 1_000_000)
    taken, target = os.pipe()
    drain = threading.Timer(1.5 * PATIENCE, lambda: Path(f"/dev/fd/{taken}").read_bytes())
    drain.start()
    try:
        with pytest.raises(OSError, match="Invalid argument"):
            bench.copying.fill(copy, target, lambda _: None)
    finally:
        os.close(target)
        drain.join()
        os.close(taken)
    assert bench.hanging == []


def test_a_copier_that_dies_is_told_of_once_and_another_copies_for_the_next_plan(
    bench: Bench,
) -> None:
    copy = bench.photo()
    bench.copying.check(copy)
    bench.copier.kill()
    for _ in range(2):
        with pytest.raises(PhotoAwayError, match="was killed"):
            bench.fill(copy)
        assert bench.copying._child is None
    bench.copying.begin()
    assert bench.fill(copy)[2] == b"picture"
    assert bench.hanging == []


def test_photos_of_a_root_that_is_offline_are_not_asked_for(bench: Bench) -> None:
    copy = bench.photo()
    bench.offline = {bytes(bench.photos)}
    with pytest.raises(PhotoAwayError, match="offline"):
        bench.copying.check(copy)
    assert bench.copying.at_rest


def test_a_copier_with_nothing_to_do_ends(bench: Bench) -> None:
    assert bench.copying.next_due() is None
    bench.copying.check(bench.photo())
    copier = bench.copier
    bench.copying.rest(100.0)
    assert bench.copying.next_due() == 120.0
    bench.copying.rest(119.0)
    assert copier.is_running()
    bench.copying.rest(120.0)
    assert bench.copying.next_due() is None
    _, alive = psutil.wait_procs([copier], 10)
    assert not alive or all(each.status() == psutil.STATUS_ZOMBIE for each in alive)
    assert bench.copying.at_rest


def test_a_copier_that_was_taken_over_can_write_nowhere(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if version() < 3:
        missing("a kernel with Landlock, version 3 (Linux 6.2)")
    caplog.set_level("INFO")
    places = [str(bench.photos), str(bench.output), str(bench.output.parent)]
    monkeypatch.setenv("PYTHONPATH", f"{PLUGINS / 'seized'}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("OPENS_BELOW", str(bench.photos))
    monkeypatch.setenv("WRITES_TO", ":".join(places))
    assert bench.fill(bench.photo())[2] == b"picture"
    bench.copying.close()  # and all that it printed is logged
    _, _, tried = caplog.text.partition("tried:")
    assert json.loads(tried) == dict.fromkeys(places, "Permission denied")
    for place in places:  # else it would prove nothing
        (Path(place) / "new").touch()


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    needs_root()
    with closing(Share(tmp_path)) as made:
        yield made


def test_storage_that_hangs_holds_nobody_up_and_is_not_asked_again(
    tmp_path: Path, share: Share
) -> None:
    (share.behind / "b.jpg").write_bytes(b"far away")
    there = planned(share.root / "b.jpg")
    with closing(Bench(tmp_path, share.root)) as bench:
        here = bench.photo()
        bench.copying.check(here)
        copier = bench.copier
        share.hang()
        began = time.monotonic()
        with pytest.raises(PhotoAwayError, match="does not answer"):
            bench.copying.check(there)
        assert PATIENCE <= time.monotonic() - began < PATIENCE + 5
        assert bench.hanging == [bytes(share.root)]
        began = time.monotonic()
        assert bench.fill(here)[2] == b"picture"
        second = bench.copier
        bench.copying.begin()  # the next plan does not ask either, as long as the first one hangs
        for ask in (bench.copying.check, bench.copying.digest, bench.fill):
            with pytest.raises(PhotoAwayError, match="does not answer"):
                ask(there)
        assert time.monotonic() - began < PATIENCE + 5
        assert bench.copier == second
        assert len(bench.hanging) == 1
        assert copier.status() == psutil.STATUS_DISK_SLEEP, "it could be killed, proves little"

        share.go_on()
        psutil.wait_procs([copier], 10)
        bench.copying.begin()
        assert bench.fill(there)[2] == b"far away"


# -- the process of the daemon -------------------------------------------------------------------

WHOLE_LIFE = """
import os, sys
from pathlib import Path
from tests.integration.test_output_ways import Home
from facewatchd.model import Copy, Link

home = Home(Path(sys.argv[1]), link="copy")  # its photos are written, which opens them
with open(os.environ["OPENS"], "w"):
    pass
home.publish()
assert home.library.publishing.waiting == {}
for link in ("auto", "hardlink", "copy"):
    home.again(link=link)
    home.publish()
assert home.library.publishing.error is None
home.entry("2.jpg").write_bytes(b"EDITS")  # of the same size: it is compared with its photo
os.utime(home.entry("2.jpg"), ns=(1, 1))
home.library.store._db.execute("DELETE FROM links")  # as are all, in a store that is new
home.again(link="copy")
home.publish()
assert list(home.library.publishing.conflicts) == [b"person_0001/2.jpg"]
home.again(link="symlink")
home.publish()
home.library.close()
"""


def test_the_process_that_makes_the_tree_opens_no_photo(tmp_path: Path) -> None:
    notes = tmp_path / "opens"
    environment = {
        "PYTHONPATH": f"{PLUGINS / 'opens'}:{PLUGINS.parents[1]}",
        "OPENS_BELOW": str(tmp_path / "photos"),
        "OPENS": str(notes),
    }
    subprocess.run(
        [sys.executable, "-c", WHOLE_LIFE, tmp_path], env=os.environ | environment, check=True
    )
    opened = [line.split(" ", 1) for line in notes.read_text().splitlines()]
    assert {Path(path).name for _, path in opened} == {"1.jpg", "2.jpg", "3.jpg"}
    assert {module for module, _ in opened} == {"facewatchd.copier"}
