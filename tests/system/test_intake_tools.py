"""Photos that real tools bring, move and take away: each is encoded once, from its final bytes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from tests.conftest import missing
from tests.support.arrivals import Arrivals
from tests.support.daemon import Daemon, wait_for_children
from tests.support.pictures import QUICK, aged, album, noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

COUNT = 12
ONCE = f"{COUNT} photos, each encoded once and from its final bytes; no temporary file entered"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Return a daemon that watches an empty root; every test has a folder of its own in it."""
    running = Daemon(tmp_path_factory.mktemp("tools"), ["--log-level", "debug"], settings=QUICK)
    running.start()
    running.wait_until_idle()
    yield running
    running.kill()


@pytest.fixture
def arrivals(daemon: Daemon, request: pytest.FixtureRequest) -> Arrivals:
    return Arrivals(daemon, daemon.photos / request.node.name)


@pytest.fixture
def source(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Return photos that no other test has, one of them so large that it is long on its way."""
    first = 1000 * crc32(request.node.name.encode())
    paths = album(tmp_path / "source", COUNT, first)
    paths[3].write_bytes(noise(first + 3, 800, 600))
    aged(paths)
    return tmp_path / "source"


def arrived(source: Path, folder: Path) -> list[Path]:
    return [folder / path.name for path in sorted(source.iterdir())]


def rsync(*options: str) -> list[str]:
    if shutil.which("rsync") is None:
        missing("rsync")
    return ["rsync", "--archive", *options]


@pytest.mark.parametrize("option", ["--whole-file", "--inplace", "--delay-updates"])
def test_rsync(arrivals: Arrivals, source: Path, option: str, shown: Shown) -> None:
    command = rsync(option, "--bwlimit=60")  # so slow that it is looked at while it goes on
    assert arrivals.run(*command, f"{source}/", f"{arrivals.folder}/") == 0
    arrivals.check(arrived(source, arrivals.folder))
    shown(f"`rsync {option}`, slowly", ONCE)


def test_rsync_that_is_interrupted_and_resumed(
    arrivals: Arrivals, source: Path, shown: Shown
) -> None:
    command = rsync("--partial-dir=.rsync-partial", "--bwlimit=60")
    kept = arrivals.folder / ".rsync-partial"
    with subprocess.Popen(
        [*command, f"{source}/", f"{arrivals.folder}/"], start_new_session=True
    ) as interrupted:
        arrivals.daemon.wait_for(lambda: _is_begun(arrivals.folder), 30)
        interrupted.send_signal(signal.SIGINT)
    wait_for_children(interrupted)  # rsync's receiver keeps the partial file after rsync has ended
    assert [path.name[-7:] for path in kept.iterdir()] == ["003.jpg"]
    whole = [path for path in arrived(source, arrivals.folder) if path.exists()]
    assert 0 < len(whole) < COUNT
    arrivals.wait_for(whole)
    assert arrivals.run(*command, f"{source}/", f"{arrivals.folder}/") == 0
    arrivals.check(arrived(source, arrivals.folder))
    shown("`rsync --partial-dir`, interrupted and resumed", ONCE)


def _is_begun(folder: Path) -> bool:
    return any(path.stat().st_size for path in folder.glob(".*003.jpg.*"))


def test_cp(arrivals: Arrivals, source: Path, shown: Shown) -> None:
    assert arrivals.run("cp", "-r", source, arrivals.folder / "copy") == 0
    arrivals.check(arrived(source, arrivals.folder / "copy"))
    shown("`cp -r`", ONCE)


def test_tar(arrivals: Arrivals, source: Path, tmp_path: Path, shown: Shown) -> None:
    subprocess.run(["tar", "cf", tmp_path / "tar", "-C", tmp_path, "source"], check=True)
    assert arrivals.run("tar", "xf", tmp_path / "tar", "-C", arrivals.folder) == 0
    arrivals.check(arrived(source, arrivals.folder / "source"))
    shown("`tar x`", ONCE)


def test_mv_into_the_tree(arrivals: Arrivals, source: Path, shown: Shown) -> None:
    assert arrivals.run("mv", source, arrivals.folder / "moved") == 0
    arrivals.check(sorted((arrivals.folder / "moved").iterdir()))
    shown("`mv` of a folder into the tree", ONCE)


def test_mv_from_another_disk(arrivals: Arrivals, source: Path, shown: Shown) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        away = Path(elsewhere) / "away"
        assert away.parent.stat().st_dev != arrivals.folder.stat().st_dev
        shutil.copytree(source, away)
        assert arrivals.run("mv", away, arrivals.folder / "moved") == 0
    arrivals.check(arrived(source, arrivals.folder / "moved"))
    shown("`mv` of a folder from another disk", ONCE)


def test_mv_within_the_tree(arrivals: Arrivals, source: Path, shown: Shown) -> None:
    shutil.copytree(source, arrivals.folder / "old")
    old = arrived(source, arrivals.folder / "old")
    arrivals.check(old)
    assert arrivals.run("mv", arrivals.folder / "old", arrivals.folder / "new") == 0
    new = arrived(source, arrivals.folder / "new")
    arrivals.wait_for(new)
    assert arrivals.run("mv", new[0], arrivals.folder / "renamed.jpg") == 0
    arrivals.wait_for([arrivals.folder / "renamed.jpg", *new[1:]])
    again = arrivals.times_encoded([*new, arrivals.folder / "renamed.jpg"])
    assert set(again.values()) == {0}
    shown("`mv` of a folder and a photo within the tree", f"{COUNT} photos, none encoded again")


def test_mv_out_of_the_tree_and_back(
    arrivals: Arrivals, source: Path, tmp_path: Path, shown: Shown
) -> None:
    shutil.copytree(source, arrivals.folder / "inside")
    inside = arrived(source, arrivals.folder / "inside")
    arrivals.check(inside)
    photos = arrivals.daemon.status()["missing"]
    assert arrivals.run("mv", arrivals.folder / "inside", tmp_path / "outside") == 0
    arrivals.wait_for([])
    assert arrivals.daemon.status()["missing"] == photos + COUNT
    assert arrivals.run("mv", tmp_path / "outside", arrivals.folder / "back") == 0
    back = arrived(source, arrivals.folder / "back")
    arrivals.wait_for(back)
    assert arrivals.daemon.status()["missing"] == photos
    assert set(arrivals.times_encoded(back).values()) == {0}
    shown("`mv` out of the tree and back", f"{COUNT} photos, none encoded again")
