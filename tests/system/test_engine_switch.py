"""``facewatchctl engine``: the library keeps its engine until the user switches it."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import FacewatchError
from tests.support.daemon import Daemon, DaemonEndedError
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

CHECKOUT = Path(__file__).resolve().parents[2]
PLUGINS = CHECKOUT / "tests" / "plugins"
SIZES = {"dlib": 4 * 128, "tiny": 4 * 64}  # bytes of an encoding
SECONDS = 60


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon whose engines are hog, dlib and those of our test plugins."""
    made = Daemon(
        tmp_path,
        # Joins all five portraits of a person, whichever of the engines encodes them.
        settings={"workers": 1, "engine": {"detector": "hog"}, "recluster": {"merge": 0.44}},
        environment={"PYTHONPATH": f"{CHECKOUT}:{PLUGINS}"},
    )
    made.settings["roots"] = [{"path": str(made.photos)}]
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def bring(daemon: Daemon, photos: Path, *people: str) -> None:
    for person in people:
        away = shutil.copytree(photos / "bbt" / person, daemon.home / "away")
        away.rename(daemon.photos / person)


def settled(daemon: Daemon, folders: int) -> None:
    """Wait until everybody has a folder and nothing is left to do."""
    daemon.wait_for(lambda: daemon.is_idle() and len(daemon.folders()) == folders, SECONDS)


def grown(daemon: Daemon, photos: int, folders: int) -> None:
    """Wait until so many photos are known, and have the new people found."""
    daemon.wait_for(lambda: daemon.is_idle() and daemon.status()["photos"] == photos, SECONDS)
    daemon.recluster()
    settled(daemon, folders)


def people(daemon: Daemon) -> dict[str, str]:
    client = daemon.client
    return {person["id"]: person["folder"] for person in client.people()}


def engine(daemon: Daemon) -> dict[str, Any]:
    return dict(daemon.status()["engine"])


def switch(daemon: Daemon, name: str) -> str:
    """Begin to switch as a user does; return what is said."""
    ended = daemon.ctl("engine", "switch", name, "--yes")
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.decode()


def wait_for_engine(daemon: Daemon, name: str) -> None:
    daemon.wait_for(lambda: engine(daemon)["name"] == name and daemon.is_idle(), SECONDS)


def encodings(daemon: Daemon) -> list[Any]:
    """Return the engine of the faces' encodings, their size in bytes, and how many there are."""
    return daemon.rows(
        "SELECT engine, length(encoding), count(*) FROM faces GROUP BY 1, 2 ORDER BY 1"
    )


def read_again(daemon: Daemon) -> int:
    [(count,)] = daemon.rows("SELECT count(*) FROM next_photos")
    return int(count)


@WHOLE[0]
@WHOLE[1]
def test_a_switch_survives_a_kill_and_keeps_people_and_folders(
    daemon: Daemon, photos: Path
) -> None:
    bring(daemon, photos, "amy", "raj", "penny")
    daemon.start()
    settled(daemon, 3)
    before, folders = people(daemon), daemon.folders()

    said = switch(daemon, "tiny")
    assert "To: hog+tiny\nPhotos: 15 photos\n" in said
    assert "measured on 6 photos by one worker" in said
    daemon.wait_for(lambda: read_again(daemon) >= 1, SECONDS)
    client = daemon.client
    client.pause_switch()  # at once, as the command takes a moment to start
    daemon.kill()
    done = read_again(daemon)
    assert 1 <= done < 15, "killed in the middle"
    assert encodings(daemon) == [("dlib/1", SIZES["dlib"], 15)]

    daemon.start()
    settled(daemon, 3)
    halted = engine(daemon)
    assert (halted["name"], halted["switch"]["to"]) == ("hog+dlib", "hog+tiny")
    assert (halted["switch"]["done"], halted["switch"]["total"]) == (done, 15)
    assert "paused with: facewatchctl engine pause" in daemon.ctl("status").stdout.decode()

    bring(daemon, photos, "howard")
    grown(daemon, 20, 4)
    assert read_again(daemon) == done + 5, "new photos are read by both engines"
    assert set(before.items()) < set(people(daemon).items())
    before, folders = people(daemon), daemon.folders()

    assert daemon.ctl("engine", "resume").returncode == 0
    wait_for_engine(daemon, "hog+tiny")
    assert people(daemon) == before
    assert daemon.folders() == folders
    assert encodings(daemon) == [("tiny/1", SIZES["tiny"], 20)]
    assert read_again(daemon) == 0
    status = engine(daemon)
    assert status["switch"] is None
    assert status["last"] == (
        "From hog+dlib to hog+tiny: 20 photos; 20 faces were found again, 0 are new, 0 are gone."
    )
    runs = daemon.status()["recluster"]["runs"]
    assert runs >= 1, "all of it was clustered anew"

    assert daemon.stop() == 0
    daemon.settings["engine"] = {"detector": "hog", "encoder": "dlib"}
    daemon.start()
    settled(daemon, 4)
    note = engine(daemon)["note"]
    assert note == (
        "The configuration names hog+dlib; the library is encoded by hog+tiny and stays so until:"
        " facewatchctl engine switch hog+dlib"
    )
    assert note in daemon.log()
    bring(daemon, photos, "stuart")
    daemon.wait_for(lambda: daemon.is_idle() and daemon.status()["photos"] == 25, SECONDS)
    assert encodings(daemon) == [("tiny/1", SIZES["tiny"], 25)]


