r"""Pure: names of files and people as text: to be looked at, or to be read back from a table.

A path is any bytes.  In a table its text is UTF-8 in which a byte that is none, a control character
or a line end stands as ``\xNN`` (a byte in hexadecimal) and a backslash as ``\\``; so the bytes can
be had again.  A cell that a spreadsheet would take for a formula has its first character so, too:
CWE-1236, "Improper Neutralization of Formula Elements in a CSV File".
"""

from __future__ import annotations

import unicodedata

_FORMULAS = frozenset("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets take the wide forms too
_NOT_SHOWN = {"Cc", "Cs", "Zl", "Zp"}  # controls, lone surrogates, separators of lines, paragraphs
_BACKSLASH = "\\"


def shown(text: str) -> str:
    r"""Return ``text`` with ``\xNN`` for what hides; a lone surrogate is an undecodable byte."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_as_bytes(c) if unicodedata.category(c) in _NOT_SHOWN else c for c in text)


def shown_path(path: bytes) -> str:
    """Return ``path`` to be looked at."""
    return shown(path.decode("utf-8", "surrogateescape"))


def cell(text: str) -> str:
    """Return ``text`` as a cell that no spreadsheet takes for a formula, without loss."""
    if text and text[0] in _FORMULAS:
        return _as_bytes(text[0]) + _lossless(text[1:])
    return _lossless(text)


def path_cell(path: bytes) -> str:
    """Return ``path`` as such a cell."""
    return cell(path.decode("utf-8", "surrogateescape"))


def _lossless(text: str) -> str:
    return shown(text.replace(_BACKSLASH, _BACKSLASH * 2))


def _as_bytes(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
