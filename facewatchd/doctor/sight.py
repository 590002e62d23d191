"""As whom a folder is looked at: really as that user, and through the mounts of the unit.

Root may do everything, so what root finds says nothing of the service.  The child that looks
becomes the service's user before it does; who is not root can only look as themselves.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.accounts import own_groups, user_name
from facewatchd.doctor.dropin import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable

_CLONE_NEWNS = 0x20000  # <linux/sched.h>
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000  # <linux/mount.h>
_PR_SET_PDEATHSIG = 1


class Account(NamedTuple):
    """A user with all groups, as the kernel asks for them."""

    user: int
    group: int
    groups: frozenset[int]

    @classmethod
    def own(cls) -> Account:
        """Return who runs this."""
        return cls(os.geteuid(), os.getegid(), frozenset(own_groups()))

    @classmethod
    def of(cls, user: int | str, further: Iterable[int] = ()) -> Account:
        """Return a user, by number or name, as who logs in; KeyError where there is none."""
        known = pwd.getpwnam(user) if isinstance(user, str) else pwd.getpwuid(user)
        groups = os.getgrouplist(known.pw_name, known.pw_gid)
        return cls(known.pw_uid, known.pw_gid, frozenset((*groups, *further)))

    @property
    def name(self) -> str:
        """The user's name."""
        return user_name(self.user)


class Sight(NamedTuple):
    """What ``account`` sees; of homes and temporary folders only ``bound``, unless that is empty.

    ``unit`` is the service that sees this.
    """

    account: Account
    bound: tuple[bytes, ...] = ()
    unit: str | None = None

    def enter(self, path: bytes) -> tuple[bytes, ...]:
        """Become who looks, and return the folders above ``path`` that they may not pass through.

        Only for a process that ends after that: there is no way back.
        """
        is_other = self.account.user != os.geteuid()
        if is_other and self.bound:
            _see_only(self.bound)
        above = _opened_above(path)
        if is_other:
            self._become()
        return tuple(folder for folder, opened in above if not _may_pass(opened))

    def _become(self) -> None:
        os.setgroups(list(self.account.groups))
        os.setresgid(self.account.group, self.account.group, self.account.group)
        os.setresuid(self.account.user, self.account.user, self.account.user)
        # The kernel forgets this with the user, see PR_SET_PDEATHSIG(2const).
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def own_sight() -> Sight:
    """Return how who runs this sees the machine."""
    return Sight(Account.own())


def _opened_above(path: bytes) -> list[tuple[bytes, int]]:
    """Return the folders above ``path``, open, as far as they are there and may be opened."""
    opened, above = [], b""
    for name in os.path.dirname(path).split(b"/"):
        above = os.path.join(above, name) if name else b"/"
        try:
            opened.append((above, os.open(above, os.O_PATH | os.O_DIRECTORY)))
        except OSError:
            break
    return opened


def _may_pass(folder: int) -> bool:
    try:
        os.stat(b".", dir_fd=folder)
    except PermissionError:
        return False
    return True


def _see_only(folders: Iterable[bytes]) -> None:
    """Have this process see homes and temporary folders as a unit with BindPaths= does."""
    _call("unshare", _CLONE_NEWNS)
    _mount(None, b"/", None, _MS_REC | _MS_PRIVATE)
    opened = [(path, os.open(path, os.O_PATH)) for path in folders if os.path.isdir(path)]
    for place in filter(os.path.isdir, map(os.fsencode, HIDDEN)):
        _mount(b"tmpfs", place, b"tmpfs", 0)
        os.chmod(place, 0o755)  # noqa: S103 -- as systemd makes it: all may pass
    os.umask(0o022)
    for path, source in opened:
        os.makedirs(path, exist_ok=True)
        _mount(b"/proc/self/fd/%d" % source, path, None, _MS_BIND | _MS_REC)


def _mount(source: bytes | None, place: bytes, kind: bytes | None, flags: int) -> None:
    _call("mount", source, place, kind, ctypes.c_ulong(flags), None)


def _call(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")
