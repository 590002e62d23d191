"""Photos dropped into a folder become folders of people: the real daemon on real photos."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support import lfw
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file, to see that nothing was written."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def test_the_portraits_of_eight_people_are_told_apart(
    daemon: Daemon, photos: Path, measured: Callable[[str], None]
) -> None:
    shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
    before = tree(daemon.photos)
    daemon.start()
    status = daemon.wait_until_idle()
    folders = daemon.folders()

    portraits = {
        name: Counter(
            os.path.relpath(path, daemon.photos).split("/")[0]
            for path in paths
            if path.endswith(".png")
        )
        for name, paths in folders.items()
    }
    linked = sum(counts.total() for counts in portraits.values())
    measured(f"bbt: {linked} of 40 portraits in {len(folders)} folders, none mixed")
    assert status["files"]["done"] == 45
    assert status["recluster"]["last"] is not None
    assert linked >= 36
    assert len(folders) <= 10
    assert all(len(counts) <= 1 for counts in portraits.values()), "people are mixed"
    for name in folders:
        cover = daemon.output / name / "cover.jpg"
        assert cover.read_bytes().startswith(b"\xff\xd8\xff")
        assert all(
            not os.readlink(link).startswith("/")
            for link in cover.parent.iterdir()
            if link.is_symlink()
        )
    modes = {path.name: path.stat().st_mode & 0o777 for path in daemon.state.iterdir()}
    assert modes.keys() >= {"store.db", "status.json", "api.sock", "lock"}
    assert set(modes.values()) == {0o600}
    assert daemon.state.stat().st_mode & 0o777 == 0o700
    assert daemon.stop() == 0
    assert tree(daemon.photos) == before


@pytest.fixture(
    params=[pytest.param((20, 100), id="few"), pytest.param((5, 500), id="all", marks=WHOLE)]
)
def labels(photos: Path, request: pytest.FixtureRequest) -> list[lfw.Labelled]:
    at_least, singles = request.param
    return lfw.sample(lfw.read(photos), at_least=at_least, singles=singles)


@pytest.fixture
def held_back(labels: list[lfw.Labelled]) -> list[lfw.Labelled]:
    """The last two photos of everyone with twelve or more: these come while the daemon runs."""
    counts = Counter(label.person for label in labels)
    photos: dict[str, list[lfw.Labelled]] = {}
    for label in labels:
        if counts[label.person] >= 12:
            photos.setdefault(label.person, []).append(label)
    return [label for person in photos.values() for label in person[-2:]]


@pytest.mark.timeout(600)
def test_a_library_is_sorted_and_new_photos_find_their_person(
    daemon: Daemon,
    photos: Path,
    labels: list[lfw.Labelled],
    held_back: list[lfw.Labelled],
    measured: Callable[[str], None],
) -> None:
    there = lfw.copy([label for label in labels if label not in held_back], photos, daemon.photos)
    daemon.start()
    daemon.wait_until_idle(500)
    daemon.recluster()

    client = daemon.client
    given = {path: lfw.folder_of(client, path, label) for path, label in there.items()}
    majority = lfw.majorities(given, there)
    many = Counter(label.person for label in there.values())
    wanted = [p for p, label in there.items() if many[label.person] > 1]
    right = sum(majority.get(given[p] or "") == there[p].person for p in wanted)
    linked = [path for path, folder in given.items() if folder is not None]
    wrong = sum(majority[given[p] or ""] != there[p].person for p in linked)

    clustered = daemon.status()["recluster"]["last"]
    new = lfw.copy(held_back, photos, daemon.photos)
    client = daemon.client
    daemon.wait_for(lambda: daemon.status()["files"]["done"] >= len(given) + len(new), 60)
    joined = sum(
        majority.get(lfw.folder_of(client, path, label) or "") == label.person
        for path, label in new.items()
    )
    measured(
        f"lfw: {right / len(wanted):.1%} of {len(wanted)} faces in a folder of their person,"
        f" {wrong / len(linked):.1%} of {len(linked)} linked faces in another's;"
        f" {joined} of {len(new)} new faces joined their person at once"
    )
    assert daemon.status()["recluster"]["last"] == clustered
    assert right >= 0.90 * len(wanted)
    assert wrong <= 0.03 * len(linked)
    assert joined >= 0.5 * len(new)
