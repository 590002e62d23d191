"""What is mounted where: whether its file system reports changes, and its lasting name."""

from __future__ import annotations

import os
import re
import select
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# SQLite's write-ahead log needs memory that is shared between processes of one machine.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|9p|ceph|glusterfs|afs|fuse|fuse\..*|fuseblk|davfs|virtiofs|vboxsf"
    r"|lustre|gpfs|beegfs|orangefs|coda"
)

# Only this machine's kernel changes what lies on these, so it sees each change and reports it.
# FUSE programs and shares change behind its back; fuseblk (NTFS, exFAT) is a disk of our own.
# A kind that is not named here is polled: that costs a walk now and then, while trusting events
# that never come costs photos. The setting `watch: events` overrides it.
_LOCAL = re.compile(
    r"ext[234]|btrfs|xfs|zfs|bcachefs|f2fs|jfs|reiserfs|reiser4|nilfs2|ufs|minix|ubifs|jffs2"
    r"|vfat|msdos|exfat|ntfs3?|fuseblk|hfs|hfsplus|apfs|udf|iso9660|squashfs|erofs"
    r"|tmpfs|ramfs|rootfs|devtmpfs|overlay|overlayfs|aufs|ecryptfs|shiftfs"
)

_HOMES = {b"/home", b"/root", b"/run/user"}
_TEMPORARY = {b"/tmp", b"/var/tmp"}


class Mount(NamedTuple):
    """One line of the kernel's list.

    ``place`` is where it is mounted, ``source`` what (a device, a share, a pool's data set),
    ``inside`` the folder of the file system that is seen there (a subvolume, or what a bind mount
    shows), ``kind`` the type of the file system, ``uuid`` its UUID where that is known.
    """

    place: bytes
    source: bytes
    kind: str
    inside: bytes
    uuid: str | None

    @property
    def identity(self) -> str:
        """The lasting name of what is mounted, in printable ASCII.

        The numbers and names of devices change at boot (btrfs, ZFS, NFS, USB), so a UUID comes
        first where there is one; what has none (a share, a data set, tmpfs) has a lasting source.
        """
        inside = quote_from_bytes(self.inside)
        if self.uuid is not None:
            return f"UUID={self.uuid} {inside}"
        return f"{self.kind} {quote_from_bytes(self.source, safe='/:')} {inside}"


class Mounts:
    """All mounts that this process sees.

    ``mountinfo`` is the content of /proc/self/mountinfo, see proc_pid_mountinfo(5);
    ``uuid`` tells the UUID of a file system by its device's number (``b"8:1"``) and its source.
    """

    def __init__(self, mountinfo: bytes, uuid: Callable[[bytes, bytes], str | None]) -> None:
        lines = [_Line(line, uuid) for line in mountinfo.split(b"\n") if line]
        # What the root of the tree stands on is not in the list, or the root stands on itself.
        known = {line.number for line in lines}
        self._over = {
            (
                line.parent if line.parent in known and line.parent != line.number else None,
                line.mount.place,
            ): line
            for line in lines
        }
        self._lines = lines

    def holding(self, path: bytes) -> Mount:
        """Return what is mounted at or nearest above ``path`` (absolute and resolved).

        Where nothing is (a process confined to a folder by chroot), the kind is empty.
        """
        line = self._reached(path)
        return line.mount if line else Mount(b"/", b"", "", b"/", None)

    def hides(self, path: bytes) -> bool:
        """Whether a unit of systemd has put something of its own over ``path``.

        That is what ``ProtectHome=`` and ``PrivateTmp=`` do, see systemd.exec(5).
        """
        over = self.holding(path)
        if over.place in _HOMES:
            return over.kind == "tmpfs"  # an empty one, or a closed folder of systemd's in /run
        return over.place in _TEMPORARY and b"/systemd-private-" in over.inside

    def below(self, path: bytes) -> list[Mount]:
        """Return what can be reached strictly below ``path``, in the order of the places.

        Left out are mounts hidden below a later one, and autofs's placeholders.
        """
        start = path.rstrip(b"/") + b"/"
        found = [
            line.mount
            for line in self._lines
            if line.mount.place.startswith(start)
            and line.mount.place != start
            and line.mount.kind != "autofs"
            and self._reached(line.mount.place) is line
        ]
        return sorted(found)

    def _reached(self, path: bytes) -> _Line | None:
        """Walk to ``path`` as the kernel does, entering each mount that stands in the way."""
        current: _Line | None = None
        for place in _places(path):
            while over := self._over.get((current.number if current else None, place)):
                current = over
        return current


