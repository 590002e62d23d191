"""Whether the machine runs on a battery."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

SUPPLIES = Path("/sys/class/power_supply")

_LINES = {"Mains", "USB", "Wireless"}  # what power comes in by
_STORES = {"Battery", "UPS"}


def on_battery(supplies: Path = SUPPLIES) -> bool:
    """Whether a battery is being emptied and no power comes in, by the kernel's folder.

    Its files are those of Documentation/ABI/testing/sysfs-class-power of Linux.  The battery of a
    mouse is none of the machine's (scope Device); a machine that tells nothing has mains power.
    This is what ConditionACPower= of systemd.unit(5) goes by too.
    """
    try:
        found = sorted(supplies.iterdir())
    except OSError:  # a kernel without it, or a container that hides it
        return False
    own = [each for each in found if _said(each, "scope") != "Device"]
    if any(_said(each, "type") in _LINES and _said(each, "online") == "1" for each in own):
        return False
    return any(
        _said(each, "type") in _STORES and _said(each, "status") == "Discharging" for each in own
    )


def _said(supply: Path, name: str) -> str:
    """Return what the kernel says; nothing for what this supply does not tell or is gone."""
    with suppress(OSError):
        return (supply / name).read_text(encoding="ascii", errors="replace").strip()
    return ""
