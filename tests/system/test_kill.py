"""``kill -9`` at random moments loses nothing and ends in the same people."""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import lfw
from tests.support.daemon import Daemon, links, partition
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Result = tuple[set[frozenset[tuple[str, tuple[int, ...]]]], set[frozenset[str]]]


pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

KILLS = 10
ROUNDS = 10
SEED = 20261121


def fill(daemon: Daemon, photos: Path) -> Daemon:
    shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
    labels = lfw.sample(lfw.read(photos), at_least=40, singles=10)[:40]
    lfw.copy(labels, photos, daemon.photos)
    return daemon


def finish(daemon: Daemon) -> Result:
    daemon.start()
    daemon.wait_until_idle(200)
    daemon.recluster()
    result = partition(daemon), links(daemon)
    assert daemon.status()["files"]["failed"] == 0
    assert daemon.stop() == 0
    return result


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Result:
    """Return the people and links of a daemon that nobody killed."""
    return finish(fill(Daemon(tmp_path_factory.mktemp("undisturbed")), photos))


@pytest.mark.parametrize(
    "round_",
    [0, *(pytest.param(number, marks=WHOLE) for number in range(1, ROUNDS))],
)
def test_kills_at_random_moments_end_in_the_same_people(
    daemon: Daemon,
    photos: Path,
    undisturbed: Result,
    round_: int,
    shown: Callable[[str, str], None],
) -> None:
    fill(daemon, photos).arguments = ["--workers", "2"]
    moments = random.Random(SEED + round_)
    for kill in range(KILLS):
        clustering = kill % 3 == 2  # or nearly every kill would hit the encoding
        daemon.start(wait=clustering)
        if clustering:
            daemon.client.recluster()
        time.sleep(moments.uniform(0.1, 3.0))  # the moment of the kill is what is tested
        daemon.kill()
    assert finish(daemon) == undisturbed
    shown(
        f"`kill -9` at {ROUNDS * KILLS} random moments",
        "the same people and links as in a run that nobody disturbed",
    )