class _Line:
    """A mount with its number and the number of the mount that it stands on."""

    def __init__(self, line: bytes, uuid: Callable[[bytes, bytes], str | None]) -> None:
        # Split at single spaces: an empty source leaves two of them side by side.
        before, _, after = line.partition(b" - ")
        self.number, self.parent, device, inside, place = before.split(b" ")[:5]
        kind, source = (unescaped(field) for field in after.split(b" ")[:2])
        self.mount = Mount(
            place=unescaped(place),
            source=source,
            kind=kind.decode("ascii", "backslashreplace"),
            inside=unescaped(inside),
            uuid=uuid(device, source),
        )


def read_mounts() -> Mounts:
    """Read what is mounted now.  No mounted file system is touched, so nothing can hang."""
    by_device = _uuids()

    def uuid(device: bytes, source: bytes) -> str | None:
        # btrfs has a number of no device, but names one of its devices as the source.
        known = by_device.get(device) or by_device.get(source)
        if known is None and source.startswith(b"/dev/"):
            known = by_device.get(_device(source))
        return known

    return Mounts(_mountinfo(), uuid)


def has_events(kind: str) -> bool:
    """Whether inotify reports every change on a file system of this kind."""
    return _LOCAL.fullmatch(kind) is not None


def is_network(path: Path) -> bool:
    """Whether ``path`` lies on another machine's disk, or behind a FUSE program."""
    return is_remote(read_mounts().holding(os.fsencode(path.resolve())).kind)


def is_remote(kind: str) -> bool:
    """Whether a file system of this kind lies elsewhere, or behind a FUSE program.

    An unknown kind is taken for local: this keeps a daemon from starting, `has_events` does not.
    """
    return _NETWORK.fullmatch(kind) is not None


def unescaped(text: bytes) -> bytes:
    """Return a field of mountinfo or fstab(5) without the octal escapes in it."""
    return re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 255]), text)


class MountChanges:
    """Tells when something was mounted, moved or unmounted.

    Can be waited for (``multiprocessing.connection.wait``, by its `fileno`).  It is reported as
    ready once for each change, and then forgets: `drain` it whenever it was.
    """

    def __init__(self) -> None:
        self._file = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._epoll = select.epoll()
        self._epoll.register(self._file, select.EPOLLPRI)
        self._last = _mountinfo()

    def fileno(self) -> int:
        """Return the descriptor that becomes readable at a change."""
        return self._epoll.fileno()

    def drain(self) -> bool:
        """Return whether the mounts are others than at the last call.

        Compares, because whoever waited has already taken the kernel's one notice.
        """
        self._epoll.poll(0)
        before, self._last = self._last, _mountinfo()
        return self._last != before

    def close(self) -> None:
        """Watch no longer."""
        self._epoll.close()
        os.close(self._file)


def _mountinfo() -> bytes:
    """Read the list until it is twice the same: the kernel gives it out in pieces."""
    file = Path("/proc/self/mountinfo")
    before, now = b"", file.read_bytes()
    while now != before:
        before, now = now, file.read_bytes()
    return now


def _uuids() -> dict[bytes, str]:
    """Map devices' numbers to the UUIDs of their file systems, as udev and btrfs know them."""
    found = {_device(os.fsencode(link)): link.name for link in _entries(Path("/dev/disk/by-uuid"))}
    # udev names one device of a btrfs, mountinfo perhaps another.
    for fs in _entries(Path("/sys/fs/btrfs")):
        for member in _entries(fs / "devices"):
            device = b"/dev/" + os.fsencode(member.name)
            found[device] = found[_device(device)] = fs.name  # a container has only the name
    found.pop(b"", None)
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # a container has no udev, most have no btrfs
        return []


def _device(source: bytes) -> bytes:
    """Return the number of the device with this name, ``b"8:1"``; empty when it is none."""
    try:
        number = os.stat(source).st_rdev
    except (OSError, ValueError):  # a disk that was just pulled out
        return b""
    return b"%d:%d" % (os.major(number), os.minor(number))


def _places(path: bytes) -> Iterator[bytes]:
    """Yield ``/``, then each folder on the way to ``path``, and ``path``."""
    yield b"/"
    at = path.find(b"/", 1)
    while at != -1:
        yield path[:at]
        at = path.find(b"/", at + 1)
    if path != b"/":
        yield path
