"""The disks that a root lies on: whether they send events, and whether they are those it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.mounts import has_events
from facewatchd.store.folders import Place

if TYPE_CHECKING:
    from collections.abc import Collection

    from facewatchd.mounts import Mount, Mounts
    from facewatchd.scout import Top
    from facewatchd.store.folders import Folders


def mounts_of(root: bytes, mounts: Mounts) -> list[Mount]:
    """Return the mount that holds ``root``, then those inside it."""
    return [mounts.holding(root), *mounts.below(root)]


def tells(mount: Mount, wish: str) -> bool:
    """Whether what changes on ``mount`` comes as events; ``wish`` is the setting roots.watch."""
    return wish == "events" or (wish == "auto" and has_events(mount.kind))


def differs(known: Place, mount: Mount, top: Top) -> str | None:
    """Say why a root is not the one that is ``known``, if it is not."""
    if mount.identity != known.identity:
        return f"its disk is not mounted, or is another one: it was {known.identity}"
    if known.synced and not top.synced:
        return "Syncthing's .stfolder was in it and is gone"
    return None


def kept(places: dict[bytes, Place], nested: list[Mount], root: bytes) -> dict[bytes, str]:
    """Return the mounts inside ``root`` that are not there as they were, and why."""
    there = {mount.place: mount.identity for mount in nested}
    return {
        path: f"its disk is not mounted, or is another one: it was {place.identity}"
        for path, place in places.items()
        if path != root and there.get(path) != place.identity
    }


def remember(folders: Folders, top: Place, nested: list[Mount], *, but: Collection[bytes]) -> None:
    """Have a root known by its ``top`` and the mounts inside it; leave ``but`` as they were."""
    there = [top, *(Place(mount.place, mount.identity, 0) for mount in nested)]
    known = folders.places(top.path)
    for path in known.keys() - {place.path for place in there} - set(but):
        folders.forget_place(path)
    for place in there:
        if place.path not in but and known.get(place.path) != place:
            folders.put_place(place)
