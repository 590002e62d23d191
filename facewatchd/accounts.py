"""Users and groups of this machine, by name."""

from __future__ import annotations

import grp
import os
import pwd


def user_name(number: int) -> str:
    """Return the name of a user, or ``#NUMBER`` of one who has none."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"


def group_name(number: int) -> str:
    """Return the name of a group, or ``#NUMBER`` of one that has none."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return f"#{number}"


def own_groups() -> set[int]:
    """Return the groups of this process; one that its user came into later is not there."""
    return {os.getegid(), *os.getgroups()}


def groups_at_login(user: int) -> set[int]:
    """Return the groups that a user who logs in now gets; none for one who has no name."""
    try:
        account = pwd.getpwuid(user)
    except KeyError:
        return set()
    return set(os.getgrouplist(account.pw_name, account.pw_gid))


def let_in(group: str, user: str) -> str:
    """Return what root types so that ``user`` is in ``group``; a new session shows it."""
    return f"usermod -aG {group} {user}"
