"""The output tree on a real file system: kills, strangers' files, odd names, full disks."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.errors import OutputError
from facewatchd.model import Entry, Folder, Way
from facewatchd.organise import (
    Conflict,
    Cover,
    Direct,
    Photo,
    WantedFolder,
    apply,
    copies,
    photos,
    plan,
    reconcile,
    tree,
)
from facewatchd.organise.style import LINKS, Style
from tests.conftest import missing
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerContext

    from facewatchd.organise import Operation


class SavedManifest:
    """A manifest in SQLite, so that only what was committed outlives a kill."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA synchronous = OFF")  # a kill is no power cut
        self._db.execute("CREATE TABLE IF NOT EXISTS made (path BLOB PRIMARY KEY, entry BLOB)")

    def entries(self) -> Mapping[bytes, Entry]:
        rows = self._db.execute("SELECT path, entry FROM made")
        return {path: pickle.loads(entry) for path, entry in rows}  # noqa: S301 - our own

    def record(self, path: bytes, entry: Entry) -> None:
        row = [path, pickle.dumps(entry)]
        self._db.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", row)

    def forget(self, path: bytes) -> None:
        self._db.execute("DELETE FROM made WHERE path = ?", [path])

    def commit(self) -> None:
        self._db.commit()

    def close(self) -> None:
        self._db.close()


class World:
    """A folder of photos, a folder of other things, an output, and a manifest."""

    def __init__(self, place: Path) -> None:
        self.place = os.fsencode(place.resolve())
        self.output = os.path.join(self.place, b"output")
        self.photos = os.path.join(self.place, b"photos")
        self.state = place / "manifest.db"
        os.mkdir(self.photos)
        (place / "others").mkdir()
        (place / "others" / "precious.txt").write_text("do not touch")
        self.manifest = SavedManifest(self.state)

    def photo(self, name: bytes, place: bytes = b"") -> Photo:
        path = os.path.join(self.photos, place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"picture of " + place + name)
        known = os.stat(path)
        content = hashlib.sha256(place + b"/" + name).digest()
        return Photo(content, path, known.st_size, known.st_mtime_ns)

    def plan(self, wanted: Sequence[WantedFolder], style: Style = LINKS) -> list[Operation]:
        return plan(wanted, self.output, self.manifest.entries(), style)

    def organise(self, wanted: Sequence[WantedFolder], style: Style = LINKS) -> list[Conflict]:
        return apply(self.plan(wanted, style), self.output, self.manifest, Direct())

    def reconcile(self) -> list[Conflict]:
        return reconcile(self.output, self.manifest, Direct())

    def at(self, path: bytes) -> bytes:
        return os.path.join(self.output, path)

    def listing(self) -> dict[bytes, bytes]:
        return listing(self.output)

    def outside(self) -> dict[bytes, bytes]:
        return listing(self.photos) | listing(os.path.join(self.place, b"others"))


def listing(top: bytes) -> dict[bytes, bytes]:
    """Return every path below ``top`` with what it is and holds."""
    found = {}
    for here, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(here, name)
            if os.path.islink(path):
                found[path] = b"-> " + os.readlink(path)
            elif os.path.isdir(path):
                found[path] = b"folder"
            else:
                with open(path, "rb") as file:
                    found[path] = b"file " + file.read()
    return {os.path.relpath(path, top): content for path, content in found.items()}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    created = World(tmp_path)
    before = created.outside()
    with closing(created.manifest):
        yield created
    assert {path: created.outside()[path] for path in before} == before


