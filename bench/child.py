"""Runs one piece of work in a process of its own, and says what it took.

The work is prepared first: it reads its files and imports what it needs.  Only then the clock
starts, and memory is measured: the peak of the resident set during the work less the set before.
(The kernel keeps that peak in VmHWM, and sets it anew on writing 5 to clear_refs, see proc(5);
ru_maxrss would also hold what the process had before, and what the one that started it has.)
"""

from __future__ import annotations

import multiprocessing
import re
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

Result = TypeVar("Result")


class Measured(NamedTuple, Generic[Result]):
    """What the work returned, how long it took, and its memory in MB.

    ``rise`` is by how much the peak rose over what was resident before, ``peak`` the peak itself.
    """

    result: Result
    seconds: float
    rise: float
    peak: float


class DidNotFitError(Exception):
    """The work took more time or more memory than it was given."""


def alone(
    prepare: Callable[..., Callable[[], Result]],
    *arguments: object,
    seconds: float | None = None,
    gigabytes: float | None = None,
) -> Measured[Result]:
    """Return what ``prepare(*arguments)()`` took in a process of its own.

    ``prepare`` and ``arguments`` can be pickled.  What the work raises is raised here.
    DidNotFitError when it is not done within ``seconds``, counted from the start of the process, or
    asks for more than ``gigabytes`` of memory in all.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_child, args=(theirs, gigabytes, prepare, arguments))
    process.start()
    theirs.close()
    try:
        with ours:
            if not ours.poll(seconds):
                raise DidNotFitError(f"not done after {seconds:,.0f} s")
            answer = ours.recv()
    except EOFError:
        process.join()
        raise DidNotFitError(f"died with exit code {process.exitcode}") from None
    finally:
        process.terminate()
        process.join()
        process.close()
    if isinstance(answer, MemoryError) and gigabytes is not None:
        raise DidNotFitError(f"more than {gigabytes:g} GB")
    if isinstance(answer, BaseException):
        raise answer
    measured: Measured[Result] = answer
    return measured


def _child(
    connection: Connection[Any, Any],
    gigabytes: float | None,
    prepare: Callable[..., Callable[[], object]],
    arguments: tuple[object, ...],
) -> None:
    if gigabytes is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 1e9), hard))
    try:
        run = prepare(*arguments)
        before = _start_anew()
        start = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - start
        peak = _kilobytes("VmHWM")
        connection.send(Measured(result, seconds, (peak - before) / 1024, peak / 1024))
    except Exception as error:  # noqa: BLE001 - it is raised where the work was asked for
        connection.send(error)


def _start_anew() -> int:
    """Forget the peak of memory until now, and return what is resident, in kB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _kilobytes("VmRSS")


def _kilobytes(field: str) -> int:
    found = re.search(
        rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    if found is None:
        raise OSError(f"/proc/self/status has no {field}")
    return int(found[1])
