"""The pool with real worker processes: what a bad photo costs, and that nothing leaks."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from PIL import Image

from facewatchd.errors import LoadError
from facewatchd.model import (
    Answer,
    Box,
    CropFace,
    Cropped,
    Dated,
    DatePhotos,
    FileStat,
    Hashed,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    ReadPhoto,
    Setup,
    Task,
    WorkerSettings,
)
from facewatchd.pool import Outcome, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.model import PhotoResult

    MakePool = Callable[..., Pool]

ROGUES = Path(__file__).resolve().parents[1] / "plugins"
SETTINGS = WorkerSettings("hog", "dlib", Setup(), megapixels=250, file_mb=500, memory_mb=2048)
ROGUE = WorkerSettings("rogue", "dlib", Setup(), megapixels=250, file_mb=500, memory_mb=512)


@pytest.fixture
def make_pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePool]:
    monkeypatch.setenv("PYTHONPATH", str(ROGUES))
    this = psutil.Process()
    fds, others, pools = this.num_fds(), set(this.children()), list[Pool]()

    def make(settings: WorkerSettings = SETTINGS, size: int = 1, seconds: float = 60) -> Pool:
        pools.append(Pool(size, settings, seconds))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()
    assert set(this.children()) <= others
    assert this.num_fds() == fds


def workers() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "facewatchd.worker" in child.cmdline()]


def read(path: Path | bytes) -> ReadPhoto:
    name = os.fsencode(path)
    return ReadPhoto(7, FileStat.of(name, os.stat(name)))


def blank(folder: Path, width: int) -> Path:
    """Make a picture whose width tells the rogue detector what to do."""
    path = folder / f"{width}.jpg"
    Image.new("RGB", (width, 8), "grey").save(path)
    return path


def outcomes(pool: Pool, seconds: float = 60) -> list[Outcome]:
    """Step until something comes out, at most so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := pool.step(time.monotonic()):
            return found
        wait(pool.connections(), timeout=1)
    pytest.fail(f"nothing came of it in {seconds} seconds")


def finish(pool: Pool, task: Task) -> Answer:
    """Submit ``task``, wish for everything, and return how it ends."""
    pool.submit(task, time.monotonic())
    while True:
        ((ended, answer),) = outcomes(pool)
        assert ended is task
        if not isinstance(answer, Hashed):
            return answer
        pool.answer(task, encode=True)


def result(answer: Answer) -> PhotoResult:
    assert isinstance(answer, PhotoRead), answer
    return answer.result


def lost(answer: Answer) -> str:
    assert isinstance(answer, Lost), answer
    return answer.reason


def test_a_photo_becomes_its_faces(photos: Path, make_pool: MakePool) -> None:
    found = result(finish(make_pool(), read(photos / "groups" / "group3.jpg")))
    assert (found.width, found.height) == (3200, 2134)
    assert len(found.faces) >= 15
    assert [face.box for face in found.faces] == sorted(face.box for face in found.faces)
    for face in found.faces:
        assert face.encoding.shape == (128,)
        assert 1.0 < np.linalg.norm(face.encoding) < 1.9
        assert 0 < face.quality.score < 1