def test_a_tree_is_made_changed_and_taken_away_again(world: World) -> None:
    a, b = world.photo(b"a.jpg"), world.photo(b"b.jpg", b"2019")
    assert world.organise([WantedFolder(b"person_0001", [a, b], Cover(b"k", b"jpeg"))]) == []
    assert world.listing() == {
        b"person_0001": b"folder",
        b"person_0001/a.jpg": b"-> ../../photos/a.jpg",
        b"person_0001/b.jpg": b"-> ../../photos/2019/b.jpg",
        b"person_0001/cover.jpg": b"file jpeg",
    }
    assert Path(os.fsdecode(world.at(b"person_0001/b.jpg"))).read_bytes() == b"picture of 2019b.jpg"

    wanted = [
        WantedFolder(b"person_0001", [b], Cover(b"k2", b"other")),
        WantedFolder(b"_doubtful/person_0001", [a]),
    ]
    assert world.organise(wanted) == []
    assert world.listing() == {
        b"person_0001": b"folder",
        b"person_0001/b.jpg": b"-> ../../photos/2019/b.jpg",
        b"person_0001/cover.jpg": b"file other",
        b"_doubtful": b"folder",
        b"_doubtful/person_0001": b"folder",
        b"_doubtful/person_0001/a.jpg": b"-> ../../../photos/a.jpg",
    }
    assert world.organise([]) == []
    assert world.listing() == {}
    assert world.manifest.entries() == {}


def test_a_folder_of_which_only_the_case_changes_takes_along_what_the_user_put_there(
    world: World,
) -> None:
    anna, new = world.photo(b"a.jpg"), world.photo(b"b.jpg")
    world.organise([WantedFolder(b"anna", [anna], Cover(b"k", b"jpeg"))])
    Path(os.fsdecode(world.at(b"anna/mine.txt"))).write_text("mine")
    link = os.lstat(world.at(b"anna/a.jpg"))
    assert world.organise([WantedFolder(b"Anna", [anna, new], Cover(b"k"))]) == []
    assert os.path.samestat(os.lstat(world.at(b"Anna/a.jpg")), link)
    assert world.listing() == {
        b"Anna": b"folder",
        b"Anna/a.jpg": b"-> ../../photos/a.jpg",
        b"Anna/b.jpg": b"-> ../../photos/b.jpg",
        b"Anna/cover.jpg": b"file jpeg",
        b"Anna/mine.txt": b"file mine",
    }
    assert world.reconcile() == []
    assert world.manifest.entries().keys() == world.listing().keys() - {b"Anna/mine.txt"}


def test_a_folder_of_the_users_that_differs_in_case_is_used_and_kept(world: World) -> None:
    anna = world.photo(b"a.jpg")
    world.organise([WantedFolder(b"anna", [anna], Cover(b"k", b"jpeg"))])
    os.mkdir(world.at(b"Anna"))
    Path(os.fsdecode(world.at(b"Anna/mine.txt"))).write_text("mine")
    wanted = [WantedFolder(b"Anna", [anna], Cover(b"k"))]
    assert world.organise(wanted) == [Conflict(b"Anna", "a folder")]
    assert world.listing() == {
        b"Anna": b"folder",
        b"Anna/a.jpg": b"-> ../../photos/a.jpg",
        b"Anna/mine.txt": b"file mine",
    }
    assert world.manifest.entries().keys() == {b"Anna/a.jpg"}
    world.organise([])
    assert world.listing() == {b"Anna": b"folder", b"Anna/mine.txt": b"file mine"}


# -- kills ------------------------------------------------------------------------------------


class KilledAt:
    """Stands for ``os`` or a manifest, and kills this process before its k-th call."""

    def __init__(self, real: Any, left: Iterator[int], names: set[str]) -> None:
        self._real, self._left, self._names = real, left, names

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        return self._counted(real) if name in self._names else real

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if next(self._left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call


COPIES = Style(Way.COPY)
_DISK_CALLS = {"open", "mkdir", "symlink", "write", "fsync", "rename", "unlink", "rmdir", "lstat"}
_MANIFEST_CALLS = {"record", "forget", "commit"}


def organise_until_killed(
    state: Path, output: bytes, wanted: list[WantedFolder], style: Style, k: int
) -> None:
    """Run in a process of its own, which dies before its k-th call to the disk or manifest."""
    left = iter(range(k, -1, -1))
    with closing(SavedManifest(state)) as manifest, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "os", KilledAt(os, left, _DISK_CALLS))
        deadly: Any = KilledAt(manifest, left, _MANIFEST_CALLS)
        for module in (copies, photos):
            patch.setattr(module, "os", KilledAt(os, left, _DISK_CALLS))
        apply(plan(wanted, output, manifest.entries(), style), output, deadly, Direct())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(LINKS, LINKS, id="links"),
        pytest.param(LINKS, COPIES, id="links to copies"),
        pytest.param(COPIES, LINKS, id="copies to links", marks=WHOLE),
    ],
)
def test_after_a_kill_between_any_two_calls_the_tree_converges(
    tmp_path: Path, before: Style, after: Style
) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["pytest", "facewatchd.organise"])
    for k in count():
        place = tmp_path / str(k)
        place.mkdir()
        world = World(place)
        with closing(world.manifest):
            if not _survives_kill(world, k, processes, before, after):
                break
    assert k > 60


