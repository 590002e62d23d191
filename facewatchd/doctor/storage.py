"""Roots, output and state folder: are they there, may we use them, what is below them."""

from __future__ import annotations

import errno
import os
import shlex
import string
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.config import default_cache
from facewatchd.doctor import probe
from facewatchd.doctor.finding import Finding, as_root, folders
from facewatchd.engines.listing import user_name
from facewatchd.mounts import has_events, is_remote, unescaped

if TYPE_CHECKING:
    from facewatchd.config import Root, Settings
    from facewatchd.doctor.finding import FolderSeen
    from facewatchd.mounts import Mounts

_FULL = {errno.ENOSPC, errno.EDQUOT}
_MB = 1e6
_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less its final NUL
_PLAIN = frozenset(string.ascii_letters + string.digits + "/._- ")
_FSTAB = Path("/etc/fstab")


class RootChecked(NamedTuple):
    """What was found of a root, and how many folders inotify would have to watch in it."""

    finding: Finding
    to_watch: int


def root(configured: Root, settings: Settings, mounts: Mounts, patience: float) -> RootChecked:
    """Look at one root from a process of its own."""
    about = f"Root {configured.path}"
    own = (bytes(settings.output.path), bytes(settings.state))
    path = bytes(configured.path)
    try:
        seen = probe.ask(probe.root, path, configured.ignore, own, patience=patience)
    except probe.ProbeError as error:
        words = f"a process that lists it {error}: its storage hangs or fails"
        return RootChecked(Finding(about, words, _let_go(mounts.holding(path).place)), 0)
    if seen.trouble is not None:
        return RootChecked(Finding(about, *_not_listed(path, seen.trouble)), 0)
    kind = mounts.holding(path).kind
    wish = configured.watch
    events = has_events(kind) if wish == "auto" else wish == "events"
    how = "changes come as events" if events else "it is listed again and again"
    many = folders(seen.folders) + ("" if seen.whole else " and more")
    words = f"can be read, {many}; {how} ({kind if wish == 'auto' else 'roots.watch'})"
    mend = None
    if seen.closed:
        one = os.fsdecode(seen.closed_one)
        words += f"; {folders(seen.closed)} in it cannot be listed, {one} for one"
        mend = _let_read(path)
    return RootChecked(Finding(about, words, mend), seen.folders if events else 0)


def output(settings: Settings, patience: float) -> Finding:
    """Look whether the tree of links can be made and written."""
    about = f"Output {settings.output.path}"
    try:
        seen = probe.ask(probe.folder, bytes(settings.output.path), links=True, patience=patience)
    except probe.ProbeError as error:
        return Finding(about, f"a process that looks at it {error}", "Name another one (output).")
    if (wrong := _unusable(about, settings.output.path, seen)) is not None:
        return wrong
    usable = _usable(settings.output.path, seen)
    if seen.trouble is None:
        return Finding(about, usable)
    if settings.output.link == "symlink" or seen.trouble.errno in _FULL:
        return Finding(about, *_no_link(settings.output.path, seen.trouble))
    return Finding(about, f"{usable}; without symbolic links ({seen.trouble.strerror})")


def state(settings: Settings, mounts: Mounts, patience: float) -> list[Finding]:
    """Look at the store's folder: whose it is, on what disk, and with how much room."""
    about = f"State {settings.state}"
    if is_remote(mounts.holding(bytes(settings.state)).kind):
        words = "lies on a network or FUSE file system, where no store can be"
        return [Finding(about, words, "Name a folder on a local disk (state).")]
    try:
        seen = probe.ask(probe.folder, bytes(settings.state), links=False, patience=patience)
    except probe.ProbeError as error:
        return [Finding(about, f"a process that looks at it {error}", "Name another one (state).")]
    if (wrong := _unusable(about, settings.state, seen)) is not None:
        return [wrong]
    found = [Finding(about, _usable(settings.state, seen))]
    free, needed = seen.free / _MB, settings.limits.free_mb
    if free < needed:
        words = f"only {free:,.0f} MB are free on its disk, {needed:,g} are needed (limits.free_mb)"
        found.append(
            Finding(
                about,
                words,
                as_root(f"du -xhd1 {_typed(mounts.holding(seen.nearest).place)} | sort -h"),
            )
        )
    if seen.nearest == bytes(settings.state) and seen.owner != os.geteuid():
        found.append(_another_user(seen.owner))
    return found


