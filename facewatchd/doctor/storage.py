"""Roots, output and further folders: are they there, may the daemon use them, what is below."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.config import default_cache
from facewatchd.doctor import mending, probe
from facewatchd.doctor.finding import Finding, as_root, folders
from facewatchd.doctor.mending import typed
from facewatchd.mounts import has_events, is_remote, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.config import Root, Settings
    from facewatchd.doctor.finding import FolderSeen, RootSeen
    from facewatchd.doctor.sight import Sight
    from facewatchd.mounts import Mounts

_FULL = {errno.ENOSPC, errno.EDQUOT}
_MB = 1e6
_FSTAB = Path("/etc/fstab")


class RootChecked(NamedTuple):
    """What was found of a root, and how many folders inotify would have to watch in it."""

    finding: Finding
    to_watch: int


def root(
    configured: Root, settings: Settings, mounts: Mounts, patience: float, sight: Sight
) -> RootChecked:
    """Look at one root from a process of its own."""
    about = f"Root {configured.path}"
    own = (bytes(settings.output.path), bytes(settings.state))
    path = bytes(configured.path)
    try:
        seen = probe.ask(probe.root, path, configured.ignore, own, sight, patience=patience)
    except probe.ProbeError as error:
        words = f"a process that lists it {error}: its storage hangs or fails"
        return RootChecked(Finding(about, words, _let_go(mounts.holding(path).place)), 0)
    if seen.above:
        return RootChecked(_closed_above(about, seen.above, sight), 0)
    if isinstance(seen.trouble, PermissionError):
        mend = mending.let_read(path, sight, seen.group, acl=seen.acl)
        return RootChecked(Finding(about, f"may not be read by {sight.account.name}", mend), 0)
    if seen.trouble is not None:
        return RootChecked(Finding(about, *_not_listed(path, seen.trouble)), 0)
    kind = mounts.holding(path).kind
    wish = configured.watch
    events = has_events(kind) if wish == "auto" else wish == "events"
    how = "changes come as events" if events else "it is listed again and again"
    many = folders(seen.folders) + ("" if seen.whole else " and more")
    words = f"can be read, {many}; {how} ({kind if wish == 'auto' else 'roots.watch'})"
    kept_out = list(_kept_out(seen, sight))
    let_read = mending.let_read(path, sight, seen.group, acl=seen.acl) if kept_out else None
    finding = Finding(about, "; ".join([words, *kept_out]), let_read)
    return RootChecked(finding, seen.folders if events else 0)


def _kept_out(seen: RootSeen, sight: Sight) -> Iterator[str]:
    """Say what in a root is closed, or will be."""
    if seen.closed:
        one = os.fsdecode(seen.closed[0])
        yield f"{folders(len(seen.closed))} in it cannot be listed, {one} for one"
    if seen.unreadable:
        yield f"some photos in it cannot be read, {os.fsdecode(seen.unreadable[0])} for one"
    if seen.shut:
        one = os.fsdecode(seen.shut[0])
        yield f"new photos in {one} will be closed to {sight.account.name}: no default ACL"


def output(settings: Settings, patience: float, sight: Sight) -> Finding:
    """Look whether the tree of links can be made and written."""
    path = settings.output.path
    about = f"Output {path}"
    try:
        seen = probe.ask(probe.folder, bytes(path), sight, links=True, patience=patience)
    except probe.ProbeError as error:
        return Finding(about, f"a process that looks at it {error}", "Name another one (output).")
    # Who sets a group or a mode must own what gets it.
    ours = settings.output.group is not None or settings.output.mode is not None
    if (wrong := _unusable(about, path, seen, sight, ours=ours)) is not None:
        return wrong
    usable = _usable(path, seen)
    if seen.trouble is None:
        return Finding(about, usable)
    if settings.output.link == "symlink" or seen.trouble.errno in _FULL:
        return Finding(about, *_no_link(path, seen.trouble))
    return Finding(about, f"{usable}; without symbolic links ({seen.trouble.strerror})")


def state(settings: Settings, mounts: Mounts, patience: float, sight: Sight) -> list[Finding]:
    """Look at the store's folder: on what disk it is, and with how much room."""
    about = f"State {settings.state}"
    if is_remote(mounts.holding(bytes(settings.state)).kind):
        words = "lies on a network or FUSE file system, where no store can be"
        return [Finding(about, words, "Name a folder on a local disk (state).")]
    try:
        seen = probe.ask(probe.folder, bytes(settings.state), sight, links=False, patience=patience)
    except probe.ProbeError as error:
        return [Finding(about, f"a process that looks at it {error}", "Name another one (state).")]
    if (wrong := _unusable(about, settings.state, seen, sight, ours=True)) is not None:
        return [wrong]
    found = [Finding(about, _usable(settings.state, seen))]
    free, needed = seen.free / _MB, settings.limits.free_mb
    if free < needed:
        words = f"only {free:,.0f} MB are free on its disk, {needed:,g} are needed (limits.free_mb)"
        place = mounts.holding(seen.nearest).place
        found.append(Finding(about, words, as_root(f"du -xhd1 {typed(place)} | sort -h")))
    return found


