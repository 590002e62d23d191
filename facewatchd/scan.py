"""What is in a folder, what of it is left out and why, and the pure difference to what is known."""

from __future__ import annotations

import fnmatch
import marshal
import os
import re
import stat as stat_bits
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import LARGEST_INTEGER, FileStat

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping

    from pathspec import GitIgnoreSpec

PICTURE_SUFFIXES = frozenset(
    (
        *(b".jpg", b".jpeg", b".jpe", b".jfif", b".mpo", b".png", b".webp", b".gif", b".bmp"),
        *(b".tif", b".tiff", b".heic", b".heif", b".hif", b".avif"),
    )
)
# RAW formats that are TIFF files, or nearly, and so may hold a JPEG that is found.
RAW_SUFFIXES = frozenset(
    (
        b".dng",  # Adobe; phones, Leica, Ricoh, drones
        b".gpr",  # GoPro
        b".cr2",  # Canon until 2018
        *(b".nef", b".nrw"),  # Nikon
        *(b".arw", b".sr2"),  # Sony
        b".pef",  # Pentax
        b".srw",  # Samsung
        b".orf",  # Olympus, OM System
        *(b".rw2", b".rwl"),  # Panasonic, Leica
        b".raf",  # Fujifilm
        *(b".3fr", b".fff"),  # Hasselblad
        *(b".dcr", b".kdc"),  # Kodak
        *(b".erf", b".iiq", b".mef", b".mos"),  # Epson, Phase One, Mamiya, Leaf
    )
)
_READ_SUFFIXES = PICTURE_SUFFIXES | RAW_SUFFIXES
_MOVING_SUFFIXES = frozenset((b".mov", b".mp4"))  # of which a Live Photo has one beside its picture

# Temporary names of sync tools and editors, thumbnails and trash of NAS systems.
IGNORED_NAMES = (
    *(".syncthing.*", "~syncthing~*", ".stversions", ".stfolder"),
    *(".~tmp~", ".rsync-partial", ".*." + "[A-Za-z0-9]" * 6),  # the last is rsync's .NAME.XXXXXX
    *("*.part", "*.partial", "*.ocTransferId*", "*.crdownload", "*.tmp", ".goutputstream-*"),
    *(".nfs*", ".fuse_hidden*", ".smbdelete*", "._*", ".DS_Store", "Thumbs.db", "desktop.ini"),
    *("@eaDir", "#recycle", "#snapshot", ".@__thumb", ".Trash*", ".snapshots", ".zfs"),
)
_IGNORED_NAME = re.compile("|".join(map(fnmatch.translate, IGNORED_NAMES)).encode())

# What OUTPUT holds (config.COPIES; the configuration is not loaded for a walk): a tree that another
# facewatchd makes, or that this one made before, shows photos and covers a second time.
OUTPUT_MARK = b".facewatchd"
# A folder that holds one of these is left out, with all below it.
STOP_FILES = frozenset((b".nomedia", b".facewatchignore", OUTPUT_MARK))

_DIGEST_SIZE = 16
_ENTRIES_A_BREATH = 256


class Rule(NamedTuple):
    """Why something is left out: the rule as it is written, and where it stands."""

    text: str
    place: str


NOT_A_FILE = Rule("neither a file nor a folder", "links and devices are never followed")


class Listing(NamedTuple):
    """What a walk saw directly in one folder: its regular files that are not ignored.

    Equal digests mean equal ``files``.
    """

    folder: bytes
    digest: bytes
    files: tuple[FileStat, ...]


class Unreadable(NamedTuple):
    """A folder that could not be listed; nothing is known about what is in it."""

    folder: bytes
    reason: str


class Changes(NamedTuple):
    """The difference between a listing and what is known of that folder."""

    new: list[FileStat]
    changed: list[FileStat]
    gone: list[bytes]


