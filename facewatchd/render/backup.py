"""Backups in words, and what became of a store that was lost."""

from __future__ import annotations

from typing import Any

from facewatchd.render.show import Field
from facewatchd.render.words import duration, moment


def backup_fields(status: dict[str, Any]) -> list[Field]:
    """Describe the last backup; how old it is by the time of the status."""
    made = status["backup"]
    words = ""
    if made["last"] is not None:
        age = duration(status["time"] - made["last"])
        words = f"{made['path']}, of {moment(made['last'])}, {age} old"
    if made["running"]:
        words = f"being made{f'; the last is {words}' if words else ''}"
    return [
        Field("Backup", words),
        Field("Backup", made["error"] or ""),
        Field("Lost", status["lost"] or ""),
    ]
