"""A report for whoever mends the program: versions, counts and limits, nothing of the photos."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facewatchd import __version__, machine
from facewatchd.bugreport.own_words import OwnWords

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLDS = (
    "It holds versions, limits, counts and the program's own words; no face, no name, no path, "
    "no file. Read it before you send it."
)
# Words that are nobody's and of which the program's source does not speak: what cameras and phones
# write, and FUSE programs.
_KINDS = frozenset(
    (
        *(".3gp", ".aae", ".arw", ".avi", ".cr2", ".cr3", ".crw", ".dng", ".gpr", ".json"),
        *(".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mts", ".nef", ".nrw", ".orf", ".pdf"),
        *(".pef", ".psd", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srw", ".svg", ".thm"),
        *(".txt", ".wmv", ".x3f", ".xmp", ".zip", "fuse.bindfs", "fuse.encfs"),
        *("fuse.glusterfs", "fuse.gocryptfs", "fuse.mergerfs", "fuse.rclone", "fuse.s3fs"),
        *("fuse.shfs", "fuse.sshfs", "fuse.unionfs"),
    )
)


def report(status: dict[str, Any] | None, reasons: Iterable[str], trouble: str | None) -> Any:
    """Return the report, made of numbers, truth values and the program's own words.

    ``status`` is the daemon's, or its last; ``reasons`` say why files failed, ``trouble`` why the
    daemon did not answer.
    """
    own = OwnWords(_KINDS | _file_systems())
    kinds = Counter(own.of(reason) for reason in reasons)
    return {
        "holds": HOLDS,
        "versions": {
            "facewatchd": __version__,
            **{name: _version(number) for name, number in machine.versions().items()},
        },
        "machine": _machine(status),
        "trouble": None if trouble is None else own.of(trouble),
        "status": None if status is None else _public(status, own),
        "errors": [{"kind": kind, "files": files} for kind, files in kinds.most_common()],
    }


def _machine(status: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "kernel": _version(Path("/proc/sys/kernel/osrelease").read_text()),
        "libc": machine.libc(),
        "processor": machine.processor()._asdict(),
        "inotify": machine.inotify()._asdict(),
        "systemd": machine.booted_with_systemd(),
        "service": _is_service((status or {}).get("pid")),
        "container": machine.in_container(),
    }


def _is_service(pid: object) -> bool:
    return isinstance(pid, int) and machine.is_service(pid)


def _public(value: Any, own: OwnWords) -> Any:
    """Keep numbers and truth values; put texts into the program's own words, and count paths."""
    match value:
        case {"rule": str(rule), **rest}:  # "*.tmp (built in)": the rule, and where it stands
            return {"rule": own.of(rule.rpartition(" (")[0]), **_public(rest, own)}
        case dict():
            return {own.of(key): _public(part, own) for key, part in value.items()}
        case list() if value and all(isinstance(part, str) for part in value):
            return len(value)
        case list():
            return [_public(part, own) for part in value]
        case str():
            return own.of(value)
        case int() | float() | None:
            return value
    raise TypeError(f"{type(value).__name__} is not of a status.")


def _version(text: str) -> str:
    """Return the numbers in front: whoever builds a package or a kernel may add a name to it."""
    numbers = re.match(r"\d+(\.\d+)*", text)
    return numbers[0] if numbers else "unknown"


def _file_systems() -> set[str]:
    """Return the types of file systems that this kernel knows."""
    lines = Path("/proc/filesystems").read_text(errors="replace").splitlines()
    return {line.split("\t")[-1] for line in lines}
