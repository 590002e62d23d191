"""The directories of a TIFF (TIFF 6.0, section 2), which EXIF and most RAW formats are made of."""
# ruff: noqa: PLR2004 - the numbers are those of the format's own definition

from __future__ import annotations

import struct
from typing import NamedTuple

_SIZE_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I"}  # 13: the offset of a directory


class Entry(NamedTuple):
    """One tag: its type, where its value lies, and the bytes of it."""

    type: int
    place: int
    value: bytes


class Directory(NamedTuple):
    """The tags of one directory, and where the next one starts (0: nowhere)."""

    order: str
    entries: dict[int, Entry]
    following: int

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the whole numbers that ``tag`` holds; none if it is missing or holds others."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in _INTEGERS:
            return ()
        code = _INTEGERS[entry.type]
        count = len(entry.value) // struct.calcsize(code)
        return struct.unpack_from(f"{self.order}{count}{code}", entry.value)

    def number(self, tag: int) -> int | None:
        """Return the first number that ``tag`` holds."""
        return next(iter(self.numbers(tag)), None)


def byte_order(tiff: bytes) -> str | None:
    """Return the byte order for ``struct`` that the first bytes of a TIFF name."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])


def directory(tiff: bytes, start: int, order: str, base: int = 0) -> Directory:
    """Return the directory at ``base + start``; offsets in it count from ``base``.

    struct.error when it, or a part of it, lies behind the end.
    """
    at = base + start
    (count,) = struct.unpack_from(order + "H", tiff, at)
    entries = {}
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", tiff, place)
        size = length * _SIZE_OF_TYPE.get(kind, 1)
        where = place + 8
        if size > 4:
            where = base + struct.unpack_from(order + "I", tiff, where)[0]
        entries[tag] = Entry(kind, where, tiff[where : where + size])
    after = tiff[at + 2 + 12 * count :][:4]
    following = struct.unpack(order + "I", after)[0] if len(after) == 4 else 0
    return Directory(order, entries, following)