def test_boxes_are_in_pixels_of_the_upright_original(
    photos: Path, make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool()
    original = photos / "lfw" / "Aaron_Eckhart_0001.jpg"
    (small,) = result(finish(pool, read(original))).faces
    large = tmp_path / "large.jpg"  # 20 times as large, lying on its side
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(original) as image:
        turned = image.resize((5000, 5000)).transpose(Image.Transpose.ROTATE_90)
    turned.save(large, exif=exif)
    found = result(finish(pool, read(large)))
    assert (found.width, found.height) == (5000, 5000)
    (face,) = found.faces
    assert np.allclose(np.array(face.box) / 20, small.box, atol=12)
    assert np.linalg.norm(face.encoding - small.encoding) < 0.25


def test_a_known_photo_is_not_read_on(photos: Path, make_pool: MakePool) -> None:
    pool = make_pool()
    task = read(photos / "lfw" / "AJ_Cook_0001.jpg")
    pool.submit(task, time.monotonic())
    assert pool.free == 0
    ((_, answer),) = outcomes(pool)
    assert isinstance(answer, Hashed)
    assert answer.identity is not None
    assert len(answer.content) == len(answer.identity.hash) == 16
    assert answer.content != answer.identity.hash
    pool.answer(task, encode=False)
    assert pool.free == 1
    assert result(finish(pool, task)).hash == answer.identity.hash


def test_a_file_that_is_not_what_the_scan_saw_is_scanned_again(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool, path = make_pool(), blank(tmp_path, 20)
    task = read(path)
    os.utime(path, (1, 1))
    assert finish(pool, task) == PhotoChanged()
    path.unlink()
    assert finish(pool, task) == PhotoChanged()
    path.symlink_to("/etc/hostname")
    assert finish(pool, task) == PhotoChanged()
    path.unlink()
    os.mkfifo(path)
    assert finish(pool, task) == PhotoChanged()


def test_a_file_above_the_limit_is_refused(make_pool: MakePool, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with path.open("wb") as file:
        file.truncate(501_000_000)
    answer = finish(make_pool(), read(path))
    assert isinstance(answer, PhotoFailed)
    assert answer.reason == "The file has 501 MB; the limit is 500 (limits.file_mb)."


def test_a_file_that_cannot_be_read_says_so(make_pool: MakePool) -> None:
    with open(f"/proc/{os.getpid()}/mem", "rb") as unreadable:  # its first byte is an I/O error
        answer = finish(make_pool(), read(Path(unreadable.name)))
    assert isinstance(answer, PhotoFailed)
    assert answer.reason.startswith("The file cannot be read: ")


def test_dates_are_read_and_what_vanished_is_left_out(photos: Path, make_pool: MakePool) -> None:
    phone = photos / "odd" / "heif" / "arrow.heic"
    files = ((1, os.fsencode(phone)), (2, b"/nowhere/IMG_20200101.jpg"))
    answer = finish(make_pool(), DatePhotos(files))
    assert isinstance(answer, Dated)
    ((file, date),) = answer.dates
    assert (file, date.source) == (1, "exif")


def test_a_face_is_cut_out_of_the_same_photo_only(photos: Path, make_pool: MakePool) -> None:
    pool, path = make_pool(), photos / "groups" / "group3.jpg"
    found = result(finish(pool, read(path)))
    box = found.faces[0].box
    name = os.fsencode(path)
    stat = FileStat.of(name, path.stat())
    answer = finish(pool, CropFace(stat, found.hash, box, 512))
    assert isinstance(answer, Cropped)
    assert answer.picture[:3] == b"\xff\xd8\xff"
    other = CropFace(replace(stat, mtime_ns=1), found.hash, Box(0, 0, 9, 9), 512)
    assert finish(pool, other) == PhotoChanged()


@pytest.mark.parametrize(
    ("width", "reason"),
    [
        (101, "The process that read it crashed (SIGSEGV)."),
        (103, "It needed more than 512 MB (limits.memory_mb)."),
        (105, "The process that read it was killed (SIGKILL), perhaps for lack of memory."),
    ],
)
def test_a_photo_that_ends_its_worker_costs_only_itself(
    make_pool: MakePool, tmp_path: Path, width: int, reason: str
) -> None:
    pool = make_pool(ROGUE)
    assert lost(finish(pool, read(blank(tmp_path, width)))) == reason
    assert result(finish(pool, read(blank(tmp_path, 20)))).faces == ()


def test_a_photo_that_an_engine_stumbles_over_fails_and_its_worker_goes_on(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(ROGUE)
    answer = finish(pool, read(blank(tmp_path, 104)))
    assert isinstance(answer, PhotoFailed)
    assert answer.reason == "The detector 'rogue' failed: ZeroDivisionError."
    (worker,) = workers()
    assert result(finish(pool, read(blank(tmp_path, 20)))).faces == ()
    assert workers() == [worker]


def test_memory_that_a_decoder_lacks_is_told_from_a_damaged_file(
    photos: Path, make_pool: MakePool
) -> None:
    pool = make_pool(WorkerSettings("hog", "dlib", Setup(), 250, 500, memory_mb=256))
    reason = lost(finish(pool, read(photos / "odd" / "heif" / "200MP.heic")))
    assert reason == "It needed more than 256 MB (limits.memory_mb)."


def test_a_photo_that_hangs_is_ended_at_the_limit(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(ROGUE, seconds=60)
    task = read(blank(tmp_path, 102))
    pool.submit(task, time.monotonic())
    outcomes(pool)
    pool.answer(task, encode=True)
    now = time.monotonic()
    assert pool.step(now + 50) == []
    ((_, answer),) = pool.step(now + 61)
    assert lost(answer) == "It took longer than 60 seconds (limits.seconds)."
    assert pool.free == 1


def test_a_worker_killed_from_outside_loses_its_task(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(ROGUE)
    task = read(blank(tmp_path, 102))
    pool.submit(task, time.monotonic())
    outcomes(pool)
    pool.answer(task, encode=True)
    (worker,) = workers()
    worker.send_signal(signal.SIGKILL)
    ((_, answer),) = outcomes(pool)
    assert "was killed (SIGKILL)" in lost(answer)


def test_an_idle_worker_killed_from_outside_is_replaced(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool, task = make_pool(ROGUE), read(blank(tmp_path, 20))
    finish(pool, task)
    (worker,) = workers()
    worker.kill()
    wait(pool.connections(), timeout=10)
    assert pool.step(time.monotonic()) == []
    assert result(finish(pool, task)).faces == ()


def test_idle_workers_end(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(ROGUE)
    finish(pool, read(blank(tmp_path, 20)))
    now = time.monotonic()
    (worker,) = workers()
    assert pool.step(now + 29) == []
    assert len(pool.connections()) == 1
    assert pool.step(now + 31) == []
    assert pool.connections() == []
    worker.wait(10)


def test_tasks_run_at_once_up_to_the_size(make_pool: MakePool, tmp_path: Path) -> None:
    pool, task = make_pool(ROGUE, size=2), read(blank(tmp_path, 20))
    other = read(blank(tmp_path, 30))
    pool.submit(task, time.monotonic())
    assert pool.free == 1
    pool.submit(other, time.monotonic())
    assert (pool.free, pool.busy) == (0, 2)
    with pytest.raises(RuntimeError, match="no worker is free"):
        pool.submit(task, time.monotonic())
    ended: list[Task] = []
    while len(ended) < 2:
        for each, answer in outcomes(pool):
            if isinstance(answer, Hashed):
                pool.answer(each, encode=False)
                ended.append(each)
    assert {task, other} == set(ended)


@pytest.mark.parametrize(
    ("detector", "title"),
    [
        ("refuses", "The weights are missing."),
        ("nobody", "There is no detector named 'nobody'."),
        ("dies-at-start", "A worker crashed (SIGILL) while it loaded detector 'dies-at-start'"),
    ],
)
def test_an_engine_that_cannot_be_loaded_is_one_error(
    make_pool: MakePool, tmp_path: Path, detector: str, title: str
) -> None:
    settings = WorkerSettings(detector, "dlib", Setup(), 250, 500, 512)
    pool = make_pool(settings)
    pool.submit(read(blank(tmp_path, 20)), time.monotonic())
    with pytest.raises(LoadError) as error:
        outcomes(pool)
    assert error.value.title.startswith(title)
    assert error.value.remedy


def test_on_a_busy_machine_an_engine_may_load_for_longer_than_a_photo_may_take(
    make_pool: MakePool, tmp_path: Path
) -> None:
    pool = make_pool(ROGUE, seconds=3)
    now = time.monotonic()
    pool.submit(read(blank(tmp_path, 100)), now)
    (worker,) = workers()
    worker.suspend()
    assert pool.step(now + 119) == []
    with pytest.raises(LoadError, match="not ready after 120 seconds"):
        pool.step(now + 121)


def test_a_pool_is_closed_in_the_middle_of_a_task(make_pool: MakePool, tmp_path: Path) -> None:
    pool = make_pool(ROGUE)
    task = read(blank(tmp_path, 102))
    pool.submit(task, time.monotonic())
    outcomes(pool)
    pool.answer(task, encode=True)
    started = time.monotonic()
    pool.close(5)
    assert time.monotonic() - started < 4
    assert workers() == []
