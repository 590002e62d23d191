"""Text as roff with the macros of man(7), which every system's man understands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKED = re.compile(r"``(.+?)``|`(.+?)`|\*\*(.+?)\*\*|(?<!\w)[*](\w[^*]*)[*]")


def escaped(text: str) -> str:
    """Return ``text`` so that roff shows it as it is, on one line, in ASCII."""
    flat = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    flat = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in flat)
    return f"\\&{flat}" if flat.startswith(".") else flat


def bold(text: str) -> str:
    """Return ``text`` as what is typed like that."""
    return f"\\fB{escaped(text)}\\fR" if text else ""


def marked(text: str) -> str:
    """Return Markdown's code and emphasis in bold, and of links what they say."""
    plain = _LINK.sub(r"\1", text)
    parts = []
    end = 0
    for found in _MARKED.finditer(plain):
        parts += [_between(plain[end : found.start()]), bold(next(filter(None, found.groups())))]
        end = found.end()
    whole = "".join([*parts, _between(plain[end:])]).strip()
    return f"\\&{whole}" if whole.startswith(".") else whole


def _between(text: str) -> str:
    """Return plain text with the spaces that part it from what is beside it."""
    before = " " if text[:1].isspace() else ""
    after = " " if text.strip() and text[-1:].isspace() else ""
    return before + escaped(text).removeprefix("\\&") + after


def head(name: str, section: int, version: str) -> str:
    """Return what a page begins with."""
    return f'.\\" Made by `make man`: changes get lost.\n.TH "{name}" {section} "" "{version}"\n'


def heading(title: str) -> str:
    """Return a section's heading."""
    return f'.SH "{escaped(title)}"\n'


def below(title: str) -> str:
    """Return the heading of a part of a section; ``title`` is roff."""
    return f".SS {title}\n"


def paragraph(roff: str) -> str:
    """Return a paragraph."""
    return f".PP\n{roff}\n"


def items(rows: Iterable[tuple[str, str]]) -> str:
    """Return terms with what they mean; both are roff."""
    return "".join(f".TP\n{term}\n{meaning or '.'}\n" for term, meaning in rows)


def verbatim(text: str) -> str:
    """Return lines as they are."""
    lines = "".join(f"{_line(line)}\n" for line in text.splitlines())
    return f".PP\n.RS 4\n.nf\n{lines}.fi\n.RE\n"


def _line(text: str) -> str:
    indent = len(text) - len(text.lstrip())
    return "\\&" + " " * indent + escaped(text)
