"""A worker process: read -> hash -> decode -> detect -> encode one photo.  It knows no database.

A file is read once, and everything is made from those bytes.

A child of the pool.  It is told its settings first, answers Ready when its engine is loaded, and
then does one task at a time.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from facewatchd import chatter, checked, logs, plugins
from facewatchd.decode import HASH_SIZE, Photo, capture_date, open_photo, read_capture_date
from facewatchd.encode import Engine, faces, faces_at, told_upright
from facewatchd.errors import PhotoError, PluginError, UnsupportedError
from facewatchd.landlock import confine
from facewatchd.model import (
    Answer,
    CropFace,
    Cropped,
    Dated,
    DatePhotos,
    EncodeFaces,
    FacesEncoded,
    FileStat,
    Hashed,
    Identity,
    Lost,
    NotReady,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoReadAgain,
    PhotoResult,
    PhotoUnsupported,
    ReadAgain,
    ReadPhoto,
    Ready,
    Told,
    WorkerSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

    from facewatchd.model import Task

_MIB = 1 << 20
# Seconds without a task after which memory is given back; between two small photos that would take
# a tenth of the time.
_PAUSE = 1.0
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}  # ELOOP: a symlink; ENXIO: a pipe


class _ChangedError(Exception):
    """The file is not, or no longer, what the scan saw."""


@dataclass(frozen=True, slots=True)
class Worker:
    """The engine of the library, after it maybe the next one, and the tasks it can do."""

    settings: WorkerSettings
    engines: tuple[Engine, ...]
    connection: Connection[Any, Any]

    def do(self, task: Task) -> Answer | None:
        """Return the answer to ``task``; None when the pool wants no more of it."""
        try:
            return self._answer(task)
        except (PhotoError, PluginError) as error:
            return _refusal(error)
        except _ChangedError:
            return PhotoChanged()
        except MemoryError:
            return Lost(f"It needed more than {self.settings.memory_mb:,} MB (limits.memory_mb).")

    def _answer(self, task: Task) -> Answer | None:
        match task:
            case DatePhotos(files):
                return Dated(tuple(_dates(files)))
            case ReadPhoto():
                return self._read(task)
            case ReadAgain():
                return self._read_again(task)
            case EncodeFaces():
                return self._encode(task)
            case CropFace():
                return self._crop(task)

    def _read(self, task: ReadPhoto) -> Answer | None:
        data = _bytes(task.stat, self.settings.file_mb)
        content = blake2b(data, digest_size=HASH_SIZE).digest()
        photo = Photo(data, self.settings.megapixels)
        if not photo.is_jpeg and self._told(Hashed(content)) is None:
            return None
        hash_, orientation, taken = photo.facts()
        captured = capture_date(taken, task.stat.path, task.stat.mtime_ns / 1e9, now=time.time())
        told = self._told(Hashed(content, Identity(hash_, orientation, captured)))
        if told is None:
            return None
        engines = self.engines
        if task.alone:
            told, engines = replace(told, always=()), engines[:1]
        picture = photo.picture(self.settings.setup.longest_side)
        found, *others = faces(picture, engines, told_upright(told, picture, orientation))
        return PhotoRead(
            content,
            PhotoResult(hash_, picture.width, picture.height, captured, found, orientation),
            others[0] if others else None,
        )

    def _read_again(self, task: ReadAgain) -> Answer:
        data = _bytes(task.stat, self.settings.file_mb)
        photo = Photo(data, self.settings.megapixels)
        hash_, orientation, taken = photo.facts()
        if hash_ != task.hash:
            # Older stores know photos by their file, and as lying the way that file shows them.
            if blake2b(data, digest_size=HASH_SIZE).digest() != task.hash:
                return PhotoFailed(
                    "The file is unchanged, and does not show the picture that it showed.",
                    "Another version of a decoder can be the reason; copy the file anew, so that"
                    " it is read as a new photo.",
                )
            hash_, orientation = task.hash, 1
        captured = capture_date(taken, task.stat.path, task.stat.mtime_ns / 1e9, now=time.time())
        picture = photo.picture(self.settings.setup.longest_side)
        told = told_upright(task.told, picture, orientation)
        [found] = faces(picture, self.engines[-1:], told)
        return PhotoReadAgain(
            PhotoResult(hash_, picture.width, picture.height, captured, found, orientation)
        )

    def _told(self, hashed: Hashed) -> Told | None:
        """Ask the pool what the user said of the photo; None when it is not to be read on."""
        self.connection.send(hashed)
        told: Told | None = self.connection.recv()
        return told

    def _encode(self, task: EncodeFaces) -> Answer:
        data = _bytes(task.stat, self.settings.file_mb)
        picture = Photo(data, self.settings.megapixels).picture(self.settings.setup.longest_side)
        return FacesEncoded(faces_at(picture, task.boxes, self.engines[0]))

    def _crop(self, task: CropFace) -> Answer:
        data = _bytes(task.stat, self.settings.file_mb)
        photo = Photo(data, self.settings.megapixels)
        return Cropped(photo.square(task.box, task.side, task.form))


def main(connection: Connection[Any, Any], only: str = "") -> None:
    """Serve the pool at the other end of ``connection`` until it closes it.

    With ``only`` "crops" no engine is loaded, and faces are cut out of known photos, no more.
    """
    settings: WorkerSettings = connection.recv()
    _confine(settings.setup.cache)
    try:
        engines = () if only == "crops" else load(settings)
    except PluginError as error:
        connection.send(NotReady(error.title, error.remedy))
        return
    worker = Worker(settings, engines, connection)
    _limit_memory(settings.memory_mb)
    chatter.at(None)
    connection.send(Ready())
    while True:
        if not connection.poll(_PAUSE):
            ctypes.CDLL(None).malloc_trim(0)  # or it would keep what its largest photo took
        task: Task = connection.recv()
        chatter.at(_about(task))
        answer = worker.do(task)
        chatter.at(None)
        if answer is not None:
            connection.send(answer)


def _about(task: Task) -> logs.About | None:
    """Return what is said while ``task`` is done is about."""
    match task:
        case DatePhotos():
            return None
        case ReadPhoto(file, stat) | ReadAgain(file=file, stat=stat):
            return logs.photo(stat.path, file)
        case EncodeFaces() | CropFace():
            return logs.photo(task.stat.path)


def _confine(cache: Path | None) -> None:
    """Give up to write outside of ``cache``, before any picture or plugin is looked at."""
    if cache is not None:
        with suppress(OSError):  # whoever wants to write there says so
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    confine([] if cache is None else [cache])


def load(settings: WorkerSettings) -> tuple[Engine, ...]:
    """Return the engines that ``settings`` name, with their weights; PluginError if one fails."""
    detectors: dict[str, plugins.Detector] = {}
    engines = []
    for detector, encoder in settings.engines:
        finds, encodes = plugins.detector(detector), plugins.encoder(encoder)
        plugins.check_together(finds, encodes)
        if detector not in detectors:
            detectors[detector] = checked.detector(detector, settings.setup)
        engines.append(Engine(detectors[detector], checked.encoder(encoder, settings.setup)))
    return tuple(engines)


def _refusal(error: PhotoError | PluginError) -> PhotoFailed | PhotoUnsupported:
    if isinstance(error, UnsupportedError):
        return PhotoUnsupported(error.kind, f"{error.title} {error.remedy}")
    return PhotoFailed(error.title, error.remedy)


def _dates(files: tuple[tuple[int, bytes], ...]) -> Iterator[tuple[int, Any]]:
    now = time.time()
    for file, path in files:
        try:
            yield file, read_capture_date(path, now)
        except OSError:  # vanished, or not to be read: reading it tells
            continue


def _bytes(stat: FileStat, file_mb: float) -> bytes:
    """Return the content of a photo; _ChangedError when it is not, or does not stay, ``stat``."""
    path = stat.path
    try:
        with open_photo(path) as file:
            before = FileStat.of(path, os.fstat(file.fileno()))
            if stat != before:
                raise _ChangedError
            _check_size(before.size, file_mb)
            data = b"".join(iter(lambda: file.read(16 * _MIB), b""))
            after = FileStat.of(path, os.fstat(file.fileno()))
            if len(data) != before.size or after != before:
                raise _ChangedError
            return data
    except OSError as error:
        if error.errno in _GONE or isinstance(error, FileNotFoundError):
            raise _ChangedError from error
        raise PhotoError(
            f"The file cannot be read: {error.strerror}.",
            "Let the account that facewatchd runs as read it, and check the disk it is on.",
        ) from error


def _check_size(size: int, file_mb: float) -> None:
    if size > file_mb * 1e6:
        raise PhotoError(
            f"The file has {size / 1e6:,.0f} MB; the limit is {file_mb:,g} (limits.file_mb).",
            "Raise limits.file_mb if it is a real photo.",
        )


def _limit_memory(megabytes: int) -> None:
    """Let this process take ``megabytes`` more than it has now.

    RLIMIT_DATA counts what is written to (heap, private maps), where RLIMIT_AS would also count
    address space that libraries only reserve.
    """
    with open("/proc/self/status", encoding="ascii") as status:
        in_use = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    limit = in_use + megabytes * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))
