"""Disks that go, come back or are swapped: nothing is taken for deleted until the user says so."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.mounts import Mounts, needs_root
from tests.support.pictures import QUICK, album

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

PEOPLE = ("amy", "raj", "penny")
NOISE = 49
COUNT = 5 * len(PEOPLE) + NOISE
KEPT = "no link and no face removed until it was accepted"


@pytest.fixture
def mounts(daemon: Daemon, tmp_path: Path) -> Iterator[Mounts]:
    """Return what mounts; the daemon is asked for first, so that it ends after the mounts."""
    needs_root()
    made = Mounts(tmp_path)
    yield made
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()
    made.close()


@dataclass
class Sorted:
    """A root whose photos the daemon has sorted, and how all looked then."""

    daemon: Daemon
    root: Path
    links: dict[str, set[str]]
    status: dict[str, int]

    def check_untouched(self, state: str = "offline") -> None:
        """Once the daemon knows, and once more after a scan, all is as it was."""
        self.daemon.wait_for(lambda: self._state() == state, 45)
        assert self.daemon.root(self.root)["reason"]
        assert self.daemon.ctl("scan").returncode == 0
        self.wait_until_scanned()
        assert self._state() == state
        self.check_complete()

    def check_complete(self) -> None:
        assert self.daemon.folders() == self.links
        assert _counts(self.daemon) == self.status

    def check_nothing_removed(self) -> None:
        """All is there that was, and maybe more."""
        now, status = self.daemon.folders(), _counts(self.daemon)
        assert {name: now[name] & links for name, links in self.links.items()} == self.links
        assert status["missing"] == 0
        assert all(status[name] >= count for name, count in self.status.items())

    def check_goes_on(self, photos: Path) -> None:
        """A photo that comes now is found, and what was there is not read again."""
        self.daemon.wait_for(lambda: self._state() == "watched", 75)
        self.wait_until_scanned()
        self.check_complete()
        shutil.copyfile(photos / "bbt" / "howard" / "howard1.png", self.root / "new.png")
        self.daemon.wait_for(lambda: self.daemon.files(self.root).get(self._new) == "done", 30)
        assert _counts(self.daemon)["photos"] == self.status["photos"] + 1

    def accept(self) -> None:
        said = self.daemon.ctl("scan", "--accept-deletions", self.root)
        assert said.returncode == 0, said.stderr

    def wait_until_scanned(self) -> None:
        self.daemon.wait_for(lambda: not self.daemon.root(self.root)["scanning"], 30)
        self.daemon.wait_until_idle()

    def _state(self) -> str:
        return str(self.daemon.root(self.root)["state"])

    @property
    def _new(self) -> bytes:
        return bytes(self.root / "new.png")


def _counts(daemon: Daemon) -> dict[str, int]:
    status = daemon.status()
    return {name: status[name] for name in ("photos", "faces", "people", "missing")}


def fill(folder: Path, photos: Path) -> None:
    """Put photos of three people and others without a face into ``folder``."""
    for person in PEOPLE:
        shutil.copytree(photos / "bbt" / person, folder / person)
    album(folder / "noise", NOISE)


def sort(daemon: Daemon, count: int = COUNT) -> Sorted:
    daemon.settings |= QUICK
    daemon.start()
    daemon.wait_until_idle()
    library = Sorted(daemon, daemon.photos, daemon.folders(), _counts(daemon))
    assert library.status["photos"] == count
    assert sum(map(len, library.links.values())) >= 12
    return library


@pytest.mark.parametrize("kind", ["ext4", "bind"])
def test_a_disk_is_unmounted_and_mounted_again(
    daemon: Daemon, mounts: Mounts, photos: Path, kind: str, shown: Shown
) -> None:
    if kind == "ext4":
        mount = partial(mounts.plug_in, mounts.disk(), daemon.photos)
    else:
        (stored := daemon.home / "stored").mkdir()
        mount = partial(mounts.mount, daemon.photos, "--bind", stored)
    mount()
    fill(daemon.photos, photos)
    library = sort(daemon)
    mounts.unmount(daemon.photos)
    library.check_untouched()
    mount()
    library.check_goes_on(photos)
    shown(f"a root's disk ({kind}) unmounted, mounted again", f"{KEPT}; new photos found")


def test_a_disk_is_away_while_the_daemon_starts(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    disk = mounts.disk()
    other = daemon.home / "other"
    album(other, 3, first=900)
    mounts.plug_in(disk, daemon.photos)
    fill(daemon.photos, photos)
    daemon.settings = {"roots": [{"path": str(daemon.photos)}, {"path": str(other)}]}
    library = sort(daemon, COUNT + 3)
    assert daemon.stop() == 0
    mounts.unmount(daemon.photos)
    daemon.start()
    library.check_untouched()
    mounts.plug_in(disk, daemon.photos)
    library.check_goes_on(photos)
    shown("a root's disk away at the start, mounted later", f"{KEPT}; new photos found")


def test_another_disk_is_mounted_in_its_place(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    first, second = mounts.disk(), mounts.disk()
    others = _other_photos(mounts, second, daemon.photos)
    mounts.plug_in(first, daemon.photos)
    fill(daemon.photos, photos)
    library = sort(daemon)
    mounts.unmount(daemon.photos)
    mounts.plug_in(second, daemon.photos)
    library.check_untouched()
    library.accept()
    daemon.wait_for(lambda: daemon.files(daemon.photos) == others, 60)
    daemon.wait_for(lambda: not any(daemon.folders().values()), 30)
    shown("another disk mounted in a root's place", f"{KEPT}; then its photos found")


def test_the_only_disk_is_replaced_while_the_daemon_is_stopped(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    """It has to start, or nobody could ask it to accept the new disk."""
    first, second = mounts.disk(), mounts.disk()
    others = _other_photos(mounts, second, daemon.photos)
    mounts.plug_in(first, daemon.photos)
    fill(daemon.photos, photos)
    library = sort(daemon)
    assert daemon.stop() == 0
    mounts.unmount(daemon.photos)
    mounts.plug_in(second, daemon.photos)
    daemon.start()
    library.check_untouched()
    library.accept()
    daemon.wait_for(lambda: daemon.files(daemon.photos) == others, 60)
    daemon.wait_for(lambda: not any(daemon.folders().values()), 30)
    shown("the only disk replaced while the daemon is stopped", f"{KEPT}; then its photos found")


def test_a_disk_is_swapped_where_nothing_tells_its_uuid(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    """As in a container, which has no udev: then it is the photos that vanish at once."""
    first, second = mounts.disk(), mounts.disk()
    _other_photos(mounts, second, daemon.photos)
    mounts.plug_in(first, daemon.photos, udev=False)
    fill(daemon.photos, photos)
    library = sort(daemon)
    mounts.unmount(daemon.photos)
    mounts.plug_in(second, daemon.photos, udev=False)
    daemon.wait_for(lambda: daemon.root(daemon.photos)["vanished"], 45)
    assert daemon.ctl("scan").returncode == 0
    library.wait_until_scanned()
    library.check_nothing_removed()
    assert daemon.root(daemon.photos)["state"] == "offline"
    shown("another disk in a root's place, its UUID unknown", KEPT)


def _other_photos(mounts: Mounts, disk: Path, place: Path) -> dict[bytes, str]:
    """Fill a disk with photos of its own, and return the files that it shows at ``place``."""
    mounts.plug_in(disk, place)
    paths = album(place / "others", 5, first=500)
    mounts.unmount(place)
    return {bytes(path): "done" for path in paths}


def test_a_root_is_renamed_and_made_anew(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    del mounts  # only its root is needed: nothing here is mounted
    fill(daemon.photos, photos)
    library = sort(daemon)
    away = daemon.photos.rename(daemon.home / "away")
    library.check_untouched()
    daemon.photos.mkdir()
    library.check_untouched()
    daemon.photos.rmdir()
    away.rename(daemon.photos)
    library.check_goes_on(photos)
    shown("a root renamed, made anew empty, and put back", f"{KEPT}; new photos found")


def test_a_disk_within_a_root_is_unmounted(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    disk = mounts.disk()
    inner = daemon.photos / "amy"
    mounts.plug_in(disk, inner)
    for path in (photos / "bbt" / "amy").iterdir():
        shutil.copyfile(path, inner / path.name)
    for person in PEOPLE[1:]:
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)
    album(daemon.photos / "noise", NOISE)
    library = sort(daemon)
    mounts.unmount(inner)
    daemon.wait_for(lambda: daemon.root(daemon.photos)["reason"], 45)
    assert daemon.ctl("scan").returncode == 0
    library.wait_until_scanned()
    library.check_complete()
    beside = daemon.photos / "beside.png"
    shutil.copyfile(photos / "bbt" / "stuart" / "stuart1.png", beside)
    daemon.wait_for(lambda: daemon.files(daemon.photos).get(bytes(beside)) == "done", 30)
    mounts.plug_in(disk, inner)
    late = inner / "late.png"
    shutil.copyfile(photos / "bbt" / "howard" / "howard1.png", late)
    daemon.wait_for(lambda: daemon.files(daemon.photos).get(bytes(late)) == "done", 75)
    assert _counts(daemon)["photos"] == COUNT + 2
    assert _counts(daemon)["missing"] == 0
    shown("a disk within a root unmounted, mounted again", f"{KEPT}; new photos found")


def test_syncthings_marker_is_gone(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    """However few photos there are: the folder is known to be Syncthing's."""
    del mounts
    shutil.copytree(photos / "bbt" / "amy", daemon.photos / "amy")
    (daemon.photos / ".stfolder").mkdir()
    daemon.settings = QUICK
    daemon.start()
    daemon.wait_until_idle()
    library = Sorted(daemon, daemon.photos, daemon.folders(), _counts(daemon))
    assert library.status["photos"] == 5
    (daemon.photos / ".stfolder").rmdir()
    shutil.move(daemon.photos / "amy", daemon.home / "away")
    library.check_untouched()
    shutil.move(daemon.home / "away", daemon.photos / "amy")
    (daemon.photos / ".stfolder").mkdir()
    library.check_goes_on(photos)
    shown("Syncthing's `.stfolder` gone, with all 5 photos", f"{KEPT}; new photos found")


def test_half_of_the_photos_vanish_at_once(
    daemon: Daemon, mounts: Mounts, photos: Path, shown: Shown
) -> None:
    del mounts
    fill(daemon.photos, photos)
    library = sort(daemon)
    gone = [path for path in sorted(daemon.photos.rglob("*.*")) if path.suffix == ".png"]
    gone += sorted((daemon.photos / "noise").iterdir())[: COUNT // 2 - len(gone)]
    for path in gone:
        path.unlink()
    library.check_untouched()
    assert daemon.root(daemon.photos)["vanished"] == len(gone) == COUNT // 2
    left = {bytes(path) for path in daemon.photos.rglob("*.jpg")}
    library.accept()
    daemon.wait_for(lambda: daemon.files(daemon.photos).keys() == left, 30)
    daemon.wait_for(lambda: not any(daemon.folders().values()), 30)
    daemon.wait_for(lambda: daemon.root(daemon.photos)["state"] == "watched", 30)
    library.wait_until_scanned()
    status = _counts(daemon)
    assert (status["photos"], status["missing"]) == (COUNT - len(gone), len(gone))
    shown(f"half of {COUNT} photos deleted at once", f"{KEPT}; then their links went")