def test_photos_on_a_disk_that_is_away_keep_their_people_and_follow(
    daemon: Daemon, photos: Path
) -> None:
    disk, away = daemon.home / "disk", daemon.home / "unplugged"
    disk.mkdir()
    shutil.copytree(photos / "bbt" / "penny", disk / "penny")
    daemon.settings["roots"].append({"path": str(disk)})
    bring(daemon, photos, "amy", "raj")
    daemon.start()
    settled(daemon, 3)
    before, folders = people(daemon), daemon.folders()
    names = {name: {Path(path).name for path in paths} for name, paths in folders.items()}

    disk.rename(away)
    daemon.wait_for(lambda: daemon.root(disk)["state"] == "offline", SECONDS)
    assert "10 photos, 5 more cannot be reached now" in switch(daemon, "hog+tiny")
    daemon.wait_for(lambda: engine(daemon)["switch"]["waits_until"] is not None, SECONDS)
    waits = daemon.ctl("engine", "status").stdout.decode()
    assert "waits for 5 photos on places that are away" in waits
    assert daemon.ctl("engine", "resume", "--without-the-rest").returncode == 0
    wait_for_engine(daemon, "hog+tiny")
    daemon.recluster()
    assert encodings(daemon) == [
        ("dlib/1", SIZES["dlib"], 5),
        ("tiny/1", SIZES["tiny"], 10),
    ]
    assert engine(daemon)["waiting"] == 5
    shown = daemon.ctl("engine", "status").stdout.decode()
    assert "5 photos wait for the engine hog+tiny: 5 cannot be reached" in shown
    assert people(daemon) == before
    assert {
        name: {Path(path).name for path in paths} for name, paths in daemon.folders().items()
    } == names
    assert all((daemon.output / name / "cover.jpg").exists() for name in names)

    away.rename(disk)
    daemon.wait_for(lambda: engine(daemon)["waiting"] == 0 and daemon.is_idle(), SECONDS)
    assert encodings(daemon) == [("tiny/1", SIZES["tiny"], 15)]
    assert people(daemon) == before
    daemon.recluster()
    assert people(daemon) == before
    assert daemon.folders() == folders