def _survives_kill(
    world: World, k: int, processes: ForkServerContext, before: Style, after: Style
) -> bool:
    """Kill before call ``k``, start again, compare; False if there is no call ``k``."""
    first, second = _two_libraries(world)
    world.organise(first, before)
    mine = Path(os.fsdecode(world.at(b"person_0001/mine.txt")))
    mine.write_text("a file of the user's")
    outside = world.outside()

    child = processes.Process(
        target=organise_until_killed, args=(world.state, world.output, second, after, k)
    )
    child.start()
    child.join(timeout=60)
    code = child.exitcode
    child.close()
    if code == 0:
        return False
    assert code == -signal.SIGKILL

    assert world.reconcile() == [], f"killed before call {k}: took its own for somebody else's"
    assert world.organise(second, after) == []
    assert world.plan(second, after) == []
    made = _SECOND if after == LINKS else {path: _copied(what) for path, what in _SECOND.items()}
    assert world.listing() == made | {b"person_0001/mine.txt": b"file a file of the user's"}
    assert world.outside() == outside
    return True


def _two_libraries(world: World) -> tuple[list[WantedFolder], list[WantedFolder]]:
    """Return two states between which everything that can happen to a folder happens."""
    stays, goes, moved = world.photo(b"stays.jpg"), world.photo(b"goes.jpg"), world.photo(b"m.jpg")
    away = replace(world.photo(b"m.jpg", b"away"), hash=moved.hash)
    twin = world.photo(b"stays.jpg", b"twin")
    anna = world.photo(b"anna.jpg")
    first = [
        WantedFolder(b"person_0001", [stays, moved], Cover(b"1", b"old cover")),
        WantedFolder(b"person_0002", [goes], Cover(b"2", b"cover")),
        WantedFolder(b"_doubtful/person_0001", [goes]),
        WantedFolder(b"anna", [anna], Cover(b"4", b"her")),
    ]
    second = [
        WantedFolder(b"person_0001", [stays, away, twin], Cover(b"1b", b"new cover")),
        WantedFolder(b"person_0003", [goes], Cover(b"3", b"cover")),
        WantedFolder(b"Anna", [anna], Cover(b"4")),
    ]
    return first, second


_SECOND = {
    b"Anna": b"folder",
    b"Anna/anna.jpg": b"-> ../../photos/anna.jpg",
    b"Anna/cover.jpg": b"file her",
    b"person_0001": b"folder",
    b"person_0001/stays~%s.jpg"
    % hashlib.sha256(b"/stays.jpg").hexdigest()[:8].encode(): b"-> ../../photos/stays.jpg",
    b"person_0001/stays~%s.jpg"
    % hashlib.sha256(b"twin/stays.jpg").hexdigest()[:8].encode(): b"-> ../../photos/twin/stays.jpg",
    b"person_0001/m.jpg": b"-> ../../photos/away/m.jpg",
    b"person_0001/cover.jpg": b"file new cover",
    b"person_0003": b"folder",
    b"person_0003/goes.jpg": b"-> ../../photos/goes.jpg",
    b"person_0003/cover.jpg": b"file cover",
}


def _copied(what: bytes) -> bytes:
    """Return what stands in the place of a link when photos are copied."""
    link, there, photo = what.partition(b"photos/")
    return b"file picture of " + photo.replace(b"/", b"") if there else link


# -- what is not ours ---------------------------------------------------------------------------


