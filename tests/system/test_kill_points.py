"""``kill -9`` at named points of the program loses nothing and ends in the same people."""

from __future__ import annotations

import random
import shutil
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import FacewatchError
from tests.support.daemon import Daemon, DaemonEndedError, links, partition
from tests.support.pictures import QUICK
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

CHECKOUT = Path(__file__).resolve().parents[2]
SEED = 20261123
POINTS = [
    ("after", "facewatchd.store.files:Files.put", 1),
    ("before", "facewatchd.store.files:Files.put", 12),
    ("after", "facewatchd.store.files:Files.done", 4),
    ("after", "facewatchd.store.files:Files.remove", 2),
    ("after", "facewatchd.store.photos:Photos.add", 1),
    ("after", "facewatchd.store.photos:Photos.add", 9),
    ("before", "facewatchd.store.photos:Photos.set_presence", 18),
    ("after", "facewatchd.store.faces:Faces.give_all", 2),
    ("after", "facewatchd.store.people:People.create", 2),
    ("after", "facewatchd.store.people:People.save_look", 1),
    ("before", "facewatchd.store.people:People.give_number", 2),
    ("after", "facewatchd.store.people:People.set_cover", 1),
    ("after", "facewatchd.store.links:Links.record", 5),
    ("before", "facewatchd.store.links:Links.commit", 2),
    ("after", "facewatchd.store.links:Links.commit", 2),
    ("after", "facewatchd.store.links:Links.commit", 3),
    ("after", "facewatchd.store.links:Links.forget", 1),
    ("before", "facewatchd.store:Store.set_fact", 3),
    ("after", "facewatchd.pool:Pool.submit", 3),
    ("before", "facewatchd.pool:Pool.answer", 6),
    ("after", "facewatchd.pipeline.encoding:Encoding._take", 10),
    ("before", "facewatchd.pipeline.placing:Placing.place_new", 7),
    ("after", "facewatchd.pipeline.placing:Placing.place_new", 16),
    ("after", "facewatchd.pipeline.grouping:Grouping.request", 1),
    ("before", "facewatchd.pipeline.publishing:Publishing._publish", 1),
    ("before", "facewatchd.pipeline.publishing:apply", 1),
    ("after", "facewatchd.pipeline.publishing:apply", 1),
    ("after", "facewatchd.pipeline.publishing:Publishing.take_cover", 1),
    ("after", "facewatchd.pipeline.publishing:reconcile", 1),
    ("after", "facewatchd.organise.tree:Tree.make_folder", 1),
    ("before", "facewatchd.organise.tree:Tree.make_link", 3),
    ("after", "facewatchd.organise.tree:Tree.make_link", 4),
    ("before", "facewatchd.organise.tree:Tree.make_file", 1),
    ("after", "facewatchd.organise.tree:Tree.make_file", 2),
    ("before", "facewatchd.organise.tree:Tree.rename", 1),
    ("after", "facewatchd.organise.tree:Tree.rename", 1),
    ("after", "facewatchd.organise.tree:Tree.remove", 2),
    ("after", "facewatchd.organise.tree:Tree.remove_folder", 1),
    ("before", "facewatchd.organise.tree:Tree.sync", 1),
    ("after", "facewatchd.organise.tree:Tree.sync", 2),
    ("before", "facewatchd.daemon:_write_status", 1),
    ("before", "pathlib:Path.replace", 1),
]
FEW = random.Random(SEED).sample(POINTS, len(POINTS) // 10)


@dataclass(frozen=True)
class Result:
    """What a daemon has come to, but for the random ids and the numbers of its folders."""

    people: set[frozenset[tuple[str, tuple[int, ...]]]]
    links: set[frozenset[str]]
    counts: tuple[int, ...]
    left: list[str]


def bring(daemon: Daemon, photos: Path) -> None:
    """The photos of three people."""
    for person in ("amy", "raj", "penny"):
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)


def alter(daemon: Daemon, photos: Path) -> None:
    """Photos come, go, move and become others."""
    shutil.rmtree(daemon.photos / "raj")
    (daemon.photos / "amy").rename(daemon.photos / "Amy")
    away = shutil.copytree(photos / "bbt" / "howard", daemon.home / "away")
    away.rename(daemon.photos / "howard")
    shutil.copy2(photos / "bbt" / "stuart" / "stuart1.png", daemon.home / "other.png")
    (daemon.home / "other.png").rename(daemon.photos / "penny" / "penny1.png")


def has_seen_all(daemon: Daemon) -> bool:
    """Whether each file that is there has been read as it is now, and nothing is left to do."""
    there = {bytes(path): path.stat().st_mtime_ns for path in daemon.photos.rglob("*.*")}
    rows = daemon.rows("SELECT path, mtime_ns FROM files WHERE state <> 'pending'")
    return dict(rows) == there and daemon.is_idle()


def live(daemon: Daemon, photos: Path, program: list[str]) -> int:
    """Run ``program`` until it has done all, or was killed: then the daemon, from there on.

    Returns how often it was killed.
    """
    steps: list[tuple[Callable[[Daemon, Path], None], Callable[[], object]]] = [
        (bring, partial(daemon.wait_for, lambda: has_seen_all(daemon), 60)),
        (alter, partial(daemon.wait_for, lambda: has_seen_all(daemon), 60)),
        (lambda *_: None, daemon.recluster),
    ]
    kills = 0
    for change, wait in steps:
        change(daemon, photos)
        if daemon.process is None:
            daemon.program = program
            daemon.start(wait=False)
        while not _outlives(daemon, wait):
            kills += 1
            daemon.program = ["facewatchd"]
            daemon.start()
    return kills


def _outlives(daemon: Daemon, wait: Callable[[], object]) -> bool:
    try:
        daemon.wait_for(daemon._answers, 30)
        wait()
    except (DaemonEndedError, FacewatchError):
        assert daemon.bury() == -signal.SIGKILL, daemon.log()
        return False
    return True


def result(daemon: Daemon) -> Result:
    status = daemon.status()
    counts = [status[name] for name in ("photos", "missing", "faces", "people", "folders")]
    counts += status["files"].values()
    people, shown = partition(daemon), links(daemon)
    assert daemon.stop() == 0
    in_output = {path.name for path in daemon.output.rglob("*") if not path.is_symlink()}
    folders = {path.name for path in daemon.output.rglob("person_*")}
    left = sorted(in_output - folders) + sorted(path.name for path in daemon.state.iterdir())
    return Result(people, shown, tuple(counts), left)


def made(home: Path) -> Daemon:
    return Daemon(home, settings=QUICK, environment={"PYTHONPATH": str(CHECKOUT)})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Result:
    """Return what a daemon comes to that nobody killed."""
    daemon = made(tmp_path_factory.mktemp("undisturbed"))
    assert live(daemon, photos, ["facewatchd"]) == 0
    return result(daemon)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(point, id=" ".join(map(str, point)), marks=() if point in FEW else WHOLE)
        for point in POINTS
    ],
)
def test_a_kill_at_a_named_point_changes_nothing(
    tmp_path: Path,
    photos: Path,
    undisturbed: Result,
    point: tuple[str, str, int],
    shown: Callable[[str, str], None],
) -> None:
    daemon = made(tmp_path)
    program = ["tests.support.kill_points", *map(str, point)]
    try:
        assert live(daemon, photos, program) == 1, "the point was not reached"
        assert result(daemon) == undisturbed
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()
    shown(
        f"`kill -9` at {len(POINTS)} named points of the code",
        "the same people, links and counts as in a run that nobody disturbed; no temporary left",
    )
