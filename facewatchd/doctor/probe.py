"""Checks in a process of their own: storage may hang, and an engine may crash.

A child of the doctor: it receives one question, answers it, and ends.
"""

from __future__ import annotations

import errno
import os
import tempfile
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from facewatchd.child import Child
from facewatchd.doctor.finding import EnginesSeen, FolderSeen, HardwareSeen, RootSeen
from facewatchd.errors import FacewatchError
from facewatchd.scan import Ignore, Seen, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from multiprocessing.connection import Connection
    from pathlib import Path
    from typing import TypeVar

    from facewatchd.model import Setup

    _T = TypeVar("_T")

_COUNTS_FOR = 20.0  # seconds; a larger root is counted in part
_LEAVES_WITHIN = 2.0


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
    child = Child(__name__)
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


def root(path: bytes, patterns: Iterable[str], own: Iterable[bytes]) -> RootSeen:
    """Look at a root as the daemon does; ``own`` are its output and state folder."""
    try:
        os.scandir(path).close()
    except OSError as error:
        return RootSeen(trouble=error)
    until = time.monotonic() + _COUNTS_FOR
    folders, closed = 0, []
    for seen in Walk(Ignore(path, patterns, own)).deep(path):
        if isinstance(seen, Seen):
            folders += 1
        else:
            closed.append(seen.folder)
        if time.monotonic() > until:
            return RootSeen(None, folders, False, len(closed), closed[0] if closed else b"")
    return RootSeen(None, folders, True, len(closed), closed[0] if closed else b"")


def folder(path: bytes, *, links: bool) -> FolderSeen:
    """Look at the output or the state folder; ``links`` tries a symlink in it, where it exists."""
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
        os.stat(nearest).st_uid,
        disk.f_bavail * disk.f_frsize,
        _try_link(nearest) if links and writable and nearest == path else None,
    )


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
    known: tuple[Callable[..., Any], ...] = (root, folder, engines, library, model, hardware)
    questions = {question.__name__: question for question in known}
    name, args, named = connection.recv()
    connection.send(questions[name](*args, **named))
