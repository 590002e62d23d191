"""Facts about this machine and what is installed on it, for ``doctor`` and ``bugreport``."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

# Those of x86-64 (AVX and its like) and arm64 (asimd) that dlib, numpy and onnxruntime ask for.
_FEATURES = frozenset(("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "asimddp", "sve"))


class Processor(NamedTuple):
    """``features`` are those of the processor's that numerical libraries choose by."""

    architecture: str
    features: tuple[str, ...]
    cores: int


class Inotify(NamedTuple):
    """The limits of fs.inotify, see inotify(7)."""

    watches: int
    instances: int
    events: int


def processor(cpuinfo: str | None = None) -> Processor:
    """Return what kind of processor this is, from the text of /proc/cpuinfo."""
    text = Path("/proc/cpuinfo").read_text(errors="replace") if cpuinfo is None else cpuinfo
    named = re.search(r"^(?:flags|Features)\s*:\s*(.*)$", text, re.MULTILINE)
    features = _FEATURES & set(named[1].split() if named else ())
    return Processor(platform.machine(), tuple(sorted(features)), len(os.sched_getaffinity(0)))


def inotify() -> Inotify:
    """Return the limits that hold for this user; none are 0, on kernels without inotify."""
    folder = Path("/proc/sys/fs/inotify")
    if not folder.is_dir():
        return Inotify(0, 0, 0)
    names = ("max_user_watches", "max_user_instances", "max_queued_events")
    return Inotify(*(int((folder / name).read_text()) for name in names))


def booted_with_systemd() -> bool:
    """Whether systemd is the service manager, see sd_booted(3)."""
    return Path("/run/systemd/system").is_dir()


def is_service(pid: int) -> bool:
    """Whether the process runs as a service of systemd's."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text(errors="replace")
    except OSError:  # it has ended
        return False
    return re.search(r"\.service(/|$)", groups, re.MULTILINE) is not None


def in_container() -> bool:
    """Whether this runs in a container, by the marks that Docker, Podman and nspawn leave."""
    marks = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")
    return any(Path(mark).exists() for mark in marks)


def libc() -> str:
    """Return name and version of the C library; musl does not tell, and is called "another"."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "another"
    except (ValueError, OSError):
        return "another"


def versions() -> dict[str, str]:
    """Return the versions of Python, SQLite, and of each dependency that is installed."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _dependencies():
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _dependencies() -> list[str]:
    """Return the names of our dependencies, and dlib's other name as a wheel."""
    try:
        stated = requires("facewatchd") or []
    except PackageNotFoundError:  # run from a folder of sources
        stated = []
    names = {match[0] for line in stated if (match := re.match(r"[\w.-]+", line))}
    return sorted(names | {"dlib-bin"})