def test_a_file_with_a_wanted_name_stays_and_is_reported(world: World) -> None:
    a = world.photo(b"a.jpg")
    os.makedirs(world.at(b"person_0001"))
    for name in (b"a.jpg", b"cover.jpg"):
        Path(os.fsdecode(world.at(b"person_0001/" + name))).write_text("the user's")
    before = world.listing()

    wanted = [WantedFolder(b"person_0001", [a], Cover(b"k", b"jpeg"))]
    for _ in range(2):
        assert world.organise(wanted) == [
            Conflict(b"person_0001/a.jpg", "a file"),
            Conflict(b"person_0001/cover.jpg", "a file"),
        ]
        assert world.listing() == before
    assert world.manifest.entries() == {}
    world.organise([])
    assert world.listing() == before


def test_links_that_the_user_removed_are_made_again(world: World) -> None:
    wanted = [
        WantedFolder(b"person_0001", [world.photo(b"a.jpg"), world.photo(b"b.jpg")]),
        WantedFolder(b"person_0002", [world.photo(b"c.jpg")]),
    ]
    world.organise(wanted)
    whole = world.listing()
    os.unlink(world.at(b"person_0001/a.jpg"))
    os.unlink(world.at(b"person_0002/c.jpg"))
    os.rmdir(world.at(b"person_0002"))

    assert world.reconcile() == []
    assert world.organise(wanted) == []
    assert world.listing() == whole


def test_a_folder_that_vanishes_between_plan_and_apply_is_made_by_the_next_plan(
    world: World,
) -> None:
    a, b = world.photo(b"a.jpg"), world.photo(b"b.jpg")
    world.organise([WantedFolder(b"person_0001", [a])])
    os.unlink(world.at(b"person_0001/a.jpg"))
    os.rmdir(world.at(b"person_0001"))

    wanted = [WantedFolder(b"person_0001", [a, b], Cover(b"k", b"jpeg"))]
    assert world.organise(wanted) == [Conflict(b"person_0001", "nothing")]
    assert world.reconcile() == []
    assert world.organise(wanted) == []
    assert sorted(world.listing()) == [
        b"person_0001",
        b"person_0001/a.jpg",
        b"person_0001/b.jpg",
        b"person_0001/cover.jpg",
    ]


def test_a_cover_that_the_user_edited_stays(world: World) -> None:
    photos = [world.photo(b"a.jpg")]
    world.organise([WantedFolder(b"person_0001", photos, Cover(b"k", b"jpeg"))])
    edited = Path(os.fsdecode(world.at(b"person_0001/cover.jpg")))
    edited.write_text("painted over")

    wanted = [WantedFolder(b"person_0001", photos, Cover(b"k2", b"another"))]
    assert world.organise(wanted) == [Conflict(b"person_0001/cover.jpg", "a file")]
    assert edited.read_text() == "painted over"
    world.reconcile()
    world.organise([])
    assert edited.read_text() == "painted over"


def test_a_changed_cover_is_noticed_by_looking(world: World) -> None:
    world.organise([WantedFolder(b"person_0001", [], Cover(b"k", b"jpeg"))])
    Path(os.fsdecode(world.at(b"person_0001/cover.jpg"))).write_text("painted over")
    assert world.reconcile() == [Conflict(b"person_0001/cover.jpg", "a file")]
    assert world.manifest.entries() == {b"person_0001": Folder()}


def test_a_link_that_the_user_turned_elsewhere_stays(world: World) -> None:
    world.organise([WantedFolder(b"person_0001", [world.photo(b"a.jpg"), world.photo(b"b.jpg")])])
    link = world.at(b"person_0001/a.jpg")
    os.unlink(link)
    os.symlink(b"/elsewhere", link)

    assert world.organise([]) == [
        Conflict(b"person_0001/a.jpg", "a link to '/elsewhere'"),
        Conflict(b"person_0001", "a folder that holds what is not ours"),
    ]
    assert world.listing() == {
        b"person_0001": b"folder",
        b"person_0001/a.jpg": b"-> /elsewhere",
    }


