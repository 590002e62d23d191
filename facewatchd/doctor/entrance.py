"""The socket, and the groups that something is given to: does it all get to whom it is for."""

from __future__ import annotations

import grp
import os
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.accounts import group_name
from facewatchd.doctor import mending, probe
from facewatchd.doctor.dropin import own_folders, where_to
from facewatchd.doctor.finding import Finding
from facewatchd.doctor.sight import Account, Sight

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.config import Settings
    from facewatchd.doctor.unit import Unit

_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less its final NUL
_NOBODY = 65534
_ANOTHER = "Name one in a folder that the group may enter (socket)."
_MAY = {"read": "ask", "full": "ask and change things"}


def socket(settings: Settings, patience: float, unit: Unit | None = None) -> Finding:
    """Look whether the kernel takes the socket's path, and whether its group can get to it."""
    path, group = settings.socket_path, settings.socket_group
    about = f"Socket {path}"
    length = len(bytes(path))
    if length > _LONGEST_SOCKET_PATH:
        words = f"its path has {length} bytes, the longest allowed {_LONGEST_SOCKET_PATH}"
        return Finding(about, words, "Name a shorter one: socket: /run/facewatchd/api.sock")
    if group is None:
        return Finding(about, "its path is short enough")
    try:
        closed = _closed_to(group, bytes(path), patience)
    except probe.ProbeError as error:
        return Finding(about, f"a process that goes there {error}", "Name another one (socket).")
    name = group_name(group)
    if closed is None:
        words = f"its path is short enough; the group {name} may {_MAY[settings.api.may]}"
        return Finding(about, words)
    mend = _ANOTHER
    if unit is not None and closed in own_folders(unit.instance):
        mend = where_to(unit.instance)
    return Finding(about, f"the group {name} (api.group) does not get through {closed}", mend)


def _closed_to(group: int, path: bytes, patience: float) -> Path | None:
    """Return the last folder that keeps ``group`` from ``path``; only root can try that."""
    if os.geteuid() != 0:
        return None
    member = Sight(Account(_NOBODY, group, frozenset((group,))))
    closed = probe.ask(probe.way, path, member, patience=patience)
    return Path(os.fsdecode(closed[-1])) if closed else None


def groups(settings: Settings, sight: Sight, unit: Unit | None) -> Iterator[Finding]:
    """Look whether the daemon's user is in the groups that it is to give something to."""
    wishes = {"api.group": settings.api.group, "output.group": settings.output.group}
    for setting, group in wishes.items():
        if group is None:
            continue
        name, about = sight.account.name, f"Group {group}"
        if sight.account.user == 0 or grp.getgrnam(group).gr_gid in sight.account.groups:
            yield Finding(about, f"{name} is in it ({setting})")
            continue
        mend = where_to(unit.instance) if unit is not None else mending.join(group, sight)
        yield Finding(about, f"{name} is not in it, and gives nothing to it ({setting})", mend)
