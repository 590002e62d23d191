"""Disks under the installed service, in a systemd that booted: late, missing, full, read-only."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.booted import CTL, OUTPUT, PHOTOS, SOCKET, STATE
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.booted import Machine

    Shown = Callable[[str, str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

DISK = Path("/mnt/disk")
FEW = Path("/srv/few")  # a root with few photos
PLUGINS = Path("/srv/plugins")
OURS = Path(__file__).resolve().parents[1] / "plugins"


@pytest.fixture
def few(machine: Machine) -> Iterator[Path]:
    """Return a root with the photos of one person."""
    machine.run("cp", "-r", PHOTOS / "bbt" / "amy", FEW)
    yield FEW
    machine.stop()
    machine.run("rm", "-r", FEW)


@pytest.fixture
def mounted(machine: Machine) -> Iterator[Callable[..., None]]:
    """Return a function that mounts a disk in there; at the end none is left."""
    places: list[Path] = []

    def mount(place: Path, options: str) -> None:
        machine.run("mkdir", "-p", place)
        machine.run("mount", "-t", "tmpfs", "-o", options, f"disk-of-{place.name}", place)
        places.append(place)

    yield mount
    machine.stop()
    for place in reversed(places):
        machine.run("umount", place)


def ballast(machine: Machine, place: Path) -> Path:
    """Fill the disk at ``place`` to its last byte and inode; return the folder that does it."""
    fill = "cd $0; cat /dev/zero > bytes; i=0; while :> $i; do i=$((i+1)); done"
    machine.run("install", "-d", place / "ballast")
    machine.run("sh", "-c", fill, place / "ballast", check=False)
    return place / "ballast"


def test_a_missing_disk_costs_its_root_alone_and_is_taken_up_when_it_comes(
    machine: Machine, few: Path, mounted: Callable[..., None], shown: Shown
) -> None:
    machine.configure(roots=[{"path": str(few)}, {"path": str(DISK / "photos")}])
    machine.open_folders()
    pid = machine.start()
    machine.wait_until_read(5)
    late = machine.root(DISK / "photos")
    assert (late["state"], machine.root(few)["state"]) == ("offline", "watched")
    mounted(DISK, "mode=0777")
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", DISK / "photos")
    started = time.monotonic()
    machine.wait_for(lambda: machine.status()["photos"] == 10, 60)
    took = f"its photos read {time.monotonic() - started:.0f} s after the mount"
    assert machine.root(DISK / "photos")["state"] == "watched"
    assert machine.status()["pid"] == pid
    shown(
        "one of two disks is missing at the start, and is mounted later",
        "its root is offline, the other is served; it is taken up without a restart",
        took,
    )


def test_a_disk_that_comes_late_is_for_reading_only(
    machine: Machine, few: Path, mounted: Callable[..., None], shown: Shown
) -> None:
    """A detector that was taken over tries it, in the service; modes would let it."""
    shutil.copytree(OURS / "writing", machine.path(PLUGINS))
    machine.configure(
        roots=[{"path": str(few)}, {"path": str(DISK.parent)}], engine={"detector": "writing"}
    )
    machine.forget_everything()
    places = [DISK, DISK / "album", OUTPUT, STATE, Path("/run/facewatchd")]
    machine.adapt(
        f"Environment=PYTHONPATH={PLUGINS}", f"Environment=WRITES_TO={':'.join(map(str, places))}"
    )
    machine.open_folders()
    pid = machine.start()
    mounted(DISK, "mode=0777")
    machine.run("install", "-d", "-m", "777", DISK / "album")
    machine.run("cp", PHOTOS / "bbt" / "howard" / "howard1.png", DISK / "album")
    notes = Path("/var/cache/facewatchd/tried.json")
    machine.run("rm", "-f", notes)
    machine.wait_for(lambda: str(DISK) in machine.run("cat", notes, check=False), 60)
    tried = json.loads(machine.run("cat", notes))
    assert tried == dict.fromkeys(map(str, places), "Permission denied")
    as_daemon = ("setpriv", "--reuid=facewatchd", "--clear-groups")
    for place in places:  # else it would prove nothing
        machine.run(*machine.inside(pid), *as_daemon, "touch", place / "new")
        machine.run("rm", place / "new")
    machine.stop()
    machine.forget_everything()
    shown(
        "a disk is mounted below a root after the start, its folders of mode 0777; a detector that"
        " was taken over writes there, and into output, state and socket folder",
        "Permission denied",
        "refused in all 5 folders",
    )


@WHOLE[0]
@WHOLE[1]
def test_who_copies_from_a_disk_that_comes_late_can_write_nowhere(
    machine: Machine, few: Path, mounted: Callable[..., None], shown: Shown
) -> None:
    """The process that copies was taken over; modes would let it."""
    plugins = PLUGINS.with_name("seized")
    shutil.copytree(OURS / "seized", machine.path(plugins))
    machine.configure(
        roots=[{"path": str(few)}, {"path": str(DISK.parent)}],
        output={"path": str(OUTPUT), "link": "copy"},
    )
    machine.forget_everything()
    places = [DISK, DISK / "album", OUTPUT, STATE, Path("/run/facewatchd")]
    machine.adapt(
        f"Environment=PYTHONPATH={plugins}",
        f"Environment=OPENS_BELOW={DISK}",
        f"Environment=WRITES_TO={':'.join(map(str, places))}",
    )
    machine.open_folders()
    pid = machine.start()
    mounted(DISK, "mode=0777")
    machine.run("install", "-d", "-m", "777", DISK / "album")
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", DISK / "album")
    machine.wait_until_read(10)
    machine.run(CTL, "--socket", SOCKET, "recluster")
    machine.wait_for(lambda: "tried:" in machine.log(), 60)
    tried = json.loads(machine.log().split("tried:", 1)[1].splitlines()[0])
    assert tried == dict.fromkeys(map(str, places), "Permission denied")
    as_daemon = ("setpriv", "--reuid=facewatchd", "--clear-groups")
    for place in places:  # else it would prove nothing
        machine.run(*machine.inside(pid), *as_daemon, "touch", place / "new")
        machine.run("rm", place / "new")
    assert machine.status()["output"]["error"] is None
    machine.stop()
    machine.forget_everything()
    shown(
        "a disk is mounted below a root after the start, its folders of mode 0777; the process that"
        " copies photos was taken over and writes there, and into output, state and socket folder",
        "Permission denied",
        "refused in all 5 folders",
    )


def test_a_full_disk_of_the_state_folder_is_outlasted(
    machine: Machine, few: Path, mounted: Callable[..., None], shown: Shown
) -> None:
    machine.configure(roots=[{"path": str(few)}], limits={"free_mb": 0})
    machine.forget_everything()
    mounted(STATE, "size=16m,nr_inodes=200")
    pid = machine.start()
    machine.wait_until_read(5)
    file = ballast(machine, STATE)
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", few / "howard")
    machine.wait_for(lambda: "It is tried again." in machine.log(), 60)
    assert machine.show("StatusText")["StatusText"].startswith("The store cannot be written")
    status = machine.status()
    assert (status["state"], status["photos"]) == ("paused", 5)
    assert status["store"]["error"].startswith("The store cannot be written")
    ask = (CTL, "--socket", SOCKET)
    assert f"Make room on the disk of {STATE}/store.db" in machine.run(*ask, "status")
    assert "facewatchd_store_failed 1" in machine.run(*ask, "metrics")
    assert "The store cannot be written" in machine.fails(*ask, "scan")
    machine.run("rm", "-r", file)
    started = time.monotonic()
    machine.wait_until_read(10, 60)
    took = f"10 photos again after {time.monotonic() - started:.0f} s, the same process"
    assert machine.show("MainPID", "NRestarts") == {"MainPID": str(pid), "NRestarts": "0"}
    assert "all goes on" in machine.log()
    assert machine.status()["store"]["error"] is None
    assert "facewatchd_store_failed 0" in machine.run(*ask, "metrics")
    shown(
        "the disk of the state folder is full to the last byte while photos come",
        "nothing is lost, requests are answered, the status says why; with room it goes on, without"
        " a restart",
        took,
    )


@pytest.mark.parametrize(
    ("how", "whole"),
    [
        pytest.param("full", False, id="told"),
        pytest.param("full", True, id="full", marks=WHOLE),
        pytest.param("read-only", True, id="read-only", marks=WHOLE),
    ],
)
def test_an_output_that_takes_nothing_is_told_and_outlasted(
    machine: Machine,
    few: Path,
    mounted: Callable[..., None],
    shown: Shown,
    how: str,
    *,
    whole: bool,
) -> None:
    """It is tried again after half a minute, which only a long run waits for."""
    machine.configure(roots=[{"path": str(few)}])
    machine.forget_everything()
    owner = machine.run("id", "-u", "facewatchd").strip()
    mounted(OUTPUT, f"size=1m,nr_inodes=200,uid={owner}")
    pid = machine.start()
    machine.wait_until_read(5)
    machine.wait_for(lambda: machine.folders() == [5], 60)
    if how == "full":
        file = ballast(machine, OUTPUT)
    else:
        machine.run("mount", "-o", "remount,ro", OUTPUT)
    machine.run("cp", "-r", PHOTOS / "bbt" / "howard", few / "howard")
    machine.wait_until_read(10)
    machine.run(CTL, "--socket", SOCKET, "recluster")
    machine.wait_for(lambda: machine.status()["output"]["error"] is not None, 60)
    assert machine.folders() == [5]
    if whole:
        if how == "full":
            machine.run("rm", "-r", file)
        else:
            machine.run("mount", "-o", "remount,rw", OUTPUT)
        started = time.monotonic()
        machine.wait_for(lambda: machine.folders() == [5, 5], 60)
        took = f"all links {time.monotonic() - started:.0f} s later, the same process"
        assert machine.status()["output"]["error"] is None
        shown(
            f"the output's disk becomes {how} while photos come",
            "photos are read, the status says why the tree waits; it is made, without a restart",
            took,
        )
    assert machine.show("MainPID", "NRestarts") == {"MainPID": str(pid), "NRestarts": "0"}