@pytest.mark.parametrize("planted", [b"person_0001", b"_doubtful", b"_doubtful/person_0002"])
def test_a_link_in_place_of_our_folder_leads_nowhere(world: World, planted: bytes) -> None:
    old, new, kept = world.photo(b"old.jpg"), world.photo(b"new.jpg"), world.photo(b"kept.jpg")
    names = (b"person_0001", b"_doubtful/person_0002")
    world.organise([WantedFolder(name, [old, kept], Cover(b"k", b"jpeg")) for name in names])
    hoard = os.path.join(world.place, b"others", b"hoard")
    os.rename(world.at(planted), hoard)  # with all our links in it, where they can be mistaken
    os.symlink(hoard, world.at(planted))
    before = world.outside()

    wanted = [WantedFolder(name, [new, kept], Cover(b"k2", b"other")) for name in names]
    found = [Conflict(planted, f"a link to {os.fsdecode(hoard)!r}")]
    assert world.organise(wanted) == found
    world.reconcile()
    assert world.organise(wanted) == found
    world.organise([])
    assert world.outside() == before
    assert os.readlink(world.at(planted)) == hoard


def test_a_planted_link_is_noticed_by_looking(world: World) -> None:
    world.organise([WantedFolder(b"person_0001", [world.photo(b"a.jpg")])])
    others = os.path.join(world.place, b"others")
    os.rename(world.at(b"person_0001"), os.path.join(others, b"hoard"))
    os.symlink(others, world.at(b"person_0001"))
    assert [conflict.path for conflict in world.reconcile()] == [b"person_0001"]
    assert world.manifest.entries() == {}


def test_a_folder_of_the_users_is_used_and_never_removed(world: World) -> None:
    os.makedirs(world.at(b"person_0001"))
    assert world.organise([WantedFolder(b"person_0001", [world.photo(b"a.jpg")])]) == []
    assert b"person_0001/a.jpg" in world.listing()
    world.organise([])
    assert world.listing() == {b"person_0001": b"folder"}


# -- names --------------------------------------------------------------------------------------


def test_a_folder_whose_name_the_disk_refuses_is_reported_and_stops_nobody(world: World) -> None:
    long, photo = b"n" * 256, world.photo(b"a.jpg")  # some disks take no more than 143 bytes
    wanted = [WantedFolder(long, [photo]), WantedFolder(b"person_0002", [photo])]
    assert world.organise(wanted) == [Conflict(long, "a disk that does not take this name")]
    assert world.listing().keys() == {b"person_0002", b"person_0002/a.jpg"}
    assert world.manifest.entries().keys() == world.listing().keys()


def test_links_of_every_legal_name_lead_to_their_photos(world: World) -> None:
    names = [
        b"-rf",
        b".hidden.jpg",
        b"two\nlines.jpg",
        b"\xff\xfe not unicode.jpg",
        b"n" * 251 + b".jpg",
        b"cover.jpg",
        b"..jpg",
        b"~",
        b"$(reboot).jpg",
    ]
    twins = [world.photo(b"n" * 251 + b".jpg", b"again"), world.photo(b"COVER.JPG", b"again")]
    photos = [world.photo(name, b"strange \xff\nfolder") for name in names] + twins
    assert world.organise([WantedFolder(b"person_0001", photos, Cover(b"k", b"jpeg"))]) == []

    here = world.at(b"person_0001")
    reached = set()
    for name in os.listdir(here):
        with open(os.path.join(here, name), "rb") as file:
            reached.add(file.read())
    expected = set()
    for photo in photos:
        with open(photo.path, "rb") as file:
            expected.add(file.read())
    assert reached == expected | {b"jpeg"}
    assert world.reconcile() == []
    assert world.organise([]) == []
    assert world.listing() == {}


def test_a_path_that_leads_out_of_the_output_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no path in the output tree"):
        world.organise([WantedFolder(b"../others/x", [world.photo(b"a.jpg")])])
    assert not os.path.exists(os.path.join(world.place, b"others", b"x"))


# -- a disk that refuses --------------------------------------------------------------------------