def cache(settings: Settings, patience: float, sight: Sight) -> Finding:
    """Look whether converted models can be kept."""
    path = settings.engine.cache or default_cache()
    return _folder("Cache", "engine.cache", path, patience, sight, ours=True)


def further(settings: Settings, patience: float, sight: Sight) -> Iterator[Finding]:
    """Look at the other folders that the configuration names."""
    for path in settings.decisions.copies or ():
        yield _folder("Decisions", "decisions.copies", path, patience, sight, ours=False)
    if (backups := settings.backups.folder) is not None:
        yield _folder("Backups", "backups.folder", backups, patience, sight, ours=False)


def _folder(
    what: str, setting: str, path: Path, patience: float, sight: Sight, *, ours: bool
) -> Finding:
    about = f"{what} {path}"
    try:
        seen = probe.ask(probe.folder, bytes(path), sight, links=False, patience=patience)
    except probe.ProbeError as error:
        words = f"a process that looks at it {error}"
        return Finding(about, words, f"Name another one ({setting}).")
    return _unusable(about, path, seen, sight, ours=ours) or Finding(about, _usable(path, seen))


def _let_go(place: bytes) -> str:
    """Return how to give up storage that hangs; the system's own disk cannot be given up."""
    return as_root("dmesg | tail" if place == b"/" else f"umount -l {typed(place)}")


def _closed_above(about: str, above: tuple[bytes, ...], sight: Sight) -> Finding:
    named = " and ".join(map(os.fsdecode, above))
    words = f"{named} is closed to {sight.account.name}, who has to pass through"
    return Finding(about, words, mending.let_through(above, sight))


def _not_listed(path: bytes, error: OSError) -> tuple[str, str]:
    """Say why a root cannot be listed, and what to type."""
    match error:
        case FileNotFoundError():
            place = _in_fstab(path)
            words = "is not there" + ("; its disk is not mounted" if place else "")
            return words, as_root(f"mount {typed(place)}" if place else f"mkdir -p {typed(path)}")
        case NotADirectoryError():
            return "is no folder", "Name a folder (roots.path)."
    return f"cannot be read: {error.strerror}", as_root("dmesg | tail")


def _no_link(output: Path, error: OSError) -> tuple[str, str]:
    """Say why no symlink could be made in the output, and what to type."""
    if error.errno in _FULL:
        return f"no link fits into it: {error.strerror}", f"df -hi {typed(bytes(output))}"
    words = f"its file system holds no symbolic links: {error.strerror}"
    return words, "Let output.link be auto, or name a folder on a Linux file system (output.path)."


def _unusable(
    about: str, path: Path, seen: FolderSeen, sight: Sight, *, ours: bool
) -> Finding | None:
    """Say why a folder cannot be written; one that has to be ``ours`` is then given to the user."""
    nearest, user = os.fsdecode(seen.nearest), sight.account.name
    if seen.above:
        return _closed_above(about, seen.above, sight)
    if isinstance(seen.trouble, NotADirectoryError):
        return Finding(about, f"{nearest} is no folder", f"mv {typed(seen.nearest)} ELSEWHERE")
    if seen.writable:
        return None
    if seen.read_only:
        place = f'"$(findmnt -no TARGET -T {typed(seen.nearest)})"'
        remount = as_root(f"mount -o remount,rw {place}")
        return Finding(about, "its disk is mounted for reading only", remount)
    if nearest != str(path):
        words = f"is not there, and {user} may not make it in {nearest}"
        return Finding(about, words, mending.make(bytes(path), sight))
    give = mending.give(seen.nearest, sight)
    mend = give if ours else mending.let_write(seen.nearest, sight, acl=seen.acl)
    return Finding(about, f"may not be written by {user}", mend)


def _usable(path: Path, seen: FolderSeen) -> str:
    return "can be written" if seen.nearest == bytes(path) else "is not there yet and can be made"


def _in_fstab(path: bytes) -> bytes | None:
    """Return the place at or above ``path`` that fstab(5) names, the root aside."""
    with suppress(OSError):
        lines = [line.split() for line in _FSTAB.read_bytes().splitlines()]
        places = [unescaped(f[1]) for f in lines if len(f) > 1 and not f[0].startswith(b"#")]
        above = [p for p in places if (path + b"/").startswith(p.rstrip(b"/") + b"/") and p != b"/"]
        return max(above, key=len, default=None)
    return None