def cache(settings: Settings, patience: float) -> Finding:
    """Look whether converted models can be kept."""
    path = settings.engine.cache or default_cache()
    about = f"Cache {path}"
    try:
        seen = probe.ask(probe.folder, bytes(path), links=False, patience=patience)
    except probe.ProbeError as error:
        words = f"a process that looks at it {error}"
        return Finding(about, words, "Name another one (engine.cache).")
    return _unusable(about, path, seen) or Finding(about, _usable(path, seen))


def socket(settings: Settings) -> Finding:
    """Look whether the socket's path is one that the kernel takes."""
    about = f"Socket {settings.socket_path}"
    length = len(bytes(settings.socket_path))
    if length > _LONGEST_SOCKET_PATH:
        words = f"its path has {length} bytes, the longest allowed {_LONGEST_SOCKET_PATH}"
        return Finding(about, words, "Name a shorter one: socket: /run/facewatchd/api.sock")
    return Finding(about, "its path is short enough")


def _let_go(place: bytes) -> str:
    """Return how to give up storage that hangs; the system's own disk cannot be given up."""
    return as_root("dmesg | tail" if place == b"/" else f"umount -l {_typed(place)}")


def _not_listed(path: bytes, error: OSError) -> tuple[str, str]:
    """Say why a root cannot be listed, and what to type."""
    match error:
        case FileNotFoundError():
            place = _in_fstab(path)
            words = "is not there" + ("; its disk is not mounted" if place else "")
            return words, as_root(f"mount {_typed(place)}" if place else f"mkdir -p {_typed(path)}")
        case NotADirectoryError():
            return "is no folder", "Name a folder (roots.path)."
        case PermissionError():
            return f"may not be read by {user_name(os.geteuid())}", _let_read(path)
    return f"cannot be read: {error.strerror}", as_root("dmesg | tail")


def _no_link(output: Path, error: OSError) -> tuple[str, str]:
    """Say why no symlink could be made in the output, and what to type."""
    if error.errno in _FULL:
        return f"no link fits into it: {error.strerror}", f"df -hi {_typed(bytes(output))}"
    words = f"its file system holds no symbolic links: {error.strerror}"
    return words, "Let output.link be auto, or name a folder on a Linux file system (output.path)."


def _unusable(about: str, path: Path, seen: FolderSeen) -> Finding | None:
    nearest = os.fsdecode(seen.nearest)
    if isinstance(seen.trouble, NotADirectoryError):
        return Finding(about, f"{nearest} is no folder", f"mv {_typed(seen.nearest)} ELSEWHERE")
    if seen.writable:
        return None
    me = user_name(os.geteuid())
    if nearest == str(path):
        words, typed = f"may not be written by {me}", f"chown -R {me} {_typed(seen.nearest)}"
    else:
        words = f"is not there, and {me} may not make it in {nearest}"
        typed = f"install -d -o {me} {_typed(bytes(path))}"
    return Finding(about, words, as_root(typed))


def _usable(path: Path, seen: FolderSeen) -> str:
    return "can be written" if seen.nearest == bytes(path) else "is not there yet and can be made"


def _another_user(owner: int) -> Finding:
    user = user_name(owner)
    words = f"the state folder belongs to {user}, and this was checked as {user_name(os.geteuid())}"
    change = "runuser" if os.geteuid() == 0 else "sudo"
    return Finding("User", words, f"{change} -u {user} -- facewatchctl doctor")


def _let_read(path: bytes) -> str:
    return as_root(f"setfacl -R -m u:{user_name(os.geteuid())}:rX {_typed(path)}")


def _in_fstab(path: bytes) -> bytes | None:
    """Return the place at or above ``path`` that fstab(5) names, the root aside."""
    with suppress(OSError):
        lines = [line.split() for line in _FSTAB.read_bytes().splitlines()]
        places = [unescaped(f[1]) for f in lines if len(f) > 1 and not f[0].startswith(b"#")]
        above = [p for p in places if (path + b"/").startswith(p.rstrip(b"/") + b"/") and p != b"/"]
        return max(above, key=len, default=None)
    return None


def _typed(path: bytes) -> str:
    """Return ``path`` as one word of bash; names that cannot be shown are escaped in it."""
    text = os.fsdecode(path)
    if text.isprintable():
        return shlex.quote(text)
    escaped = (chr(b) if chr(b) in _PLAIN else f"\\x{b:02x}" for b in path)
    return f"$'{''.join(escaped)}'"
