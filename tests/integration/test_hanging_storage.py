"""Storage that does not answer: a worker that outlives SIGKILL costs its own root alone."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import closing
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import psutil
import pytest

from facewatchd.config import load
from facewatchd.journal import Journal
from facewatchd.model import FileStat, FileState, Setup, WorkerSettings
from facewatchd.pipeline.adding import Adding
from facewatchd.pipeline.clock import SystemClock
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.deciding import Deciding
from facewatchd.pipeline.encoding import Encoding, Origin
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.rules import Rules
from facewatchd.pool import Pool
from facewatchd.store import Store
from tests.support.hanging import Share
from tests.support.library import ENGINE, SCALE
from tests.support.mounts import needs_root
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTINGS = WorkerSettings("hog", "dlib", Setup(), megapixels=250, file_mb=500, memory_mb=2048)
SECONDS = 15.0  # that a photo may take, the start of its worker included
CLOSES_WITHIN = 2.0


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    needs_root()
    with closing(Share(tmp_path)) as made:
        yield made


class Bench:
    """An Encoding with real workers, two roots, and a note of what it tells."""

    def __init__(self, folder: Path, share: Share) -> None:
        self.local, self.share = folder / "local", share
        self.local.mkdir()
        roots = [bytes(self.local), bytes(share.root)]
        settings = load(
            None,
            {
                "roots": [{"path": os.fsdecode(root)} for root in roots],
                "output": folder / "people",
                "state": folder / "state",
            },
        )
        self.store = Store(folder / "store.db", ENGINE)
        self.pool = Pool(2, SETTINGS, SECONDS)
        self.clock = SystemClock()
        self.hanging: list[bytes] = []
        rules = Rules(self.store)
        copying = Copying(Storage(roots, set, self.hanging.append))
        publishing = Publishing(settings, self.store, rules, self.clock, SCALE, copying)
        placing = Placing(self.store, rules, SCALE, 0.0)
        journal = Journal([folder / "state"], self.store.fact("library"))
        deciding = Deciding(self.store, journal, rules, placing, publishing, self.clock)
        self.encoding = Encoding(
            self.store,
            self.pool,
            publishing,
            self.clock,
            engine=ENGINE,
            placing=placing,
            adding=Adding(self.store, deciding, rules, placing, publishing),
            origin=Origin(roots, lambda _: None, self.hanging.append),
        )

    def close(self) -> None:
        self.encoding.close()
        self.store.close()

    def add(self, path: Path, captured: float) -> None:
        stat = FileStat.of(bytes(path), path.stat())
        self.store.files.put(stat, FileState.PENDING, captured)

    def state(self, path: Path) -> FileState:
        file = self.store.files.at(bytes(path))
        assert file is not None
        return file.state

    def run_until(self, condition: Callable[[], object], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, condition
            self.encoding.step()
            wait(self.encoding.connections(), timeout=0.1)


@pytest.fixture
def bench(tmp_path: Path, share: Share) -> Iterator[Bench]:
    with closing(Bench(tmp_path, share)) as made:
        yield made


@WHOLE[0]
@WHOLE[1]
def test_a_worker_that_outlives_sigkill_costs_its_root_alone(
    bench: Bench, share: Share, photos: Path
) -> None:
    source = sorted((photos / "lfw").iterdir())[:6]
    for number, photo in enumerate(source[:3]):
        shutil.copyfile(photo, share.behind / photo.name)
        bench.add(share.root / photo.name, captured=100.0 - number)
    local = [shutil.copyfile(photo, bench.local / photo.name) for photo in source[3:]]
    for path in local:
        bench.add(path, captured=1.0)
    share.hang()
    bench.run_until(lambda: all(bench.state(path) is FileState.DONE for path in local), 30)
    assert bench.hanging == []
    assert len(bench.pool.tasks) == 1  # of two workers, one is on the root that hangs

    bench.run_until(lambda: bench.hanging, SECONDS + 15)
    assert bench.hanging == [bytes(share.root)]
    (ending,) = bench.pool._ending
    stuck = psutil.Process(ending.child.pid)
    assert stuck.status() == psutil.STATUS_DISK_SLEEP
    assert len(bench.pool.tasks) == 1  # and no other is sent after it
    late = shutil.copyfile(source[0], bench.local / "late.jpg")
    bench.add(late, captured=1.0)
    bench.run_until(lambda: bench.state(late) is FileState.DONE, 30)
    bench.encoding.block({bytes(share.root)})
    assert bench.encoding.idle

    started = time.monotonic()
    bench.pool.close(CLOSES_WITHIN)
    assert time.monotonic() - started < CLOSES_WITHIN + 1
    assert stuck.is_running()
    share.go_on()
    assert ending.child.close(10), "the worker outlives its storage"


@WHOLE[0]
@WHOLE[1]
def test_a_root_that_answers_again_is_read_again(bench: Bench, share: Share, photos: Path) -> None:
    source = photos / "lfw" / "AJ_Cook_0001.jpg"
    shutil.copyfile(source, share.behind / "a.jpg")
    bench.add(share.root / "a.jpg", captured=1.0)
    share.hang()
    bench.run_until(lambda: bench.hanging, SECONDS + 15)
    share.go_on()
    bench.run_until(lambda: bench.state(share.root / "a.jpg") is FileState.DONE, 30)
    assert bench.pool.tasks == []
