"""The store, its log or the journal is lost or damaged: what was decided holds."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Faces = dict[tuple[bytes, tuple[int, ...]], Any]

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

# Share of the faces of which nothing was said that may come out differently: a face that is near
# to a kept person when its photo is read again is given to that person, in the order of reading.
DIFFERENT = 0.2
PAGE = 4096


@dataclass
class Decided:
    """A library of which something was said, stopped; each test gets it as it was."""

    daemon: Daemon
    touched: Faces
    kept: Path

    def put_back(self) -> None:
        for folder in (self.daemon.state, self.daemon.output):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.kept / folder.name, folder, symlinks=True)

    def keep(self) -> None:
        shutil.rmtree(self.kept, ignore_errors=True)
        for folder in (self.daemon.state, self.daemon.output):
            shutil.copytree(
                folder,
                self.kept / folder.name,
                symlinks=True,
                ignore=shutil.ignore_patterns("*.sock"),
            )


def faces(daemon: Daemon) -> Faces:
    """Return of each face, by its photo and box, whose it is and what was said of it."""
    rows = daemon.rows(
        "SELECT hash, box_left, box_top, box_right, box_bottom, person, name, said FROM faces"
        " JOIN photos ON photos.id = photo LEFT JOIN looks ON looks.id = look"
        " LEFT JOIN people ON people.id = person"
    )
    return {(row[0], tuple(row[1:5])): tuple(row[5:]) for row in rows}


def tree(daemon: Daemon) -> set[Path]:
    """Return the links in the output."""
    return {path for path in daemon.output.rglob("*") if path.is_symlink()}


def by_id(daemon: Daemon, person: str) -> list[int]:
    rows = daemon.rows(
        "SELECT faces.id FROM faces JOIN looks ON looks.id = look WHERE person = ?"
        " ORDER BY faces.id",
        person,
    )
    return [face for (face,) in rows]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Iterator[Decided]:
    daemon = Daemon(tmp_path_factory.mktemp("loss"))
    shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
    try:
        daemon.start()
        daemon.wait_until_idle(200)
        daemon.recluster()
        ann, ben, carl = _say_some(daemon)
        daemon.wait_until_idle()
        said = faces(daemon)
        touched = {at: is_ for at, is_ in said.items() if is_[0] in {ann, ben, carl} or is_[2]}
        assert 10 < len(touched) < len(said)
        daemon.kill()  # so that the log is there, too
        made = Decided(daemon, said, daemon.home / "kept")
        made.touched = touched
        made.keep()
        yield made
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def _say_some(daemon: Daemon) -> tuple[str, str, str]:
    """Name three people, move a face, reject one, ignore one; return the people."""
    client = daemon.client
    largest = sorted(client.people(), key=lambda p: -p["faces"])[:4]
    ann, ben, carl, other = (each["id"] for each in largest)
    for person, name in ((ann, "Ann"), (ben, "Бен"), (carl, "Carl/?")):
        client.say("people/name", person=person, name=name)
    client.say("people/confirm", person=ann)
    client.say("faces/assign", faces=by_id(daemon, other)[:1], person=carl)
    client.say("faces/reject", faces=by_id(daemon, ben)[:1])
    client.say("faces/ignore", faces=by_id(daemon, other)[-1:])
    return ann, ben, carl


@pytest.fixture
def decided(prepared: Decided) -> Iterator[Decided]:
    daemon = prepared.daemon
    prepared.put_back()
    yield prepared
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()


@pytest.fixture
def check(decided: Decided, measured: Callable[[str], None]) -> Callable[[str], dict[str, Any]]:
    """Return what starts the daemon after a loss, and holds what came out against before."""
    daemon = decided.daemon
    before = _faces_of_kept(decided)

    def check_after(what: str) -> dict[str, Any]:
        if daemon.process is None or daemon.process.poll() is not None:
            daemon.start()
        daemon.wait_for(lambda: daemon.status()["recluster"]["last"] is not None, 200)
        daemon.wait_until_idle(200)
        after = faces(daemon)
        assert {at: after.get(at) for at in decided.touched} == decided.touched
        others = {at: is_ for at, is_ in before.items() if at not in decided.touched}
        different = _different(others, after)
        measured(f"{what}: {different} of {len(others)} untouched faces came out differently")
        assert different <= DIFFERENT * len(others)
        status = daemon.status()
        assert status["output"]["conflicts"] == []
        assert {"Ann", "Бен", "Carl__"} <= {path.name for path in daemon.output.iterdir()}
        return status

    return check_after


def _faces_of_kept(decided: Decided) -> Faces:
    kept = Daemon(decided.kept)
    return faces(kept)


def _different(before: Faces, after: Faces) -> int:
    """Return how many faces are with others than before; ids of people are not compared."""
    pairs = Counter((before[at][0], after.get(at, (at,))[0]) for at in before)
    taken: set[Any] = set()
    matched: set[Any] = set()
    same = pairs.pop((None, None), 0)
    for (was, is_), number in pairs.most_common():
        if was is not None and is_ is not None and was not in matched and is_ not in taken:
            matched.add(was)
            taken.add(is_)
            same += number
    return len(before) - same


def test_the_state_folder_is_deleted(
    decided: Decided, check: Callable[[str], dict[str, Any]]
) -> None:
    shutil.rmtree(decided.daemon.state)
    decided.daemon.state.mkdir()
    before = tree(decided.daemon)
    decided.daemon.start()
    while decided.daemon.status()["state"] in {"scanning", "encoding"}:
        assert tree(decided.daemon) == before
        time.sleep(0.1)  # between two looks at what another process does
    status = check("state folder deleted")
    assert "was gone" in status["lost"]


@pytest.mark.parametrize("page", [0, 3, 40])
def test_bytes_of_the_store_are_flipped(
    decided: Decided, check: Callable[[str], dict[str, Any]], page: int
) -> None:
    store = decided.daemon.state / "store.db"
    _fold_log_in(decided)
    with store.open("r+b") as file:
        file.seek(page * PAGE)
        head = file.read(32)
        file.seek(page * PAGE)
        file.write(bytes(byte ^ 0xFF for byte in head))
    status = check(f"32 bytes of page {page + 1} flipped")
    assert "was damaged" in status["lost"]
    assert len(list(decided.daemon.state.glob("damaged-*/store.db"))) == 1


@pytest.mark.parametrize("share", [0.0, 0.5, 0.95])
def test_the_write_ahead_log_is_cut(
    decided: Decided, check: Callable[[str], dict[str, Any]], share: float
) -> None:
    log = decided.daemon.state / "store.db-wal"
    size = log.stat().st_size
    assert size > 100 * PAGE
    os.truncate(log, int(size * share))
    check(f"log cut to {share:.0%}")


def test_bytes_of_the_write_ahead_log_are_flipped(
    decided: Decided, check: Callable[[str], dict[str, Any]]
) -> None:
    log = decided.daemon.state / "store.db-wal"
    with log.open("r+b") as file:
        file.seek(log.stat().st_size // 3)
        file.write(b"\xff" * 64)
    check("64 bytes of the log flipped")


@pytest.mark.parametrize("where", ["state", "people/.facewatchd", "both"])
def test_the_journal_is_removed(
    decided: Decided, check: Callable[[str], dict[str, Any]], where: str
) -> None:
    for folder in ("state", "people/.facewatchd") if where == "both" else (where,):
        (decided.daemon.home / folder / "decisions.jsonl").unlink()
    status = check(f"journal removed ({where})")
    assert status["lost"] is None
    for folder in ("state", "people/.facewatchd"):
        assert (decided.daemon.home / folder / "decisions.jsonl").read_text().count("\n") == 8


def test_a_backup_is_taken_by_itself_and_what_is_newer_is_added(
    decided: Decided, check: Callable[[str], dict[str, Any]]
) -> None:
    daemon = decided.daemon
    daemon.start()
    daemon.wait_until_idle()
    made = daemon.ctl("backup", daemon.home / "mine.db")
    assert (made.returncode, made.stderr) == (0, b"")
    read = daemon.rows("SELECT count(*) FROM photos")
    daemon.kill()
    (daemon.state / "backups").mkdir()
    (daemon.home / "mine.db").rename(daemon.state / "backups" / "facewatchd-20261101-030000.db")
    os.truncate(daemon.state / "store.db", 5000)
    (daemon.state / "store.db-wal").unlink(missing_ok=True)
    daemon.start()
    assert daemon.rows("SELECT count(*) FROM photos") == read
    daemon.kill()
    status = check("backup taken")
    assert "facewatchd-20261101-030000.db took its place" in status["lost"]


def test_restore_goes_back_and_keeps_what_is_newer_or_not(decided: Decided) -> None:
    daemon = decided.daemon
    daemon.start()
    daemon.wait_until_idle()
    file = daemon.home / "mine.db"
    assert daemon.ctl("backup", file).returncode == 0
    daemon.client.say("people/name", person="Ann", name="Anna")
    refused = daemon.ctl("restore", file)
    assert refused.returncode == 1
    assert b"The daemon works on the state folder" in refused.stderr
    assert daemon.stop() == 0
    assert b"1 newer decision" in daemon.ctl("restore", file).stdout
    daemon.start()
    daemon.wait_until_idle()
    assert daemon.client.person("Anna")["name"] == "Anna"
    assert daemon.stop() == 0
    assert daemon.ctl("restore", "--without-newer", file).returncode == 0
    daemon.start()
    daemon.wait_until_idle()
    assert daemon.client.person("Ann")["name"] == "Ann"
    assert daemon.status()["output"]["conflicts"] == []
    assert "Anna" not in {path.name for path in daemon.output.iterdir()}


def _fold_log_in(decided: Decided) -> None:
    """Start and stop the daemon, so that the store is one file."""
    decided.daemon.start()
    assert decided.daemon.stop() == 0
    assert not (decided.daemon.state / "store.db-wal").exists()
