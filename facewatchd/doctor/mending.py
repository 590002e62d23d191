"""The commands that let a user through to a folder, and read or write it."""

from __future__ import annotations

import os
import shlex
import shutil
import string
from typing import TYPE_CHECKING

from facewatchd.accounts import group_name, let_in
from facewatchd.doctor.finding import as_root

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.doctor.sight import Sight

_PLAIN = frozenset(string.ascii_letters + string.digits + "/._- ")
_ROOTS_OWN = 0


def let_through(folders: Iterable[bytes], sight: Sight) -> str:
    """Let the user pass through ``folders``, and see nothing in them but what they know of."""
    return _setfacl(f"-m u:{sight.account.name}:x", *folders)


def let_read(path: bytes, sight: Sight, group: int | None, *, acl: bool) -> str:
    """Let the user read all in ``path``, and what comes into it.

    ``group`` is one that may read it (None: there is none), for where there are no ACLs.
    """
    name = sight.account.name
    if acl:
        return _setfacl(f"-R -m u:{name}:rX,d:u:{name}:rX", path)
    if group is None or group == _ROOTS_OWN:
        return f"Mount it so that {name} may read it: uid=, gid= or umask= in /etc/fstab."
    return join(group_name(group), sight)


def let_write(path: bytes, sight: Sight, *, acl: bool) -> str:
    """Let the user write to all in ``path``; without ACLs it has to be theirs."""
    if acl:
        return _setfacl(f"-R -m u:{sight.account.name}:rwX", path)
    return give(path, sight)


def give(path: bytes, sight: Sight) -> str:
    """Give ``path`` to the user with all in it."""
    return as_root(f"chown -R {sight.account.name} {typed(path)}")


def make(path: bytes, sight: Sight) -> str:
    """Make the folder ``path``, for the user."""
    return as_root(f"install -d -o {sight.account.name} {typed(path)}")


def join(group: str, sight: Sight) -> str:
    """Have the user be in ``group``, which a process shows from its start on."""
    restart = f" && {as_root(f'systemctl restart {sight.unit}')}" if sight.unit else ""
    return as_root(let_in(group, sight.account.name)) + restart


def _setfacl(what: str, *paths: bytes) -> str:
    install = "" if shutil.which("setfacl") else f"{as_root('apt install acl')} && "
    return install + as_root(f"setfacl {what} {' '.join(map(typed, paths))}")


def typed(path: bytes) -> str:
    """Return ``path`` as one word of bash; names that cannot be shown are escaped in it."""
    text = os.fsdecode(path)
    if text.isprintable():
        return shlex.quote(text)
    escaped = (chr(b) if chr(b) in _PLAIN else f"\\x{b:02x}" for b in path)
    return f"$'{''.join(escaped)}'"