def test_a_switch_is_refused_aborted_and_halted_for_a_reason(daemon: Daemon, photos: Path) -> None:
    models = daemon.home / "models"
    models.mkdir()
    daemon.settings["engine"] = {"detector": "hog", "models": str(models)}
    bring(daemon, photos, "amy", "raj")
    daemon.start()
    settled(daemon, 2)
    before, folders = people(daemon), daemon.folders()

    for name, reason in (
        ("hog+dlib", "The library is encoded by hog+dlib already."),
        ("nobody", "There is no encoder named 'nobody'."),
        ("brittle", "The weights of 'brittle' are missing."),
    ):
        refused = daemon.ctl("engine", "switch", name, "--yes")
        assert refused.returncode == 1
        assert reason in refused.stderr.decode()
    for command in ("pause", "resume", "abort"):
        refused = daemon.ctl("engine", command)
        assert refused.returncode == 1
        assert "does not go over to another engine" in refused.stderr.decode()
    assert daemon.ctl("engine", "switch", "tiny", "--estimate").returncode == 0
    assert engine(daemon)["switch"] is None

    (models / "brittle").touch()
    switch(daemon, "brittle")
    assert daemon.ctl("engine", "pause").returncode == 0
    daemon.wait_for(lambda: daemon.status()["workers"] == 0 or daemon.is_idle(), SECONDS)
    assert daemon.stop() == 0
    (models / "brittle").unlink()
    daemon.start()
    bring(daemon, photos, "penny")
    grown(daemon, 15, 3)
    assert set(before.items()) < set(people(daemon).items())
    halted = engine(daemon)["switch"]["halted"]
    assert halted == "The weights of 'brittle' are missing. Put them back."

    (models / "brittle").touch()
    assert daemon.ctl("engine", "resume").returncode == 0
    daemon.wait_for(lambda: engine(daemon)["name"] == "hog+brittle", SECONDS)
    switch(daemon, "tiny")
    assert daemon.ctl("engine", "abort").returncode == 0
    settled(daemon, 3)
    assert engine(daemon)["name"] == "hog+brittle"
    assert engine(daemon)["switch"] is None
    assert read_again(daemon) == 0
    assert [row[0] for row in encodings(daemon)] == ["brittle/1"]
    assert set(before.items()) < set(people(daemon).items())
    now = daemon.folders()
    assert {name: now[name] for name in folders} == folders


POINTS = [
    ("after", "facewatchd.store.engines:Engines.begin", 1),
    ("before", "facewatchd.store.rereading:Rereading.put", 3),
    ("after", "facewatchd.store.rereading:Rereading.put", 6),
    ("after", "facewatchd.store.engines:Engines.make_current", 1),
    ("after", "facewatchd.store.rereading:Rereading.replace", 1),
    ("before", "facewatchd.store.people:People.remove_former_looks", 1),
    ("after", "facewatchd.pipeline.grouping:Grouping.use", 1),
    ("before", "facewatchd.pipeline.publishing:Publishing.use", 1),
    ("before", "facewatchd.pool:Pool.restart", 2),
]


FEW = [POINTS[2], POINTS[6]]


@pytest.mark.parametrize(
    "points", [pytest.param(FEW, id="few"), pytest.param(POINTS, id="all", marks=WHOLE)]
)
def test_a_kill_at_any_moment_leaves_the_switch_undone_or_done_whole(
    daemon: Daemon, photos: Path, points: list[tuple[str, str, int]]
) -> None:
    bring(daemon, photos, "amy", "raj")
    daemon.start()
    settled(daemon, 2)
    before, folders = people(daemon), daemon.folders()
    assert daemon.stop() == 0
    now, other = "dlib", "tiny"
    for point in points:
        daemon.program = ["tests.support.kill_points", *map(str, point)]
        daemon.start()
        try:
            switch(daemon, other)
            wait_for_engine(daemon, f"hog+{other}")
        except (AssertionError, DaemonEndedError, FacewatchError):
            assert daemon.bury() == -signal.SIGKILL, daemon.log()
        else:
            pytest.fail(f"{point} was not reached")
        [(encoder, size, faces)] = encodings(daemon)
        assert (encoder, size, faces) in {
            (f"{each}/1", SIZES[each], 10) for each in (now, other)
        }, point
        daemon.program = ["facewatchd"]
        daemon.start()
        if point[1].endswith("begin"):
            assert engine(daemon)["switch"] is None, "what was not acknowledged is not begun"
            switch(daemon, other)
        wait_for_engine(daemon, f"hog+{other}")
        assert encodings(daemon) == [(f"{other}/1", SIZES[other], 10)], point
        assert people(daemon) == before, point
        assert daemon.folders() == folders, point
        assert read_again(daemon) == 0
        assert daemon.stop() == 0
        now, other = other, now