def test_an_output_whose_parent_is_missing_is_a_clear_error(world: World) -> None:
    with pytest.raises(OutputError, match=r"no/where.*No such file") as caught:
        reconcile(world.at(b"no/where"), world.manifest, Direct())
    assert "mount its disk" in caught.value.remedy


@pytest.mark.parametrize("what", ["file", "link"])
def test_an_output_that_is_no_folder_is_a_clear_error(world: World, what: str) -> None:
    if what == "file":
        Path(os.fsdecode(world.output)).touch()
    else:
        os.symlink(os.path.join(world.place, b"others"), world.output)
    with pytest.raises(OutputError, match="Not a directory") as caught:
        world.organise([WantedFolder(b"person_0001", [world.photo(b"a.jpg")])])
    assert "another folder" in caught.value.remedy


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Give up root's right to write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_an_output_without_the_right_to_write_is_a_clear_error_and_recovers(world: World) -> None:
    wanted = [WantedFolder(b"person_0001", [world.photo(b"a.jpg")])]
    world.manifest.close()
    world.manifest = SavedManifest(Path(":memory:"))  # a file could not be written either
    os.mkdir(world.output)
    os.chmod(world.output, 0o555)  # noqa: S103 - readable by all, writable by none: that is the test
    for folder in (Path(os.fsdecode(world.place)), *Path(os.fsdecode(world.place)).parents[:-2]):
        folder.chmod(0o755)
    with _as_nobody(), pytest.raises(OutputError, match="Permission denied") as caught:
        world.organise(wanted)
    assert "right to write" in caught.value.remedy

    os.chmod(world.output, 0o755)  # noqa: S103 - as above
    assert world.organise(wanted) == []
    assert b"person_0001/a.jpg" in world.listing()


@contextmanager
def _small_disk(output: bytes, options: str) -> Iterator[None]:
    os.mkdir(output)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", output], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        missing("the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", output], check=True)


def test_a_full_disk_is_a_clear_error_and_the_tree_is_completed_when_there_is_room(
    world: World,
) -> None:
    photos = [world.photo(b"%d.jpg" % number) for number in range(50)]
    wanted = [
        WantedFolder(b"person_0001", photos, Cover(b"1", b"j" * 9000)),
        WantedFolder(b"person_0002", photos, Cover(b"2", b"j" * 9000)),
    ]
    with _small_disk(world.output, "size=64k,nr_inodes=80"):
        with pytest.raises(OutputError, match="No space left") as caught:
            world.organise(wanted)
        assert "Make room" in caught.value.remedy
        made = sum(content.startswith(b"-> ") for content in world.listing().values())
        assert 50 < made < 100

        _remount(world.output, "size=1m,nr_inodes=1000")
        assert world.organise(wanted) == []
        complete = world.listing()
        assert len(complete) == 2 + 100 + 2
        assert world.reconcile() == []
        assert plan(wanted, world.output, world.manifest.entries()) == []


def test_a_disk_that_fills_up_within_a_cover_leaves_the_old_one(world: World) -> None:
    photos = [world.photo(b"a.jpg")]
    with _small_disk(world.output, "size=40k"):
        world.organise([WantedFolder(b"person_0001", photos, Cover(b"k", b"old"))])
        wanted = [WantedFolder(b"person_0001", photos, Cover(b"k2", b"n" * 100_000))]
        before = world.listing()
        with pytest.raises(OutputError, match="No space left"):
            world.organise(wanted)
        assert {path: world.listing()[path] for path in before} == before

        _remount(world.output, "size=1m")
        assert world.organise(wanted) == []
        assert world.listing() == before | {b"person_0001/cover.jpg": b"file " + b"n" * 100_000}


def test_a_read_only_disk_is_a_clear_error(world: World) -> None:
    wanted = [WantedFolder(b"person_0001", [world.photo(b"a.jpg")])]
    with _small_disk(world.output, "size=1m"):
        _remount(world.output, "ro")
        with pytest.raises(OutputError, match="Read-only") as caught:
            world.organise(wanted)
        assert "for writing" in caught.value.remedy


def _remount(output: bytes, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", output], check=True)
