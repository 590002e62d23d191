"""The output tree by links, reflinks, copies and hard links, on real file systems."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from facewatchd.model import Copy, Link
from tests.conftest import missing
from tests.support.library import Library
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WHEN = 1_566_656_701_000_000_000  # a time that FAT can keep
NAMES = {"1.jpg", "2.jpg", "3.jpg"}
NAME = 'Anna: "the best"?'


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    needs_root()
    with closing(Mounts(tmp_path)) as made:
        yield made


class Home:
    """A library with real files as its photos, published anew with other settings."""

    def __init__(self, folder: Path, size: int = 5, free_mb: int = 0, **output: Any) -> None:
        self.folder = folder
        self.free_mb = free_mb
        self.library = self.opened(output)
        self.library.photos.mkdir(exist_ok=True)
        for number in range(1, 4):
            self.library.add((0.01 * number, 0.0), captured=WHEN / 1e9 + 86400 * number)
            self.write(f"{number}.jpg", os.urandom(5), size)
        self.library.recluster()

    def opened(self, output: dict[str, Any]) -> Library:
        library = Library(
            self.folder,
            output={"path": self.folder / "people"} | output,
            limits={"free_mb": self.free_mb},
        )
        library.publishing.start()
        return library

    def write(self, name: str, content: bytes, size: int | None = None) -> None:
        """Write a photo, and let the store know of it."""
        photo = self.library.photos / name
        photo.write_bytes(content)
        os.truncate(photo, len(content) if size is None else size)
        os.utime(photo, ns=(WHEN, WHEN))
        found = photo.stat()
        self.library.store._db.execute(
            "UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?",
            [found.st_size, found.st_mtime_ns, bytes(photo)],
        )
        self.library.publishing.touch_all()

    def rename(self, old: str, new: str) -> None:
        """Give a photo another name, which the store knows."""
        photos = self.library.photos
        (photos / old).rename(photos / new)
        self.library.store._db.execute(
            "UPDATE files SET path = ? WHERE path = ?", [bytes(photos / new), bytes(photos / old)]
        )
        self.library.publishing.touch_all()

    def forget(self, number: int) -> None:
        """Delete a photo."""
        (self.library.photos / f"{number}.jpg").unlink()
        self.library.remove(number)

    def again(self, **output: Any) -> None:
        """Start anew with other settings of the output."""
        self.library.close()
        self.library = self.opened(output)

    @property
    def person(self) -> Path:
        return self.library.output / "person_0001"

    def entry(self, name: str = "1.jpg") -> Path:
        return self.person / name

    def publish(self) -> None:
        """Let the daemon step until the tree is made."""
        for _ in range(20):
            self.library.publish()
            if self.library.publishing.error is not None or self.library.publishing.idle:
                return

    def shows(self, kind: type[Link | Copy]) -> None:
        """Assert that all photos are shown right, and so, and nothing of ours is left over."""
        assert self.library.publishing.error is None
        assert self.library.publishing.conflicts == {}
        assert {path.name for path in self.person.iterdir()} == NAMES
        for name in NAMES:
            assert self.entry(name).is_symlink() == (kind is Link)
            photo = self.library.photos / name
            assert self.entry(name).read_bytes() == photo.read_bytes()
            assert self.entry(name).stat().st_mtime_ns == WHEN
        made = self.library.store.links.entries()
        assert all(isinstance(made[f"person_0001/{name}".encode()], kind) for name in NAMES)

    def photos_as_they_are(self) -> dict[str, tuple[bytes, int, int]]:
        """Return what a write to the folder of photos or to one of them would change."""
        paths = [self.library.photos, *self.library.photos.iterdir()]
        return {
            path.name: (
                path.read_bytes() if path.is_file() else b"",
                path.stat().st_mtime_ns,
                path.stat().st_mode,
            )
            for path in paths
        }


@pytest.fixture
def homes() -> Iterator[list[Home]]:
    made: list[Home] = []
    yield made
    for home in made:
        home.library.close()


@pytest.fixture
def home(homes: list[Home], tmp_path: Path) -> Home:
    homes.append(Home(tmp_path, link="copy"))
    homes[0].publish()
    return homes[0]


def test_every_way_is_turned_into_every_other_and_photos_stay_untouched(home: Home) -> None:
    before = home.photos_as_they_are()
    home.shows(Copy)
    for link, kind in (
        ("symlink", Link),
        ("hardlink", Copy),
        ("copy", Copy),
        ("hardlink", Copy),
        ("auto", Link),
        ("copy", Copy),
    ):
        home.again(link=link)
        home.publish()
        home.shows(kind)
        same = os.path.samefile(home.entry(), home.library.photos / "1.jpg")
        assert same == (link != "copy")
    assert home.photos_as_they_are() == before


def test_where_there_are_no_symlinks_photos_are_copied_by_themselves(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    disk = mounts.formatted("exfat")
    place = tmp_path / "people"
    mounts.attach(disk, place, "exfat")
    home = Home(tmp_path)
    homes.append(home)
    home.publish()
    home.shows(Copy)
    look = home.library.publishing.style
    assert look is not None
    assert look.way == "reflink or copy"
    assert "takes no symbolic links" in look.reason

    home.library.close()
    mounts.unmount(place)
    mounts.attach(disk, place, "exfat")
    home.library = home.opened({})
    home.publish()
    home.shows(Copy)

    home.entry().write_bytes(b"EDITS")  # a disk without ctime: size and time stay
    os.utime(home.entry(), ns=(WHEN, WHEN))
    home.again()
    home.forget(1)
    home.forget(2)
    home.publish()
    assert home.entry().read_bytes() == b"EDITS"
    assert next(iter(home.library.publishing.conflicts)) == b"person_0001/1.jpg"
    assert not home.entry("2.jpg").exists()


def test_a_disk_that_refuses_names_gets_others(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    mounts.attach(mounts.formatted("exfat"), tmp_path / "people", "exfat")
    home = Home(tmp_path)
    homes.append(home)
    with home.library.store.transaction():
        home.library.store._db.execute("UPDATE people SET name = ?", [NAME])
    for old, new in (("1.jpg", 'a: "b"?.jpg'), ("2.jpg", "A_ _B__.JPG"), ("3.jpg", "aux. ")):
        home.rename(old, new)
    home.publish()
    publishing = home.library.publishing
    assert publishing.error is None
    assert (publishing.conflicts, publishing.waiting) == ({}, {})
    (folder,) = (each for each in home.library.output.iterdir() if each.name != ".facewatchd")
    assert folder.name == "Anna_ _the best__"
    assert sorted(path.name.split("~")[0] for path in folder.iterdir()) == [
        *("A_ _B__", "a_ _b__", "aux_"),
    ]
    assert list(home.library.store.people.named().values()) == [NAME]


def test_symlinks_that_are_named_and_cannot_be_are_an_error_before_anything_is_made(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    mounts.attach(mounts.formatted("exfat"), tmp_path / "people", "exfat")
    home = Home(tmp_path, link="symlink")
    homes.append(home)
    home.rename("1.jpg", "0:1.jpg")
    home.publish()
    assert "its file system takes none" in str(home.library.publishing.error)
    assert "Let output.link be auto" in str(home.library.publishing.error)
    assert home.library.publishing.conflicts == {}
    assert list(home.library.output.iterdir()) == []
    home.again()
    home.publish()
    assert home.library.publishing.error is None
    assert len(list(home.person.iterdir())) == 3


def test_a_reflink_takes_no_room(homes: list[Home], mounts: Mounts, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    mounts.attach(mounts.formatted("btrfs"), place, "btrfs")
    home = Home(place, link="reflink")
    homes.append(home)
    for name in NAMES:
        home.write(name, os.urandom(20_000_000))
    os.sync()
    before = shutil.disk_usage(place).free
    home.publish()
    os.sync()
    home.shows(Copy)
    assert before - shutil.disk_usage(place).free < 5_000_000
    home.entry().write_bytes(b"painted over")
    assert (home.library.photos / "1.jpg").stat().st_size == 20_000_000


def test_reflinks_that_are_named_and_cannot_be_leave_the_tree_as_it_is(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    mounts.plug_in(mounts.disk(), tmp_path / "disk", udev=False)  # ext4
    home = Home(tmp_path / "disk", link="symlink")
    homes.append(home)
    home.publish()
    home.again(link="reflink")
    home.publish()
    assert "no reflink" in str(home.library.publishing.error)
    assert "output.link" in str(home.library.publishing.error)
    assert {path.name for path in home.person.iterdir() if path.is_symlink()} == NAMES
    home.again(link="auto")
    home.publish()
    home.shows(Link)


def test_an_edited_copy_stays_whatever_its_size_and_time_are(home: Home) -> None:
    copy = home.entry()
    copy.write_bytes(b"EDITS")
    os.utime(copy, ns=(WHEN, WHEN))
    for link in ("copy", "symlink"):
        home.again(link=link)
        home.publish()
        assert copy.read_bytes() == b"EDITS"
        assert list(home.library.publishing.conflicts) == [b"person_0001/1.jpg"]
    home.forget(1)
    home.publish()
    assert copy.read_bytes() == b"EDITS"


def test_a_copy_of_which_only_the_rights_changed_is_still_ours(home: Home) -> None:
    home.entry().chmod(0o600)
    home.forget(1)  # so that it cannot be held against its photo
    home.publish()
    assert not home.entry().exists()


def test_a_copy_whose_photo_changed_is_made_again(home: Home) -> None:
    home.write("1.jpg", b"another picture")
    home.publish()
    home.shows(Copy)


def test_a_photo_that_moves_is_not_copied_again(home: Home) -> None:
    inode = home.entry().stat().st_ino
    photos = home.library.photos
    (photos / "deeper").mkdir()
    (photos / "1.jpg").rename(photos / "deeper" / "1.jpg")
    home.library.store._db.execute(
        "UPDATE files SET path = ? WHERE path = ?",
        [bytes(photos / "deeper" / "1.jpg"), bytes(photos / "1.jpg")],
    )
    home.library.publishing.touch_all()
    home.publish()
    assert home.entry().stat().st_ino == inode
    entry = home.library.store.links.at(b"person_0001/1.jpg")
    assert isinstance(entry, Copy)
    assert entry.source == bytes(photos / "deeper" / "1.jpg")


def test_a_photo_that_is_away_is_copied_when_it_is_back(homes: list[Home], tmp_path: Path) -> None:
    home = Home(tmp_path, link="copy")
    homes.append(home)
    photos = home.library.photos
    photos.rename(tmp_path / "unplugged")
    home.publish()
    assert set(home.library.publishing.waiting) == {f"person_0001/{n}".encode() for n in NAMES}
    assert home.library.publishing.conflicts == {}
    assert list(home.person.iterdir()) == []
    (tmp_path / "unplugged").rename(photos)
    home.library.clock.now += 600
    home.publish()
    home.shows(Copy)
    assert home.library.publishing.waiting == {}


def test_photos_of_a_root_that_is_offline_wait_until_it_is_back(
    homes: list[Home], tmp_path: Path
) -> None:
    home = Home(tmp_path, link="copy")
    homes.append(home)
    home.library.offline = {bytes(home.library.photos)}
    home.publish()
    assert set(home.library.publishing.waiting.values()) == {"its root is offline"}
    assert list(home.person.iterdir()) == []
    assert home.library.copying.next_due() is None, "a process was started for nothing"
    home.library.offline = set()
    home.library.clock.now += 600
    home.publish()
    home.shows(Copy)
    due = home.library.publishing.next_due()
    assert due is not None
    home.library.clock.now = due
    home.library.publishing.step()
    assert home.library.publishing.next_due() is None
    psutil.wait_procs(psutil.Process().children(), 10)
    assert home.library.publishing.at_rest


def test_after_the_store_is_lost_copies_are_known_again(home: Home) -> None:
    inodes = {name: home.entry(name).stat().st_ino for name in NAMES}
    home.library.store._db.execute("DELETE FROM links")
    home.again(link="copy")
    home.publish()
    home.shows(Copy)
    assert {name: home.entry(name).stat().st_ino for name in NAMES} == inodes


def test_long_work_is_told_of_first_done_in_portions_and_taken_up_again(
    homes: list[Home], tmp_path: Path
) -> None:
    home = Home(tmp_path, size=50_000_000, link="copy")  # sparse, so they cost little
    homes.append(home)
    publishing = home.library.publishing
    home.library.publish()
    assert publishing.copying == (3, 150_000_000)
    assert not home.library.output.joinpath("person_0001").exists()
    home.library.publish()
    assert publishing.copying == (2, 100_000_000)
    assert not publishing.idle
    home.again(link="copy")
    assert home.entry().stat().st_size == 50_000_000
    home.publish()
    home.shows(Copy)
    assert home.library.publishing.copying is None


def test_a_disk_that_fills_up_is_told_and_filled_when_there_is_room(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    mounts.mount(people, "-t", "tmpfs", "-o", "size=5m", "tmpfs")
    home = Home(tmp_path, size=2_000_000, link="copy")
    homes.append(home)
    home.publish()
    assert "limits.free_mb" in str(home.library.publishing.error)
    assert 0 < len(list(home.person.glob("?.jpg"))) < 3
    subprocess.run(["mount", "-o", "remount,size=20m", people], check=True)
    home.publish()
    home.shows(Copy)


def test_copies_leave_room(homes: list[Home], mounts: Mounts, tmp_path: Path) -> None:
    people = tmp_path / "people"
    mounts.mount(people, "-t", "tmpfs", "-o", "size=20m", "tmpfs")
    home = Home(tmp_path, size=2_000_000, free_mb=16, link="copy")
    homes.append(home)
    home.publish()
    assert "16.0 are kept (limits.free_mb)" in str(home.library.publishing.error)
    assert shutil.disk_usage(people).free >= 16_000_000


def test_a_hard_link_goes_when_its_photo_does_and_follows_what_is_written_to_it(
    homes: list[Home], tmp_path: Path
) -> None:
    home = Home(tmp_path, link="hardlink")
    homes.append(home)
    home.publish()
    home.write("1.jpg", b"edited in place")
    home.publish()
    home.shows(Copy)
    home.forget(1)
    home.publish()
    assert not home.entry().exists()
    assert not list(home.person.glob(".*"))


def test_hard_links_between_two_disks_are_a_clear_error(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    mounts.mount(tmp_path / "people", "-t", "tmpfs", "tmpfs")
    home = Home(tmp_path, link="hardlink")
    homes.append(home)
    home.publish()
    assert "one file system" in str(home.library.publishing.error)


def test_names_and_folders_are_changed_by_templates(home: Home) -> None:
    home.again(link="symlink", layout="{person}/{year}", name="{date}_{name}")
    home.publish()
    assert {str(path.relative_to(home.person)) for path in home.person.rglob("*.jpg")} == {
        "2019/2019-08-25_1.jpg",
        "2019/2019-08-26_2.jpg",
        "2019/2019-08-27_3.jpg",
    }
    assert (home.person / "2019" / "2019-08-25_1.jpg").samefile(home.library.photos / "1.jpg")
    home.again()
    home.publish()
    home.shows(Link)


def test_marker_files_come_and_go_and_those_of_the_user_stay(home: Home) -> None:
    output = home.library.output
    (output / ".nomedia").write_text("mine")
    home.again(markers=[".nomedia", ".ppignore"])
    home.publish()
    assert (output / ".ppignore").read_text() == "*\n"
    assert home.library.publishing.conflicts == {}
    home.again()
    home.publish()
    assert not (output / ".ppignore").exists()
    assert (output / ".nomedia").read_text() == "mine"


def test_the_group_gets_the_tree(home: Home) -> None:
    needs_root()
    home.entry("2.jpg").unlink()  # is made again, while the others are changed
    home.again(link="copy", group="games", mode="2750")
    home.publish()
    for path in (home.library.output, home.person):
        assert (path.group(), stat.S_IMODE(path.stat().st_mode)) == ("games", 0o2750)
    for name in NAMES:
        found = home.entry(name)
        assert (found.group(), stat.S_IMODE(found.stat().st_mode)) == ("games", 0o640)
    assert home.library.publishing.conflicts == {}
    assert (home.library.photos / "1.jpg").group() != "games"


def test_a_default_acl_goes_before_the_mode(homes: list[Home], tmp_path: Path) -> None:
    needs_root()
    if shutil.which("setfacl") is None:
        missing("setfacl")
    people = tmp_path / "people"
    people.mkdir()
    subprocess.run(["setfacl", "-d", "-m", "u:games:rwx,g::r-x,o::---", people], check=True)
    home = Home(tmp_path, link="copy", group="games", mode="2700")
    homes.append(home)
    home.publish()
    shown = subprocess.run(
        ["getfacl", "-cp", home.person], check=True, capture_output=True, text=True
    ).stdout
    assert "user:games:rwx\n" in shown
    assert "#effective" not in shown
    assert home.person.stat().st_mode & stat.S_ISGID


def test_links_made_where_the_folders_are_mounted_otherwise_are_right_outside(
    homes: list[Home], mounts: Mounts, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for there, here in (("photos", "photos"), ("web/people", "people")):
        (outside / there).mkdir(parents=True)
        mounts.mount(inside / here, "--bind", outside / there)
    link_map = {
        str(inside / "photos"): str(outside / "photos"),
        str(inside / "people"): str(outside / "web/people"),
    }
    home = Home(inside, link_map=link_map)
    homes.append(home)
    home.publish()
    link = outside / "web" / "people" / "person_0001" / "1.jpg"
    assert os.readlink(link) == "../../../photos/1.jpg"
    assert link.read_bytes() == (outside / "photos" / "1.jpg").read_bytes()
