"""How photos are to stand in OUTPUT, and what that will take."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.model import Way
from facewatchd.organise import PutCopy
from facewatchd.organise.manner import Manner
from facewatchd.organise.means import Means, decided, try_out
from facewatchd.organise.portions import copied
from facewatchd.organise.style import Style

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from facewatchd.config import Output, Settings
    from facewatchd.errors import OutputError
    from facewatchd.organise import Operation
    from facewatchd.store import Store

MARKERS = {b".nomedia": b"", b".ppignore": b"*\n"}  # what the programs that know them look for
_SHOWN_BY = "output_way"  # a fact: by which way photos were shown when that was last decided
_MB = 1e6
_GB = 1e9

log = logging.getLogger(__name__)


class StyleLook(NamedTuple):
    """By which way photos are shown in OUTPUT, and why."""

    way: str
    reason: str


class CopyingLook(NamedTuple):
    """How many photos are still to be copied by the plan under way, and how many bytes."""

    files: int
    bytes: int


class Styling:
    """Turns the settings of the output into what the tree is made by."""

    def __init__(self, settings: Settings, store: Store) -> None:
        output = settings.output
        self._settings = output
        self._output = os.fsencode(output.path)
        self._store = store
        self._means: Means | None = None
        self.manner = Manner(
            output.group_id, output.folder_mode, int(settings.limits.free_mb * _MB)
        )

    @property
    def markers(self) -> Mapping[bytes, bytes]:
        """The files, name -> content, that tell other programs to look away."""
        return {name.encode(): MARKERS[name.encode()] for name in self._settings.markers}

    @property
    def look(self) -> StyleLook | None:
        """What was decided, None as long as OUTPUT cannot be written."""
        means = self._means
        return None if means is None else StyleLook(means.way.value, means.reason)

    def style(self) -> Style:
        """Return how photos stand in the tree; what the disk can is tried once.  OutputError."""
        settings = self._settings
        if self._means is None:
            self._means = self._decide()
        means = self._means
        return _style(settings, means.way, means.share, portable=means.portable)

    def doubt(self, error: OutputError) -> None:
        """The disk refused something: it may be another one next time, unless it is just full."""
        cause = error.__cause__
        if not (isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}):
            self._means = None

    def copying(self, operations: Iterable[Operation]) -> CopyingLook | None:
        """Return what ``operations`` may have to copy, None if they make no files of photos."""
        reflinks = self._means is not None and self._means.reflinks
        files = [operation for operation in operations if isinstance(operation, PutCopy)]
        size = sum(copied(each, reflinks=reflinks) for each in files)
        return CopyingLook(len(files), size) if files else None

    def tell(self, copying: CopyingLook | None) -> None:
        """Say before it begins what is going to be copied, and whether it fits."""
        if copying is None or not copying.bytes:
            return
        files, size = f"{copying.files:,}", gigabytes(copying.bytes)
        log.info("Copying %s photos, up to %s, into the output.", files, size)
        room = max(0, shutil.disk_usage(self._settings.path).free - self.manner.reserve)
        if copying.bytes > room:
            log.warning(
                "Only %s fit into the output (limits.free_mb stays free); the rest waits for room.",
                gigabytes(room),
            )

    def _decide(self) -> Means:
        settings = self._settings
        share = None if settings.share is None else os.fsencode(settings.share)
        means = decided(
            settings.link, settings.audience, share, self._output, try_out(self._output)
        )
        before = self._store.fact(_SHOWN_BY)
        if before != means.way:
            if before is not None:
                log.info("Photos were shown by %s: the tree is converted.", before)
            log.info("Photos are shown by %s: %s.", means.way.value, means.reason)
            with self._store.transaction():
                self._store.set_fact(_SHOWN_BY, means.way.value)
        return means


def targets_of(output: Output, photos: Iterable[bytes]) -> list[bytes]:
    """Return what links in OUTPUT to ``photos`` hold, those of doubtful faces too."""
    style, top = _style(output, Way.SYMLINK), os.fsencode(output.path)
    folders = (b"person", b"_doubtful/person")
    return [style.target(photo, folder, top) for photo in photos for folder in folders]


def _style(
    output: Output, way: Way, share: bytes | None = None, *, portable: bool = False
) -> Style:
    layout = output.layout.removeprefix("{person}").removeprefix("/")
    outside = tuple((os.fsencode(a), os.fsencode(b)) for a, b in output.link_map.items())
    return Style(way, share, layout, output.name, outside, portable)


def gigabytes(size: int) -> str:
    """Return a size in words."""
    return f"{size / _GB:,.1f} GB" if size >= _GB / 10 else f"{size / _MB:,.1f} MB"
