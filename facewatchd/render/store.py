"""A store that takes no changes: why, since when, and what mends it."""

from __future__ import annotations

from typing import Any

from facewatchd.render.show import Field
from facewatchd.render.words import moment

_MENDS = (
    "nothing is lost; it is tried every 10 s, and then all goes on by itself. Make room on the disk"
    " of {path}, or see what the kernel says of it (journalctl -k). A file system that the kernel"
    " made read-only takes changes again when it was unmounted, checked and mounted, with"
    " facewatchd stopped meanwhile"
)


def store_fields(status: dict[str, Any]) -> list[Field]:
    """Describe a store that cannot be written; nothing as long as it can."""
    store = status.get("store")  # a status of before this was told has none
    if store is None or store["error"] is None:
        return []
    return [
        Field("Store", f"{store['error']} (since {moment(store['since'])})"),
        Field("Store", _MENDS.format(path=store["path"])),
    ]
