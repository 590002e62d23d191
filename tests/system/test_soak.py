"""A library in use for a long time, with kills, ends like one that was always as it is."""

from __future__ import annotations

import os
import random
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.support import lfw
from tests.support.daemon import Daemon, links, partition

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.soak, pytest.mark.system]

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


@dataclass
class Household:
    """What people and their programs do to a folder of photos, drawn at random.

    Photos that are away or half written come back whole in ``tidy_up``, so that the contents at the
    end are those of ``album``.
    """

    daemon: Daemon
    album: Path
    choice: random.Random
    there: dict[str, Path] = field(default_factory=dict)

    def arrive(self) -> None:
        missing = sorted({path.name for path in self.album.iterdir()} - self.there.keys())
        for name in self.choice.sample(missing, min(4, len(missing))):
            self._put(name)

    def arrive_in_two_parts(self) -> None:
        missing = sorted({path.name for path in self.album.iterdir()} - self.there.keys())
        if missing:
            name = self.choice.choice(missing)
            self.there[name] = self.daemon.photos / name
            content = (self.album / name).read_bytes()
            self.there[name].write_bytes(content[: len(content) // 2])

    def move(self) -> None:
        for name in self._some():
            folder = self.daemon.photos / f"folder {self.choice.randrange(5)}"
            folder.mkdir(exist_ok=True)
            self.there[name] = self.there[name].rename(folder / name)

    def copy(self) -> None:
        for name in self._some():
            shutil.copyfile(self.there[name], self.daemon.photos / f"copy of {name}")

    def overwrite(self) -> None:
        """Write a photo again, as sync tools do: the same content, other times."""
        for name in self._some():
            shutil.copyfile(self.album / name, self.there[name])

    def delete(self) -> None:
        for name in self._some():
            self.there.pop(name).unlink()

    def rename_folder(self) -> None:
        old, new = (self.daemon.photos / f"folder {n}" for n in self.choice.sample(range(5), 2))
        if old.exists() and not new.exists():
            old.rename(new)
            for name, path in self.there.items():
                if path.parent == old:
                    self.there[name] = new / name

    def recluster(self) -> None:
        self.daemon.client.recluster()

    def kill(self) -> None:
        self.daemon.kill()
        self.daemon.start()

    def restart(self) -> None:
        assert self.daemon.stop() == 0
        self.daemon.start()

    def tidy_up(self) -> None:
        for path in self.daemon.photos.glob("copy of *"):
            path.unlink()
        for path in self.album.iterdir():
            self._put(path.name)

    def _put(self, name: str) -> None:
        target = self.there.setdefault(name, self.daemon.photos / name)
        shutil.copyfile(self.album / name, target)

    def _some(self) -> list[str]:
        return self.choice.sample(sorted(self.there), min(3, len(self.there)))


def test_a_library_in_use_ends_like_one_at_rest(tmp_path: Path, photos: Path) -> None:
    album = tmp_path / "album"
    album.mkdir()
    lfw.copy(lfw.sample(lfw.read(photos), at_least=40, singles=20)[:150], photos, album)
    household = Household(Daemon(tmp_path / "in use"), album, random.Random(SEED))
    daemon = household.daemon
    things = [
        *[household.arrive, household.move, household.copy, household.overwrite] * 3,
        *[household.arrive_in_two_parts, household.delete, household.rename_folder] * 2,
        *[household.recluster, household.kill, household.restart],
    ]

    daemon.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        household.choice.choice(things)()
        time.sleep(household.choice.uniform(0, 2))  # life goes on meanwhile
    household.tidy_up()
    daemon.wait_until_idle()
    daemon.client.scan()
    daemon.wait_for(lambda: daemon.status()["files"]["done"] == len(household.there), 60)
    daemon.wait_until_idle(300)
    daemon.recluster()

    at_rest = Daemon(tmp_path / "at rest")
    shutil.copytree(daemon.photos, at_rest.photos, dirs_exist_ok=True)
    at_rest.start()
    at_rest.wait_until_idle(300)
    at_rest.recluster()

    assert daemon.status()["files"] == at_rest.status()["files"]
    assert daemon.status()["files"]["failed"] == 0
    assert partition(daemon) == partition(at_rest)
    assert links(daemon) == links(at_rest)
    assert len(links(daemon)) > 1
    assert at_rest.stop() == 0
    assert daemon.stop() == 0
