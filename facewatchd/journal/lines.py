"""Pure: what a file of the journal holds, from bytes and to bytes.

The first line is a header, every other one a decision.  A line ends in ``sum``, the CRC-32 of the
line without it: most bytes of a line are digits, and a flipped one would else be another decision.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.decisions import from_line, to_line
from facewatchd.decisions.decision import VERSION as LINE_VERSION
from facewatchd.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.decisions import Decision

VERSION = 1
_KIND = "decisions"
_BEFORE_SUM, _AFTER_SUM = b',"sum":"', b'"}'
_SUM = len(_BEFORE_SUM) + 8 + len(_AFTER_SUM)  # bytes; a CRC-32 is 8 hexadecimal digits


class Line(NamedTuple):
    """A decision and the bytes that say it, with their sum and newline; None if none do yet."""

    decision: Decision
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Content:
    """What was found in a file, or among the rows of the store: ``where`` names it.

    ``library`` is None if the header is damaged, a line is None if it is.  ``mended`` says what
    was wrong with the end of the file.
    """

    where: str
    library: str | None
    lines: list[Line | None]
    mended: str | None = None

    def decisions(self) -> Iterable[Decision]:
        """Return the decisions of the unharmed lines, in their order."""
        return (line.decision for line in self.lines if line is not None)


def header(library: str) -> bytes:
    """Return the first line of a file of ``library``."""
    fields = {"facewatchd": _KIND, "v": VERSION, "library": library}
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def bytes_of(decision: Decision) -> bytes:
    """Return the line of a decision, with its sum and a newline."""
    body = to_line(decision).encode()
    check = f"{zlib.crc32(body):08x}".encode()
    return body[:-1] + _BEFORE_SUM + check + _AFTER_SUM + b"\n"


class Reader:
    """Reads files that hold much the same: what is equal is understood once."""

    def __init__(self) -> None:
        self._known: dict[bytes, Decision] = {}
        self._before: tuple[bytes, Content] | None = None

    def file(self, raw: bytes, where: str) -> Content | None:
        """Return what ``raw`` holds, None if that is nothing; JournalError if it is newer.

        A torn last line is cut.  One that lacks only its newline was written whole, and is kept.
        """
        if self._before is not None and raw == self._before[0]:
            return replace(self._before[1], where=where)
        if not raw.strip(b"\0\n "):
            return None
        first, *texts = raw.removesuffix(b"\n").split(b"\n")
        lines = [self._line(text, where, at) for at, text in enumerate(texts, start=2)]
        mended = None
        if lines and lines[-1] is None and _fields(texts[-1]) is None:
            lines.pop()
            mended = "its last line was torn and has been cut"
        elif not raw.endswith(b"\n"):
            mended = "its last line had no end and has got one"
        content = Content(where, _library(first, where), lines, mended)
        self._before = (raw, content)
        return content

    def rows(self, rows: Iterable[str], library: str | None) -> Content:
        """Return what the rows of the store hold, which are lines without a sum."""
        lines = [self._line(row.encode(), "the store", at) for at, row in enumerate(rows, start=1)]
        return Content("the store", library, lines)

    def _line(self, text: bytes, where: str, at: int) -> Line | None:
        body = _without_sum(text)
        if body is None:
            return None
        decision = self._known.get(body)
        if decision is None:
            try:
                decision = self._known[body] = from_line(body.decode())
            except UnicodeDecodeError:
                return None
            except JournalError:
                _refuse_newer(_fields(text), LINE_VERSION, f"Line {at} of {where}")
                return None
        return Line(decision, None if body is text else text + b"\n")


def _without_sum(text: bytes) -> bytes | None:
    """Return a line as it was summed up, itself if it has no sum, None if the sum is another."""
    start = len(text) - _SUM
    if not (text.startswith(_BEFORE_SUM, start) and text.endswith(_AFTER_SUM)):
        return text
    body = text[:start] + b"}"
    check = text[start + len(_BEFORE_SUM) : -len(_AFTER_SUM)]
    return body if check == f"{zlib.crc32(body):08x}".encode() else None


def _library(first: bytes, where: str) -> str | None:
    fields = _fields(first)
    if fields is None or fields.get("facewatchd") != _KIND:
        return None
    _refuse_newer(fields, VERSION, where)
    library = fields.get("library")
    return library if isinstance(library, str) and library else None


def _refuse_newer(fields: dict[str, Any] | None, known: int, what: str) -> None:
    version = None if fields is None else fields.get("v")
    if isinstance(version, int) and version > known:
        raise JournalError(
            f"{what} is of version {version}; this facewatchd knows version {known}.",
            "Install the facewatchd that wrote it, or a newer one; or go back to before it:"
            " facewatchctl restore --without-newer BACKUP",
        )


def _fields(text: bytes) -> dict[str, Any] | None:
    """Return the fields of a line, None if it is no JSON object."""
    try:
        fields = json.loads(text)
    except ValueError:  # of its kind are errors in JSON and in UTF-8
        return None
    return fields if isinstance(fields, dict) else None
