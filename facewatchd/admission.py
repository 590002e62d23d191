"""Who may use the daemon's socket, why it is closed to others, and what opens it to them."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from facewatchd.accounts import group_name, groups_at_login, let_in, own_groups, user_name

if TYPE_CHECKING:
    from pathlib import Path

_ROOT = 0


def who_may(owner: int, group: int | None) -> str:
    """Return who may use what belongs to ``owner`` and ``group`` (None: no group may)."""
    names = list(dict.fromkeys((user_name(owner), user_name(_ROOT))))
    if group is None:
        return f"only {' and '.join(names)} may"
    return f"{', '.join(names)} and the group {group_name(group)} may"


def as_owner(owner: int) -> str:
    """Return what somebody does who is in no group that may."""
    user = "" if owner == _ROOT else f" -u {user_name(owner)}"
    return f"Type the same command with: sudo{user}"


def into_group(group: int, user: int) -> str:
    """Return what somebody does to be in the group that may."""
    return f"sudo {let_in(group_name(group), user_name(user))}, and log in again."


def why_closed(path: Path) -> tuple[str, str]:
    """Return who may use the socket at ``path``, and what to type for somebody else to be let in.

    It is told by the socket, or by the first folder on the way there that may not be entered.
    """
    found, is_socket = _first_seen(path)
    owner, group = found.st_uid, found.st_gid
    opens = stat.S_IWGRP if is_socket else stat.S_IXGRP
    if not found.st_mode & opens or group in {_ROOT, *own_groups()}:
        return who_may(owner, None), as_owner(owner)
    if group in groups_at_login(os.geteuid()):
        return (
            f"{who_may(owner, group)}, and you were not in it yet when you logged in",
            f"Log in again; for one shell it is enough to type: newgrp {group_name(group)}",
        )
    return who_may(owner, group), into_group(group, os.geteuid())


def _first_seen(path: Path) -> tuple[os.stat_result, bool]:
    """Return what is known of the socket, or of the last folder before it that may be looked at."""
    for place in (path, *path.parents):
        try:
            return place.stat(), place == path
        except PermissionError:
            continue
    return os.stat("/"), False
