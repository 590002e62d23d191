"""``kill -9`` at random moments loses nothing and ends in the same people."""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from tests.support import lfw
from tests.support.daemon import Daemon, links, partition

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.system

KILLS = 20
SEED = 20261121


@pytest.mark.timeout(400)
def test_twenty_kills_end_in_the_same_people(tmp_path: Path, photos: Path) -> None:
    undisturbed = Daemon(tmp_path / "undisturbed")
    killed = Daemon(tmp_path / "killed", ["--workers", "2"])
    labels = lfw.sample(lfw.read(photos), at_least=40, singles=10)[:80]
    for daemon in (undisturbed, killed):
        shutil.copytree(photos / "bbt", daemon.photos, dirs_exist_ok=True)
        lfw.copy(labels, photos, daemon.photos)

    undisturbed.start()
    undisturbed.wait_until_idle(200)
    undisturbed.recluster()
    expected, expected_links = partition(undisturbed), links(undisturbed)
    assert undisturbed.stop() == 0

    moments = random.Random(SEED)
    for round_ in range(KILLS):
        clustering = round_ % 3 == 2  # or nearly every kill would hit the encoding
        killed.start(wait=clustering)
        if clustering:
            killed.client.recluster()
        time.sleep(moments.uniform(0.1, 4.0))  # the moment of the kill is what is tested
        killed.kill()
    killed.start()
    killed.wait_until_idle(200)
    killed.recluster()
    assert partition(killed) == expected
    assert links(killed) == expected_links
    assert killed.status()["files"]["failed"] == 0
    assert killed.stop() == 0
