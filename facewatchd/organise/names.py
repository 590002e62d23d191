"""Pure: what a link in the output tree is called.

Names are bytes and may hold anything but ``/`` and NUL.  They are a function of the photos in the
folder alone, so that two runs over the same store give the same tree, and no two of them are equal
for a disk that ignores case or Unicode normalisation.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.names import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

COVER = b"cover.jpg"

_LONGEST = 255  # NAME_MAX of every Linux file system
_LONGEST_EXTENSION = 16  # what is longer after the last dot is no extension
_DIGITS = 8
_TEMPORARY = re.compile(rb"\.[0-9a-f]{16}\.facewatchd-tmp", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo in a folder: the hash of its content, and where it lies (absolute, resolved).

    Also the size and time of that file, and when the photo was taken, in seconds since 1970: of
    no use where photos are linked to under their own names.
    """

    hash: bytes
    path: bytes
    size: int = 0
    mtime_ns: int = 0
    captured: float = 0.0


def _own_name(photo: Photo) -> bytes:
    return os.path.basename(photo.path)


def link_names(
    photos: Iterable[Photo], named: Callable[[Photo], bytes] = _own_name
) -> dict[bytes, bytes]:
    """Return the link name of each path; of a photo that is given twice only the first path.

    A link is called as ``named`` says, by default as its photo's file.  Where that is taken by
    another photo of the folder or by us, or too long, all that share it get ``NAME~HASH.EXT`` with
    eight digits of the photo's hash, and eight more for as long as that does not tell them apart.
    """
    distinct = {photo.hash: photo for photo in sorted(photos, key=_by_path, reverse=True)}
    digits = dict.fromkeys(distinct.values(), 0)
    while True:
        names = {photo: _name(photo, named(photo), count) for photo, count in digits.items()}
        folded = {photo: fold(name) for photo, name in names.items()}
        uses = Counter(folded.values())
        unfit = [p for p in names if uses[folded[p]] > 1 or _is_unfit(names[p], folded[p])]
        if not unfit:
            return {photo.path: name for photo, name in names.items()}
        for photo in unfit:
            digits[photo] += _DIGITS


def fold(name: bytes) -> str:
    """Return what ``name`` is to a disk that ignores case and normalises Unicode."""
    if name.isascii():
        return name.decode("ascii").lower()
    return folded(name.decode("utf-8", "surrogateescape"))


def temporary(path: bytes) -> bytes:
    """Return the path under which the new content of ``path`` is written before it is renamed."""
    folder, name = os.path.split(path)
    digest = hashlib.blake2b(name, digest_size=8).hexdigest()
    return os.path.join(folder, b".%s.facewatchd-tmp" % digest.encode())


def is_temporary(path: bytes) -> bool:
    """Say whether ``path`` is named like one of our temporary files."""
    return _TEMPORARY.fullmatch(os.path.basename(path)) is not None


def _by_path(photo: Photo) -> bytes:
    return photo.path


def _is_unfit(name: bytes, folded: str) -> bool:
    return folded == COVER.decode() or is_temporary(name) or len(name) > _LONGEST


def extension_of(name: bytes) -> bytes:
    """Return the extension of a file name with its dot; of ``...jpg`` too, unlike os.path."""
    _, dot, extension = name.rpartition(b".")
    return dot + extension if dot and len(extension) < _LONGEST_EXTENSION else b""


def _name(photo: Photo, name: bytes, digits: int) -> bytes:
    if not digits:
        return name
    extension = extension_of(name)
    stem = name.removesuffix(extension)
    suffix = b"~" + photo.hash.hex()[:digits].encode() + extension
    return _shortened(stem, _LONGEST - len(suffix)) + suffix


def _shortened(stem: bytes, length: int) -> bytes:
    """Cut ``stem`` to at most ``length`` bytes, not within a UTF-8 character."""
    if len(stem) <= length:
        return stem
    while length and stem[length] & 0xC0 == 0x80:  # noqa: PLR2004 - 10xxxxxx continues a character
        length -= 1
    return stem[:length]
