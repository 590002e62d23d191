"""Pure: how photos stand in the output tree: by which way, in which folder, under which name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from facewatchd.model import Copy, Link, Way
from facewatchd.names import portable
from facewatchd.organise.names import Photo, extension_of, link_names
from facewatchd.scan import is_within

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST, _LAST = -62135596800.0, 253402300799.0  # the seconds of the years 1 and 9999
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Style:
    """How photos stand in the tree.

    ``way`` is how each of them is made, but for those outside ``share`` (None: there are no such),
    which are copies or reflinks of their own.  ``layout`` is the path of the folders within a
    person's folder, empty for none, and ``name`` what an entry is called; both have placeholders.
    ``outside`` are pairs of paths: a link to what is at the first one leads to the second.  With
    ``portable`` entries and folders of the layout have names that Windows takes.
    """

    way: Way = Way.SYMLINK
    share: bytes | None = None
    layout: str = ""
    name: str = "{name}"
    outside: tuple[tuple[bytes, bytes], ...] = ()
    portable: bool = False

    def entries(
        self, folder: bytes, photos: Iterable[Photo], output: bytes
    ) -> dict[bytes, Link | Copy]:
        """Return what shows ``photos`` in ``folder``, by path in OUTPUT."""
        found: dict[bytes, Link | Copy] = {}
        for place, some in self._places(folder, photos).items():
            here = self._seen(os.path.join(output, place))
            ways: dict[bytes, bytes] = {}  # folder of photos -> how to get there from here
            by_path = {photo.path: photo for photo in some}
            for path, name in link_names(some, self._named).items():
                photo = by_path[path]
                if self.way_of(path) is not Way.SYMLINK:
                    entry: Link | Copy = Copy(
                        self.way_of(path), photo.hash, path, photo.size, photo.mtime_ns
                    )
                else:
                    above, last = os.path.split(path)
                    if above not in ways:
                        ways[above] = os.path.relpath(self._seen(above), here)
                    entry = Link(os.path.join(ways[above], last))
                found[os.path.join(place, name)] = entry
        return found

    def way_of(self, path: bytes) -> Way:
        """Return how the photo at ``path`` is shown."""
        if self.share is None or is_within(path, [self.share]):
            return self.way
        return Way.EITHER

    def target(self, path: bytes, folder: bytes, output: bytes) -> bytes:
        """Return what a link to the photo at ``path`` holds in the person's ``folder``."""
        depth = [b"_"] * (len(self.layout.split("/")) if self.layout else 0)
        here = self._seen(os.path.join(output, folder, *depth))
        above, last = os.path.split(path)
        return os.path.join(os.path.relpath(self._seen(above), here), last)

    def _places(self, folder: bytes, photos: Iterable[Photo]) -> dict[bytes, list[Photo]]:
        """Return the folder of each photo; one that is given twice only by its first path."""
        distinct = {each.hash: each for each in sorted(photos, key=_by_path, reverse=True)}
        places: dict[bytes, list[Photo]] = {}
        for photo in sorted(distinct.values(), key=_by_path):
            names = _filled(self.layout, photo).split("/")
            inner = os.fsencode("/".join(map(self._legal, names))) if self.layout else b""
            places.setdefault(os.path.join(folder, inner) if inner else folder, []).append(photo)
        return places

    def _named(self, photo: Photo) -> bytes:
        if self.name == "{name}" and not self.portable:
            return os.path.basename(photo.path)
        name = os.fsencode(_filled(self.name, photo))
        if "{name}" not in self.name:
            name += extension_of(os.path.basename(photo.path))
        return os.fsencode(self._legal(os.fsdecode(name)))

    def _legal(self, name: str) -> str:
        return portable(name) if self.portable else name

    def _seen(self, path: bytes) -> bytes:
        """Return where ``path`` is for whoever follows the links."""
        inside = [pair for pair in self.outside if is_within(path, [pair[0]])]
        if not inside:
            return path
        here, there = max(inside, key=lambda pair: len(pair[0]))
        return os.path.normpath(os.path.join(there, os.path.relpath(path, here)))


LINKS = Style()


def _filled(template: str, photo: Photo) -> str:
    """Return ``template`` with its placeholders filled in for ``photo``."""
    if "{" not in template:
        return template
    taken = datetime.fromtimestamp(min(max(photo.captured, _FIRST), _LAST), UTC)
    name = os.path.basename(photo.path)
    values = {
        "date": f"{taken.year:04}-{taken.month:02}-{taken.day:02}",
        "time": f"{taken.hour:02}{taken.minute:02}{taken.second:02}",
        "year": f"{taken.year:04}",
        "month": f"{taken.month:02}",
        "day": f"{taken.day:02}",
        "name": os.fsdecode(name),
        "stem": os.fsdecode(name.removesuffix(extension_of(name))),
    }
    return _FIELD.sub(lambda field: values[field[1]], template)


def _by_path(photo: Photo) -> bytes:
    return photo.path
