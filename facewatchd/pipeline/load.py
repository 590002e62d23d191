"""How much of the processors others use: all programs but the daemon and its children."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")

# Of the fields of "cpu" in proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
_FIELDS = 8
_BUSY = (0, 1, 2, 5, 6)
# Of proc_pid_stat(5) behind the name: the parent, and the time of the process and of its children
# that were waited for: utime, stime, cutime, cstime.
_PARENT = 1
_TIMES = slice(11, 15)


class _Sample(NamedTuple):
    """Time since the boot, in ticks, of all processors together."""

    all: int
    busy: int
    own: int


class Load:
    """Compares two looks at what the kernel counts.

    Neither the load average nor the pressure (PSI) of the kernel says whose it is: either would
    have the daemon's own work stop it.
    """

    def __init__(self, proc: Path = PROC, pid: int | None = None) -> None:
        self._proc = proc
        self._pid = os.getpid() if pid is None else pid
        self._before: _Sample | None = None

    def forget(self) -> None:
        """Begin anew: the next look is the first one."""
        self._before = None

    def others(self) -> float | None:
        """Return the share of all processors, 0 to 1, that others used since the last look.

        None at the first one, and where the kernel does not tell.
        """
        before, self._before = self._before, self._look()
        now = self._before
        if before is None or now is None or now.all <= before.all:
            return None
        others = now.busy - before.busy - (now.own - before.own)
        return min(1.0, max(0.0, others / (now.all - before.all)))

    def _look(self) -> _Sample | None:
        try:
            line = (self._proc / "stat").read_text(encoding="ascii").split("\n", 1)[0]
            own = self._own()
        except OSError:
            return None
        fields = [int(field) for field in line.split()[1 : 1 + _FIELDS]]
        return _Sample(sum(fields), sum(fields[i] for i in _BUSY), own)

    def _own(self) -> int:
        """Return the time of the daemon, of its children, and of those that have ended."""
        own = 0
        for folder in self._proc.iterdir():
            if folder.name.isdigit():
                with suppress(OSError):  # it has ended meanwhile, or is hidden from us
                    text = (folder / "stat").read_text(encoding="ascii", errors="replace")
                    fields = re.sub(r"^.*\) ", "", text, flags=re.DOTALL).split()
                    if self._pid in {int(folder.name), int(fields[_PARENT])}:
                        own += sum(map(int, fields[_TIMES]))
        return own
