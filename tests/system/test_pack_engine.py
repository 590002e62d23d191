"""The daemon with an InsightFace pack: its people, and what it says of another pack."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support import packs
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

PEOPLE = 8  # in bbt/, with five portraits each


@pytest.fixture
def daemon(tmp_path: Path, shared: Path) -> Iterator[Daemon]:
    models = tmp_path / "models"
    models.mkdir()
    (models / "mini_s").symlink_to(shared / "models" / "mini_s")
    engine = {"detector": "scrfd", "encoder": "arcface", "models": str(models)}
    made = Daemon(tmp_path, settings={"engine": engine})
    made.settings["roots"] = [{"path": str(made.photos)}]
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_a_pack_finds_the_people_and_another_pack_is_refused(
    daemon: Daemon, photos: Path, tmp_path: Path
) -> None:
    for folder in sorted((photos / "bbt").iterdir()):
        if folder.is_dir():
            shutil.copytree(folder, daemon.photos / folder.name)
    daemon.start()
    daemon.wait_until_idle()
    daemon.recluster()
    assert daemon.status()["engine"]["name"] == "scrfd+arcface"
    folders = daemon.folders()
    inside = [{path.split("/")[-2] for path in paths} for paths in folders.values()]
    assert all(len(people) == 1 for people in inside), "nobody is mixed with another"
    assert len(set.union(*inside)) == PEOPLE
    assert sum(len(paths) for paths in folders.values()) >= 38  # of 40 portraits
    [(size,)] = daemon.rows("SELECT DISTINCT length(encoding) FROM faces")
    assert size == 4 * 128  # float32
    assert daemon.stop() == 0

    pack = tmp_path / "models" / "mini_s"
    detector = next(each for each in pack.resolve().iterdir() if "det" in each.name)
    pack.unlink()
    packs.folder(pack, detector=detector, recogniser=packs.recogniser(512))
    daemon.start(wait=False)
    assert daemon.process is not None
    assert daemon.process.wait(30) == 78
    last_words = daemon.log().splitlines()[-2:]
    assert "were encoded by arcface/1-" in last_words[0]
    assert "whose encodings cannot be compared" in last_words[0]