class Seen(NamedTuple):
    """A folder as it was listed: (name, size, mtime_ns, inode) of its files in order of name."""

    folder: bytes
    files: list[tuple[bytes, int, int, int]]

    def digest(self) -> bytes:
        """Return a hash of ``files``, the same in every process of this Python version."""
        return blake2b(marshal.dumps(self.files), digest_size=_DIGEST_SIZE).digest()

    def listing(self) -> Listing:
        """Return it as what the store compares."""
        stats = (FileStat(os.path.join(self.folder, f[0]), *f[1:]) for f in self.files)
        return Listing(self.folder, self.digest(), tuple(stats))


class Ignore:
    """What is left out below one root.

    ``patterns`` are gitignore's, relative to the root; ``folders`` are whole trees elsewhere
    (OUTPUT, the state folder), by their absolute paths.
    """

    def __init__(self, root: bytes, patterns: Iterable[str], folders: Iterable[bytes]) -> None:
        self.root = root
        self._patterns = tuple(patterns)
        self._spec = _compiled(self._patterns) if self._patterns else None
        self._folders = frozenset(folders)
        self._below_them = tuple(each.rstrip(b"/") + b"/" for each in self._folders)

    @property
    def may_leave_out(self) -> Callable[[bytes], object]:
        """Tells quickly by its name that a file is not left out: nearly none is."""
        return bool if self._spec else _IGNORED_NAME.match

    def rule(self, path: bytes, *, folder: bool) -> Rule | None:
        """Return why ``path``, a folder or a file below the root, is left out by its name."""
        if path in self._folders or path.startswith(self._below_them):
            own = next(each for each in self._folders if is_within(path, (each,)))
            return Rule(os.fsdecode(own), "facewatchd's own folder")
        name = path.rpartition(b"/")[2]
        if _IGNORED_NAME.match(name):
            written = (p for p in IGNORED_NAMES if fnmatch.fnmatchcase(os.fsdecode(name), p))
            return Rule(next(written), "built in")
        return self._pattern(self._spec, path, folder=folder) if self._spec else None

    def _pattern(self, spec: GitIgnoreSpec, path: bytes, *, folder: bool) -> Rule | None:
        inside = os.fsdecode(path[len(self.root) :].lstrip(b"/"))
        found = spec.check_file(inside + "/" if folder else inside)
        if not found.include or found.index is None:
            return None
        return Rule(self._patterns[found.index], f"roots.ignore of {os.fsdecode(self.root)}")

    def rule_above(self, path: bytes, *, folder: bool) -> Rule | None:
        """Return why ``path``, or a folder between it and the root, is left out by its name."""
        above = self.root.rstrip(b"/")
        *folders, last = path[len(above) :].lstrip(b"/").split(b"/")
        for name in folders:
            above += b"/" + name
            if (rule := self.rule(above, folder=True)) is not None:
                return rule
        return self.rule(above + b"/" + last, folder=folder) if last else None

    def stopped_above(self, path: bytes) -> Rule | None:
        """Return the stop file in a folder between the root and ``path``; looks at the disk."""
        above = self.root.rstrip(b"/")
        for name in (b"", *path[len(above) :].lstrip(b"/").split(b"/")[:-1]):
            above += b"/" + name if name else b""
            for stop in sorted(STOP_FILES):
                if os.path.lexists(above + b"/" + stop):
                    return Rule(os.fsdecode(stop), os.fsdecode(above))
        return None

    def hides(self, path: bytes, *, folder: bool) -> bool:
        """Whether ``path``, the root, or any folder between them is left out."""
        return bool(self.rule_above(path, folder=folder) or self.stopped_above(path))


