"""Pure: the names of pictures of faces, made by a pattern such as ``{group}/face{number}.jpg``."""

from __future__ import annotations

import os
from string import Formatter
from typing import TYPE_CHECKING

from facewatchd.errors import ConfigError
from facewatchd.names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LONGEST = 255  # bytes: NAME_MAX of every Linux file system
_LONGEST_EXTENSION = 16  # what is longer after the last dot is no extension
FORMATS = {b".jpg": "JPEG", b".jpeg": "JPEG", b".png": "PNG", b".webp": "WEBP"}


class Pattern:
    """A relative path with fields in braces, which ends in .jpg, .jpeg, .png, .webp or {ext}.

    ConfigError for anything else, and for a field that is none of ``fields``.
    """

    def __init__(self, text: str, fields: Iterable[str]) -> None:
        known = {*fields}
        try:
            self._parts = [(before, field) for before, field, _, _ in _parsed(text)]
        except ValueError as error:
            raise _wrong(text, f"{error}", known) from error
        used = {field for _, field in self._parts if field is not None}
        if not used <= known:
            raise _wrong(text, f"it has {', '.join(sorted(used - known))}", known)
        outline = "".join(before + ("x" if field else "") for before, field in self._parts)
        if outline.startswith("/") or not {"", ".", ".."}.isdisjoint(outline.split("/")):
            raise _wrong(text, "it must be a path below the report's folder", known)
        ends = ".jpg" if self._parts[-1] == (".", "ext") else os.path.splitext(text)[1]
        if os.fsencode(ends.lower()) not in FORMATS:
            raise _wrong(text, "it must end in .jpg, .png or .webp", known)

    def names(self, rows: Iterable[Mapping[str, bytes]]) -> list[bytes]:
        """Return the path of each row, which gives the fields' values.

        No two are equal for a disk that ignores case or Unicode normalisation: later ones get
        ``~2``, ``~3`` … before their extension.
        """
        taken: set[str] = set()
        counts: dict[str, int] = {}
        return [self._free(self._filled(row), taken, counts) for row in rows]

    def _filled(self, row: Mapping[str, bytes]) -> bytes:
        # A value may hold no slash, so that the folders are those of the pattern.
        filled = b"".join(
            os.fsencode(before) + (row[field].replace(b"/", b"_") if field else b"")
            for before, field in self._parts
        )
        return b"/".join(_component(part) for part in filled.split(b"/"))

    def _free(self, path: bytes, taken: set[str], counts: dict[str, int]) -> bytes:
        first, free = _key(path), path
        while _key(free) in taken:
            counts[first] = counts.get(first, 1) + 1
            free = _component(path, b"~%d" % counts[first])
        taken.add(_key(free))
        return free


def picture_format(name: bytes) -> str:
    """Return Pillow's name of the format that the file ``name`` has by its extension."""
    return FORMATS[_split(name)[1].lower()]


def _parsed(text: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    for before, field, form, conversion in Formatter().parse(text):
        if form or conversion or field == "":
            raise ValueError("a field is only a name in braces")
        yield before, field, form, conversion


def _wrong(text: str, why: str, known: set[str]) -> ConfigError:
    return ConfigError(
        f"{text!r} cannot name pictures of faces: {why}.",
        f"Write a path such as {{group}}/1.jpg; the fields are {', '.join(sorted(known))}.",
    )


def _component(path: bytes, suffix: bytes = b"") -> bytes:
    """Return ``path`` with ``suffix`` before its extension, its last part no longer than a name."""
    parent, name = os.path.split(path)
    stem, extension = _split(name)
    room = _LONGEST - len(suffix) - len(extension)
    if len(stem) > room:
        stem = stem[:room].decode("utf-8", "ignore").encode() or stem[:room]
    name = (stem or b"_") + suffix + extension
    return os.path.join(parent, b"_" if name in {b".", b".."} else name)


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Return stem and extension; of ``.jpg`` too, unlike ``os.path.splitext``."""
    stem, dot, extension = name.rpartition(b".")
    if not dot or len(extension) >= _LONGEST_EXTENSION:
        return name, b""
    return stem, dot + extension


def _key(path: bytes) -> str:
    return folded(path.decode("utf-8", "surrogateescape"))
