"""What the daemon costs while nothing happens, with a large library in its store.

Run from the repository: ``python -m bench.idle [--faces 100000] [--seconds 600] [--json]``.  It
makes a library: small files, and a store whose rows match them, with faces around made people.  The
real daemon is started on it and left alone until it has come to rest; no photo is encoded.  Then
these are measured over all of its processes, and held against what is promised:

- the time of processors, in user and system mode, over ``--seconds``;
- memory, as the sum of PSS (shared pages counted once), at the beginning and at the end.

With ``--recluster`` all faces are clustered before, and what that took must have been given back.
Ends with exit code 1 when a promise does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from bench.library import make_store, make_tree
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROMISED_SECONDS = 0.1  # of processors, in so many seconds:
_PROMISED_OVER = 600
_PROMISED_MB = 100.0
_FACES_A_PHOTO = 2
_FILES_A_FOLDER = 100
_PATIENCE = 7200.0
_COMES_TO_REST = 90.0  # seconds: processes that have no work end after 30, and the last report


class Cost(NamedTuple):
    """What a process and all below it took so far, and hold now."""

    cpu_seconds: float
    pss_mb: float
    processes: int


def cost(pid: int) -> Cost:
    """Return what the process ``pid`` and all below it cost, its former children included."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    buried = process.cpu_times()
    return Cost(
        sum(_cpu(member.pid) for member in family) + buried.children_user + buried.children_system,
        sum(member.memory_full_info().pss for member in family) / 1e6,
        len(family),
    )


def _cpu(pid: int) -> float:
    """Return seconds of processors to the nanosecond, where /proc/PID/stat has hundredths.

    The number of a process's clock is made as in clock_getcpuclockid(3).
    """
    return time.clock_gettime(~pid << 3 | 2)


def measure(faces: int, seconds: float, *, recluster: bool) -> dict[str, object]:
    """Make the library, start the daemon, let it come to rest, and measure."""
    with tempfile.TemporaryDirectory() as home:
        daemon = Daemon(Path(home), ["--log-level", "warning"])
        photos = max(1, faces // _FACES_A_PHOTO)
        paths = make_tree(daemon.photos, photos, -(-photos // _FILES_A_FOLDER))
        make_store(daemon.state / "store.db", paths, _FACES_A_PHOTO)
        daemon.start()
        try:
            status = daemon.wait_until_idle(_PATIENCE)
            if recluster:
                daemon.recluster(_PATIENCE)
                status = daemon.wait_until_idle(_PATIENCE)
            daemon.wait_for(lambda: daemon.status()["workers"] == 0, _PATIENCE)
            time.sleep(_COMES_TO_REST)
            before = cost(status["pid"])
            time.sleep(seconds)
            after = cost(status["pid"])
        finally:
            daemon.stop()
    used = after.cpu_seconds - before.cpu_seconds
    promised = _PROMISED_SECONDS * seconds / _PROMISED_OVER
    memory = max(before.pss_mb, after.pss_mb)
    return {
        "faces": status["faces"],
        "people": status["people"],
        "photos": status["photos"],
        "links": status["output"]["links"],
        "processes": after.processes,
        "seconds": seconds,
        "CPU seconds": used,
        "CPU seconds promised": promised,
        "MB (sum of PSS)": memory,
        "MB promised": _PROMISED_MB,
        "holds": used <= promised and memory <= _PROMISED_MB,
    }


def main() -> None:
    """Measure, print, and say whether the promises hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=float(_PROMISED_OVER))
    parser.add_argument("--recluster", action="store_true", help="cluster all faces before")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    report = measure(options.faces, options.seconds, recluster=options.recluster)
    print(json.dumps(report, indent=2) if options.json else "\n".join(_lines(report)))
    sys.exit(not report["holds"])


def _lines(report: dict[str, object]) -> Iterator[str]:
    for name, value in report.items():
        shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
        yield f"{name:24s}{shown:>12s}"


if __name__ == "__main__":
    main()
