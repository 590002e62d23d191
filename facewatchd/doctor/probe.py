"""Checks in a process of their own: storage may hang, and an engine may crash.

A child of the doctor: it receives one question, answers it, and ends.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from facewatchd.child import Child
from facewatchd.doctor.finding import EnginesSeen, FolderSeen, HardwareSeen, RootSeen
from facewatchd.doctor.rights import shuts_out_what_comes, takes_acl
from facewatchd.errors import FacewatchError
from facewatchd.scan import Ignore, Seen, Walk, is_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.connection import Connection
    from pathlib import Path
    from typing import TypeVar

    from facewatchd.doctor.sight import Sight
    from facewatchd.model import Setup

    _T = TypeVar("_T")

_COUNTS_FOR = 20.0  # seconds; a larger root is counted in part
_LEAVES_WITHIN = 2.0
_LOOKED_AT = 3  # photos of a folder


class ProbeError(Exception):
    """A probe gave no answer; the message is the end of a sentence."""


class SilentError(ProbeError):
    """It hangs."""


class CrashError(ProbeError):
    """It ended without an answer."""


class IllegalInstructionError(CrashError):
    """It ended at an instruction that the processor does not know (SIGILL)."""


def ask(question: Callable[..., _T], *args: object, patience: float, **named: object) -> _T:
    """Answer ``question`` (a function of this module) in another process.

    Raises SilentError after ``patience`` seconds, CrashError when the process ends before.
    """
    child = Child(__name__, silent=True)  # the finding says what there is to say
    try:
        child.send((question.__name__, args, named))
        if not child.connection.poll(patience):
            raise SilentError(f"does not answer within {patience:g} s")
        answer: _T = child.connection.recv()
    except (EOFError, ConnectionError) as error:
        how = child.end_in_words()
        raise (IllegalInstructionError if "(SIGILL)" in how else CrashError)(how) from error
    else:
        return answer
    finally:
        child.close(_LEAVES_WITHIN)


def root(path: bytes, patterns: Iterable[str], own: Iterable[bytes], sight: Sight) -> RootSeen:
    """Look at a root as the daemon does; ``own`` are its output and state folder."""
    walk = Walk(Ignore(path, patterns, own))  # loads what it needs while we may
    above = sight.enter(path)
    if above:
        return RootSeen(above=above)
    acl, group = takes_acl(path), _reading_group(path)
    try:
        os.scandir(path).close()
    except OSError as error:
        return RootSeen(error, group=group, acl=acl)
    until = time.monotonic() + _COUNTS_FOR
    folders, whole = 0, True
    closed, unreadable, shut = [], [], []
    for seen in walk.deep(path):
        if isinstance(seen, Seen):
            folders += 1
            unreadable += [photo for photo in _some(seen) if not os.access(photo, os.R_OK)]
            if shuts_out_what_comes(seen.folder, sight.account):
                shut.append(seen.folder)
        else:
            closed.append(seen.folder)
        if time.monotonic() > until:
            whole = False
            break
    found = tuple(closed), tuple(unreadable), tuple(shut)
    return RootSeen(None, folders, whole, *found, group=group, acl=acl)


def _some(seen: Seen) -> Iterable[bytes]:
    """Return some photos of a folder: they were mostly made by the same program."""
    paths = (os.path.join(seen.folder, name) for name, *_ in seen.files)
    return islice(filter(is_picture, paths), _LOOKED_AT)


def _reading_group(path: bytes) -> int | None:
    """Return the group of a folder if that may list it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    reads = stat.S_IRGRP | stat.S_IXGRP
    return found.st_gid if found.st_mode & reads == reads else None


def folder(path: bytes, sight: Sight, *, links: bool) -> FolderSeen:
    """Look at the output or the state folder; ``links`` tries a symlink in it, where it exists."""
    if above := sight.enter(path):
        return FolderSeen(path, above=above)
    nearest = path
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        return FolderSeen(nearest, trouble=NotADirectoryError(errno.ENOTDIR, "no folder"))
    writable = os.access(nearest, os.W_OK | os.X_OK)
    disk = os.statvfs(nearest)
    return FolderSeen(
        nearest,
        writable,
        disk.f_bavail * disk.f_frsize,
        _try_link(nearest) if links and writable and nearest == path else None,
        acl=takes_acl(nearest),
        read_only=bool(disk.f_flag & os.ST_RDONLY),
    )


def way(path: bytes, sight: Sight) -> tuple[bytes, ...]:
    """Return the folders above ``path`` that cannot be passed."""
    return sight.enter(path)


def engines(detector: str, encoder: str, setup: Setup) -> EnginesSeen:
    """Load the engine, weights and all, and have it look at an empty picture.

    Nothing is kept: root, who may ask, would make a cache that the daemon cannot write.
    """
    import numpy as np  # noqa: PLC0415 -- the other probes need no numpy

    from facewatchd import checked, plugins  # noqa: PLC0415 -- the same
    from facewatchd.model import Box, Detection  # noqa: PLC0415 -- the same

    picture, setup = np.zeros((200, 200, 3), np.uint8), replace(setup, cache=None)
    try:
        plugins.check_together(plugins.detector(detector), plugins.encoder(encoder))
        checked.detections(checked.detector(detector, setup), picture)
        points = ((75.0, 85.0), (125.0, 85.0), (100.0, 105.0), (80.0, 130.0), (120.0, 130.0))
        face = Detection(Box(50, 50, 150, 150), 1.0, points)
        checked.encodings(checked.encoder(encoder, setup), picture, [face])
    except FacewatchError as error:
        return EnginesSeen(error.title, error.remedy)
    except ImportError as error:
        return EnginesSeen(f"It cannot be loaded: {error}.", "Install what is missing.")
    return EnginesSeen()


def library(name: str) -> str | None:
    """Import a native library and have it do something; return what it says against that."""
    from facewatchd.doctor import trials  # noqa: PLC0415 -- the other probes need no numpy

    try:
        trials.TRIALS[name]()
    except Exception as error:  # noqa: BLE001 -- a broken library may raise anything
        return f"it cannot be used: {type(error).__name__}: {error}"
    return None


def model(path: Path) -> str | None:
    """Have ONNX Runtime load a model on the processor; return what it says against that."""
    from facewatchd.engines.session import session  # noqa: PLC0415 -- the other probes need it not

    try:
        session(path)
    except FacewatchError as error:
        return error.title
    return None


def hardware(wish: str) -> HardwareSeen:
    """Have ONNX Runtime compute on ``wish``, a value of engine.hardware."""
    from facewatchd.doctor import trials  # noqa: PLC0415 -- the other probes need no numpy
    from facewatchd.engines.session import providers_installed  # noqa: PLC0415 -- the same

    installed = tuple(providers_installed())
    try:
        return HardwareSeen(installed, trials.computes_on(wish))
    except FacewatchError as error:
        return HardwareSeen(installed, title=error.title)


def _try_link(folder: bytes) -> OSError | None:
    """Make a symlink in ``folder`` and remove it; return what stood in the way."""
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=b".facewatchd-doctor-") as own:
            os.symlink(b"../target", own + b"/link")
            os.readlink(own + b"/link")
    except OSError as error:
        return error
    return None


def main(connection: Connection[Any, Any]) -> None:
    """Answer the question that comes over ``connection``."""
    folders: tuple[Callable[..., Any], ...] = (root, folder, way)
    known: tuple[Callable[..., Any], ...] = (*folders, engines, library, model, hardware)
    questions = {question.__name__: question for question in known}
    name, args, named = connection.recv()
    connection.send(questions[name](*args, **named))
