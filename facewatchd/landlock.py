"""The kernel's Landlock: a process gives up, for good, to write outside of some folders.

Called through ctypes: three system calls, see landlock(7), which no library wraps that is packaged
widely.  What is mounted later is covered too, which `ReadOnlyPaths=` of systemd cannot do: its
mounts are made once, when the service starts.

Reading stays as it is.  Landlock does not rule over the mode, the owner, the times and the extended
attributes of a file; these only its owner can change, and photos are not the daemon's.
"""

from __future__ import annotations

import ctypes
import errno
import os
from enum import IntFlag
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # on every architecture
_ONLY_THE_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
# A kernel without it, one that was started without it, a unit that does not let us ask for it.
_NONE = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM)


class Right(IntFlag):
    """What Landlock can forbid, of linux/landlock.h: all that writes."""

    WRITE_FILE = 1 << 1
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13  # a link or a rename to another folder; version 2, before that always refused
    TRUNCATE = 1 << 14  # version 3


_SINCE = {Right.REFER: 2, Right.TRUNCATE: 3}
# To open a device for writing: /dev/null, a graphics card.  Nothing can be made in there.
_DEVICES = "/dev"
_OF_DEVICES = Right.WRITE_FILE | Right.TRUNCATE
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 -- no folder, but where sem_open(3) and shm_open(3) are


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return which version of Landlock the kernel has, 0 if none."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ONLY_THE_VERSION)
    except OSError as error:
        if error.errno in _NONE:
            return 0
        raise


def confine(folders: Iterable[Path]) -> bool:
    """Let this process, and all that it starts, write to nothing but devices and ``folders``.

    A folder that is not there stays closed when it comes.  Files that are open stay as they are,
    and so do other threads: call it before there are any.  Returns False, and nothing is forbidden,
    where the kernel has no Landlock.
    """
    known = version()
    if not known:
        return False
    rights = reduce(or_, (right for right in Right if _SINCE.get(right, 1) <= known))
    asked = _Ruleset(rights)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(asked), ctypes.c_size_t(ctypes.sizeof(asked)), 0)
    try:
        _allow(ruleset, _DEVICES, rights & _OF_DEVICES)
        _allow(ruleset, _SHARED_MEMORY, rights)
        for folder in folders:
            _allow(ruleset, folder, rights)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # else only root may give up rights
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, folder: str | Path, rights: Right) -> None:
    try:
        place = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:  # not there, or closed to us: nothing is to be opened
        return
    try:
        rule = _Beneath(rights, place)
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: object) -> int:
    """Make a system call; OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    answer = int(libc.syscall(ctypes.c_long(number), *arguments))
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def _prctl(*arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*map(ctypes.c_ulong, arguments)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
