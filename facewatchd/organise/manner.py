"""How things are made in OUTPUT: for whom, and how much of its disk stays free."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass

_DEFAULT_ACL = "system.posix_acl_default"  # acl(5)
_NO_ACL = {errno.ENODATA, errno.EOPNOTSUPP, errno.ENOSYS}


class RightsError(OSError):
    """Group or mode cannot be set."""


@dataclass(frozen=True, slots=True)
class Manner:
    """The group and the mode of folders (None: as the system makes them), and the free bytes kept.

    A file has the bits of ``mode`` for reading and writing.  Where a folder has a default ACL, that
    says what is allowed in it, and of ``mode`` only the setgid bit counts.
    """

    group: int | None = None
    mode: int | None = None
    reserve: int = 0

    def set_right(self, parent: int, opened: int) -> None:
        """Give the open folder or file in ``parent`` its group and mode, if they are others.

        RightsError if the system refuses.
        """
        if self.group is None and self.mode is None:
            return
        found = os.fstat(opened)
        try:
            if self.group is not None and found.st_gid != self.group:
                os.fchown(opened, -1, self.group)  # takes setgid away from folders: mode comes next
            mode = self._mode(parent, os.fstat(opened))
            if mode != stat.S_IMODE(os.fstat(opened).st_mode):
                os.fchmod(opened, mode)
        except OSError as error:
            raise RightsError(error.errno, error.strerror) from error

    def _mode(self, parent: int, found: os.stat_result) -> int:
        now = stat.S_IMODE(found.st_mode)
        is_folder = stat.S_ISDIR(found.st_mode)
        setgid = stat.S_ISGID if is_folder and self.group is not None else 0
        if self.mode is None or has_default_acl(parent):
            return now | setgid
        return (self.mode | setgid) if is_folder else self.mode & 0o666

    def leave_room(self, folder: int, size: int) -> None:
        """Raise OSError (ENOSPC) if after so many bytes more less than the reserve is free."""
        disk = os.fstatvfs(folder)
        left = disk.f_bavail * disk.f_frsize - size
        if left < self.reserve:
            raise OSError(
                errno.ENOSPC,
                f"a copy of {_mb(size)} MB would leave {_mb(max(left, 0))} MB of its disk free,"
                f" {_mb(self.reserve)} are kept (limits.free_mb)",
            )


PLAIN = Manner()


def has_default_acl(folder: int) -> bool:
    """Say whether what is made in ``folder`` gets its rights from an ACL."""
    try:
        os.getxattr(folder, _DEFAULT_ACL)
    except OSError as error:
        if error.errno in _NO_ACL:
            return False
        raise
    return True


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f}"