class Walk:
    """Lists folders below a root, and counts what it leaves out, by rule.

    ``breathe`` is called every now and then, also in a folder of very many files.
    """

    def __init__(self, ignore: Ignore, breathe: Callable[[], None] = lambda: None) -> None:
        self._ignore = ignore
        self._breathe = breathe
        self.ignored: Counter[Rule] = Counter()

    def deep(self, top: bytes) -> Iterator[Seen | Unreadable]:
        """List ``top`` and all folders below it, in order of name; symlinks are never followed."""
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                seen, folders = self.flat(folder)
            except OSError as error:
                yield Unreadable(folder, error.strerror or str(error))
                continue
            waiting.extend(sorted(folders, reverse=True))
            yield seen

    def flat(self, folder: bytes) -> tuple[Seen, list[bytes]]:
        """List one folder: its files, and the folders in it; OSError when it cannot be listed."""
        with os.scandir(folder) as entries:
            found = list(entries)
        for entry in found:
            if entry.name in STOP_FILES:
                stop = Rule(os.fsdecode(entry.name), os.fsdecode(folder))
                self.ignored[stop] += len(found) - 1
                return Seen(folder, []), []
        files: list[tuple[bytes, int, int, int]] = []
        folders: list[bytes] = []
        may_leave_out = self._ignore.may_leave_out
        for number, entry in enumerate(found):
            if not number % _ENTRIES_A_BREATH:
                self._breathe()
            is_folder = entry.is_dir(follow_symlinks=False)
            suspect = is_folder or may_leave_out(entry.name)
            rule = self._ignore.rule(entry.path, folder=is_folder) if suspect else None
            if rule is not None:
                self.ignored[rule] += 1
            elif is_folder:
                folders.append(entry.path)
            elif not entry.is_file(follow_symlinks=False):
                self.ignored[NOT_A_FILE] += 1
            else:
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone between listing and looking: the same as never listed
                # As FileStat.of does; a call for each of 500,000 files would cost a second.
                inode = stat.st_ino & LARGEST_INTEGER
                files.append((entry.name, stat.st_size, stat.st_mtime_ns, inode))
        files.sort()
        return Seen(folder, files), folders


def _compiled(patterns: Iterable[str]) -> GitIgnoreSpec:
    # A scout starts for every walk; without patterns it starts a quarter sooner.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415 - for the reason above

    return GitIgnoreSpec.from_lines(patterns)


def is_picture(path: bytes) -> bool:
    """Whether the name says that this may be a picture."""
    return os.path.splitext(path)[1].lower() in _READ_SUFFIXES


def kind(path: bytes, is_there: Container[bytes]) -> str:
    """Return in a word what a file that is no picture is: by its suffix, in lower case.

    ``is_there`` tells the files beside it: a film beside a picture of the same name is the moving
    part of a Live Photo.
    """
    stem, suffix = os.path.splitext(path)
    word = os.fsdecode(suffix.lower()) or "no suffix"
    if suffix.lower() in _MOVING_SUFFIXES and any(
        stem + s in is_there for each in (b".heic", b".jpg", b".jpeg") for s in (each, each.upper())
    ):
        return f"{word} of a Live Photo"
    return word


def look(path: bytes) -> FileStat | None:
    """Return the FileStat of a regular file, None for all else and for nothing.

    OSError when that cannot be told (no permission, a failing disk).
    """
    try:
        stat = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileStat.of(path, stat) if stat_bits.S_ISREG(stat.st_mode) else None


def is_folder(path: bytes) -> bool:
    """Whether ``path`` is a folder, and no link to one."""
    return os.path.isdir(path) and not os.path.islink(path)


def is_within(path: bytes, tops: Iterable[bytes]) -> bool:
    """Whether ``path`` is one of ``tops`` or lies below one."""
    return any(path == top or path.startswith(top.rstrip(b"/") + b"/") for top in tops)


def diff(seen: Iterable[FileStat], known: Mapping[bytes, FileStat]) -> Changes:
    """Compare one folder's listing with what is known of it.  Pure."""
    new = []
    changed = []
    there = set()
    for stat in seen:
        there.add(stat.path)
        before = known.get(stat.path)
        if before is None:
            new.append(stat)
        elif before != stat:
            changed.append(stat)
    return Changes(new, changed, [path for path in known if path not in there])
