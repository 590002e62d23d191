"""Which kind of file system a folder lies on."""

from __future__ import annotations

import re
from pathlib import Path

# SQLite's write-ahead log needs memory that is shared between processes of one machine.
NETWORK = re.compile(r"nfs\d?|cifs|smb\d?|smbfs|9p|ceph|glusterfs|afs|fuse\..*|fuse|fuseblk|davfs")


def filesystem_type(path: Path, mountinfo: str) -> str:
    """Return the type (``ext4``, ``nfs4``, ``fuse.sshfs``) of the file system that holds ``path``.

    ``mountinfo`` is the text of /proc/self/mountinfo, see proc(5); ``path`` is resolved.
    """
    best, kind = Path("/"), ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        place = Path(_unescaped(before.split()[4]))
        if path.is_relative_to(place) and len(place.parts) >= len(best.parts):
            best, kind = place, after.split()[0]
    return kind


def is_network(path: Path) -> bool:
    """Whether ``path`` lies on another machine's disk, or behind a FUSE program."""
    kind = filesystem_type(path, Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    return NETWORK.fullmatch(kind) is not None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), text)
