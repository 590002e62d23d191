"""``facewatchctl bench``: how fast this machine reads photos, and how many nights that takes."""

from __future__ import annotations

import os
import random
import time
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, NamedTuple

from facewatchd import checked
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.decode import Photo
from facewatchd.errors import FacewatchError, PhotoError
from facewatchd.model import (
    Hashed,
    Lost,
    PhotoFailed,
    PhotoRead,
    PhotoUnsupported,
    ReadPhoto,
    WorkerSettings,
)
from facewatchd.organise.refusals import shown
from facewatchd.pool import Pool
from facewatchd.scan import Ignore, Seen, Walk, is_picture, look

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.model import Answer, FileStat

PHOTOS = 24
NIGHT = 8 * 3600.0
_MANY = 10_000
_ENOUGH = 2  # photos a worker: the first one shows what the start takes, another one the rest
_NAMED = 5  # photos that could not be read; what is wrong with them is mostly the same
_SEED = 1  # the same photos each time, so that two runs can be compared


class Stages(NamedTuple):
    """Seconds that the stages of one photo take in one process, on average."""

    decode: float
    detect: float
    encode: float


class Failure(NamedTuple):
    """A photo that could not be read."""

    path: bytes
    reason: str

    def __str__(self) -> str:
        return f"  {shown(self.path)}: {self.reason}"


class Passage(NamedTuple):
    """What came out of workers: seconds until one photo for each was read and to the end."""

    first: float
    whole: float
    read: dict[FileStat, PhotoRead]
    failed: list[Failure]


@dataclass(frozen=True, slots=True)
class Measured:
    """What reading a sample of photos took.

    ``photos`` were read.  ``first`` is the time from the start of the workers until as many were
    read as there are ``workers``.  ``each`` is the time that a photo after that takes all of them
    together; ``nights`` of 8 hours are for 10,000 photos.
    """

    engine: str
    workers: int
    photos: int
    failed: list[Failure]
    faces: int
    megapixels: float
    first: float
    each: float
    nights: float
    stages: Stages

    def as_json(self) -> dict[str, object]:
        """Return it as what ``--json`` prints."""
        failed = [{"path": shown(each.path), "reason": each.reason} for each in self.failed]
        return asdict(self) | {"stages": self.stages._asdict(), "failed": failed}


def in_words(measured: Measured) -> list[str]:
    """Return what a user wants to know of it, a line each."""
    stages = measured.stages
    together = f"{measured.workers} worker" + ("s together" if measured.workers > 1 else "")
    nights = f": {measured.nights:.1f} nights of 8 hours" if measured.nights > 1 else ""
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
        f"10,000 photos like these take {measured.nights * NIGHT / 3600:.1f} hours{nights}.",
    ]
    return lines + _in_words(measured.failed)


def _in_words(failed: list[Failure]) -> list[str]:
    if not failed:
        return []
    more = len(failed) - _NAMED
    named = [str(each) for each in failed[:_NAMED]]
    return [f"{len(failed)} could not be read:", *named, *([f"  and {more} more"] * (more > 0))]


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
    """Read ``photos`` as the daemon does, and once more in this process, stage by stage.

    Raises FacewatchError when fewer than two can be read: the first one tells how long a start
    takes, so that it needs another one to tell how long a photo takes.
    """
    engine, limits = settings.engine, settings.limits
    worker = WorkerSettings(
        engine.detector or DEFAULT_DETECTOR,
        engine.encoder or DEFAULT_ENCODER,
        # Nothing is kept: root, who may ask, would make a cache that the daemon cannot write.
        replace(settings.setup, cache=None),
        limits.megapixels,
        limits.file_mb,
        limits.memory_mb,
    )
    readable, failed = photos, list[Failure]()
    while True:
        size = max(1, min(settings.workers, len(readable) // _ENOUGH))
        passed = through_workers(readable, worker, size, limits.seconds)
        readable, failed = list(passed.read), failed + passed.failed
        if len(readable) < _ENOUGH:
            raise _too_few(len(readable), failed)
        if len(readable) >= _ENOUGH * size:
            break  # else once more with fewer workers, without what cannot be read
    each = (passed.whole - passed.first) / (len(readable) - size)
    stages, megapixels = _stage_by_stage(readable, worker)
    return Measured(
        engine=f"{worker.detector} + {worker.encoder}",
        workers=size,
        photos=len(readable),
        failed=failed,
        faces=sum(len(each.result.faces) for each in passed.read.values()),
        megapixels=megapixels,
        first=passed.first,
        each=each,
        nights=each * _MANY / NIGHT,
        stages=stages,
    )


def _too_few(read: int, failed: list[Failure]) -> FacewatchError:
    photos = f"{read} photo" if read else "No photo"
    return FacewatchError(
        "\n".join([f"{photos} could be read; it takes {_ENOUGH} to measure.", *_in_words(failed)]),
        "Name a folder with more photos: facewatchctl bench FOLDER",
    )


def through_workers(
    photos: list[FileStat], worker: WorkerSettings, size: int, seconds: float
) -> Passage:
    """Read ``photos`` with ``size`` workers that start now."""
    pool = Pool(size, worker, seconds)
    waiting = [ReadPhoto(number, stat) for number, stat in enumerate(photos)]
    started = time.monotonic()
    first, ended = 0.0, 0
    read: dict[FileStat, PhotoRead] = {}
    failed = []
    try:
        while ended < len(photos):
            while waiting and pool.free:
                pool.submit(waiting.pop(), time.monotonic())
            wait(pool.connections(), timeout=1.0)
            for task, answer in pool.step(time.monotonic()):
                if not isinstance(task, ReadPhoto):
                    raise TypeError(task)
                if isinstance(answer, Hashed):
                    pool.answer(task, encode=True)
                    continue
                ended += 1
                if isinstance(answer, PhotoRead):
                    read[task.stat] = answer
                    first = first if len(read) > size else time.monotonic() - started
                else:
                    failed.append(Failure(task.stat.path, _reason(answer)))
        return Passage(first, time.monotonic() - started, read, failed)
    finally:
        pool.close()


def _reason(answer: Answer) -> str:
    match answer:
        case PhotoFailed(reason) | PhotoUnsupported(_, reason) | Lost(reason):
            return reason
        case _:
            return "It changed while it was read."


def _stage_by_stage(photos: list[FileStat], worker: WorkerSettings) -> tuple[Stages, float]:
    """Return the mean seconds of each stage and the mean size, in megapixels.

    ``photos`` were read before; one that cannot be read any more is left out.
    """
    detector = checked.detector(worker.detector, worker.setup)
    encoder = checked.encoder(worker.encoder, worker.setup)
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
            continue
        clock.append(time.perf_counter())
        faces = checked.detections(detector, picture.pixels)
        clock.append(time.perf_counter())
        checked.encodings(encoder, picture.pixels, faces)
        clock.append(time.perf_counter())
        spent = [s + b - a for s, a, b in zip(spent, clock[:-1], clock[1:], strict=True)]
        pixels += picture.width * picture.height
        read += 1
    return Stages(*(each / max(1, read) for each in spent)), pixels / max(1, read) / 1e6
