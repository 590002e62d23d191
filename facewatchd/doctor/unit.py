"""The systemd unit that a configuration belongs to: as whom it runs, and what it opens."""

from __future__ import annotations

import grp
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from facewatchd import machine
from facewatchd.doctor import dropin
from facewatchd.doctor.finding import Finding, as_root
from facewatchd.doctor.sight import Account, Sight

if TYPE_CHECKING:
    from facewatchd.config import Settings

_ASKED = ("LoadState", "User", "SupplementaryGroups", "NeedDaemonReload", "DropInPaths")
_ANSWERS_WITHIN = 30.0  # seconds


class Unit(NamedTuple):
    """What systemd says of the unit; ``lines`` are those of all its files."""

    name: str
    instance: str | None
    user: str
    groups: tuple[str, ...]
    stale: bool
    dropins: tuple[Path, ...]
    lines: frozenset[str]


def unit_of(configuration: Path) -> Unit | None:
    """Return the unit that goes by ``configuration``; None where systemd knows of none."""
    if configuration.parent != dropin.CONFIGURATIONS or not machine.booted_with_systemd():
        return None
    instance = None if configuration.stem == "facewatchd" else configuration.stem
    name = dropin.unit_name(instance)
    shown = _systemctl("show", "--property", ",".join(_ASKED), name)
    said = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if said.get("LoadState") != "loaded":
        return None
    return Unit(
        name,
        instance,
        said["User"] or "root",
        tuple(said["SupplementaryGroups"].split()),
        said["NeedDaemonReload"] == "yes",
        tuple(map(Path, said["DropInPaths"].split())),
        frozenset(map(_plain, _systemctl("cat", name).splitlines())),
    )


def sight_of(unit: Unit, settings: Settings) -> Sight:
    """Return what the service sees once it has its drop-in; KeyError for a user who is not there.

    Who runs this and is that user sees it without the unit's mounts: nothing is bound.
    """
    user = int(unit.user) if unit.user.isdecimal() else unit.user
    account = Account.of(user, (grp.getgrnam(name).gr_gid for name in unit.groups))
    return Sight(account, tuple(map(os.fsencode, dropin.bound(settings))), unit.name)


def opened(unit: Unit, settings: Settings) -> Finding:
    """Compare what the unit opens with what it has to open for ``settings``."""
    about, mend = f"Unit {unit.name}", dropin.where_to(unit.instance)
    wanted = dropin.dropin(settings, unit.instance)
    lines = [line for line in wanted.splitlines() if "=" in line and not line.startswith("#")]
    lacking = [line for line in lines if _plain(line) not in unit.lines]
    if lacking:
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        return Finding(about, f"lacks {lacking[0]}{more}, for this configuration", mend)
    if any(path.name == dropin.FILE and _text(path) != wanted for path in unit.dropins):
        return Finding(about, f"its {dropin.FILE} was made for another configuration", mend)
    if unit.stale:
        again = f"systemctl daemon-reload && {as_root(f'systemctl restart {unit.name}')}"
        return Finding(about, "systemd has not read its files since they changed", as_root(again))
    return Finding(about, "opens the folders of this configuration")


def _plain(line: str) -> str:
    """Return a line of a unit without the quotes that a path may stand in or not."""
    return line.replace('"', "").strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:  # it is gone, or closed to us
        return ""


def _systemctl(*command: str) -> str:
    return subprocess.run(
        ["systemctl", "--no-pager", *command],  # noqa: S607 -- where the system has it
        capture_output=True,
        text=True,
        timeout=_ANSWERS_WITHIN,
        check=False,
    ).stdout
