"""``facewatchctl bench``: how fast this machine reads photos, and how many nights that takes."""

from __future__ import annotations

import os
import random
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, NamedTuple

from facewatchd import plugins
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.decode import Photo
from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.model import Hashed, PhotoRead, ReadPhoto, WorkerSettings
from facewatchd.pool import Pool
from facewatchd.scan import Ignore, Seen, Walk, is_picture, look

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.model import FileStat

PHOTOS = 24
NIGHT = 8 * 3600.0
_MANY = 10_000
_SEED = 1  # the same photos each time, so that two runs can be compared


class Stages(NamedTuple):
    """Seconds that the stages of one photo take in one process, on average."""

    decode: float
    detect: float
    encode: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What reading a sample of photos took.

    ``first`` is the time from the start of a worker to its first photo.  ``each`` is the time a
    photo after that takes all ``workers`` together, ``nights`` of 8 hours are for 10,000 photos.
    """

    engine: str
    workers: int
    photos: int
    failed: int
    faces: int
    megapixels: float
    first: float
    each: float
    nights: float
    stages: Stages

    def as_json(self) -> dict[str, object]:
        """Return it as what ``--json`` prints."""
        return asdict(self) | {"stages": self.stages._asdict()}


def in_words(measured: Measured) -> list[str]:
    """Return what a user wants to know of it, a line each."""
    stages = measured.stages
    together = f"{measured.workers} worker" + ("s together" if measured.workers > 1 else "")
    lines = [
        (
            f"{measured.engine}: {measured.photos} photos of {measured.megapixels:.1f} megapixels"
            f" on average, {measured.faces} faces"
        ),
        (
            f"A photo takes {together} {_milliseconds(measured.each)};"
            f" the first one {measured.first:.1f} s, with the start of the process."
        ),
        (
            f"One process spends {_milliseconds(stages.decode)} to read and decode,"
            f" {_milliseconds(stages.detect)} to find the faces,"
            f" {_milliseconds(stages.encode)} to encode them."
        ),
        (
            f"10,000 photos like these take {measured.nights * NIGHT / 3600:.1f} hours:"
            f" {measured.nights:.1f} nights of 8 hours."
        ),
    ]
    if measured.failed:
        lines.append(f"{measured.failed} could not be read; facewatchctl errors says why.")
    return lines


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.0f} ms"


def sample(folders: Iterable[Path], count: int) -> list[FileStat]:
    """Choose up to ``count`` photos below ``folders``, whatever their folder; always the same."""
    found = [
        os.path.join(seen.folder, name)
        for folder in folders
        for seen in Walk(Ignore(os.fsencode(folder), (), ())).deep(os.fsencode(folder))
        if isinstance(seen, Seen)
        for name, *_ in seen.files
        if is_picture(name)
    ]
    if not found:
        raise FacewatchError(
            f"There is no photo in {', '.join(map(str, folders))}.",
            "Name a folder with photos: facewatchctl bench FOLDER",
        )
    chosen = random.Random(_SEED).sample(found, min(count, len(found)))  # noqa: S311 -- no secret
    return [stat for stat in map(look, chosen) if stat is not None]


def measure(photos: list[FileStat], settings: Settings) -> Measured:
    """Read ``photos`` as the daemon does, and once more in this process, stage by stage."""
    engine, limits = settings.engine, settings.limits
    worker = WorkerSettings(
        engine.detector or DEFAULT_DETECTOR,
        engine.encoder or DEFAULT_ENCODER,
        settings.setup,
        limits.megapixels,
        limits.file_mb,
        limits.memory_mb,
    )
    size = min(settings.workers, len(photos))
    first, all_of_them, found = through_workers(photos, worker, size, limits.seconds)
    each = (all_of_them - first) / max(1, len(photos) - size)
    stages, megapixels = _stage_by_stage(photos, worker)
    return Measured(
        engine=f"{worker.detector} + {worker.encoder}",
        workers=size,
        photos=len(photos),
        failed=len(photos) - len(found),
        faces=sum(len(each.result.faces) for each in found),
        megapixels=megapixels,
        first=first,
        each=each,
        nights=each * _MANY / NIGHT,
        stages=stages,
    )


def through_workers(
    photos: list[FileStat], worker: WorkerSettings, size: int, seconds: float
) -> tuple[float, float, list[PhotoRead]]:
    """Return the seconds to the first answer of every worker and to the last, and what was read."""
    pool = Pool(size, worker, seconds)
    waiting = [ReadPhoto(number, stat) for number, stat in enumerate(photos)]
    started = time.monotonic()
    first = 0.0
    ended, read = 0, []
    try:
        while ended < len(photos):
            while waiting and pool.free:
                pool.submit(waiting.pop(), time.monotonic())
            wait(pool.connections(), timeout=1.0)
            for task, answer in pool.step(time.monotonic()):
                if isinstance(answer, Hashed):
                    pool.answer(task, encode=True)
                    continue
                ended += 1
                if ended == size:
                    first = time.monotonic() - started
                if isinstance(answer, PhotoRead):
                    read.append(answer)
        return first, time.monotonic() - started, read
    finally:
        pool.close()


def _stage_by_stage(photos: list[FileStat], worker: WorkerSettings) -> tuple[Stages, float]:
    """Return the mean seconds of each stage and the mean size, in megapixels."""
    detector = plugins.detector(worker.detector)(worker.setup)
    encoder = plugins.encoder(worker.encoder)(worker.setup)
    spent = [0.0, 0.0, 0.0]
    pixels, read = 0, 0
    for stat in photos:
        clock = [time.perf_counter()]
        try:
            with open(stat.path, "rb") as file:
                photo = Photo(file.read(), worker.megapixels)
            photo.facts()
            picture = photo.picture(worker.setup.longest_side)
        except (PhotoError, OSError):
            continue  # a photo that cannot be read is counted where the workers read it
        clock.append(time.perf_counter())
        faces = detector.detect(picture.pixels)
        clock.append(time.perf_counter())
        encoder.encode(picture.pixels, faces)
        clock.append(time.perf_counter())
        spent = [s + b - a for s, a, b in zip(spent, clock[:-1], clock[1:], strict=True)]
        pixels += picture.width * picture.height
        read += 1
    return Stages(*(each / max(1, read) for each in spent)), pixels / max(1, read) / 1e6
