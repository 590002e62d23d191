"""Names, numbers and times in words.

Names of files are shown escaped, so that none of them can forge a line or send codes to the
terminal.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


_JOINERS = "\u200c\u200d"  # of letters in Persian and Hindi, and of emoji; they do no harm


def printable(text: str) -> str:
    r"""Return ``text`` with line ends, control and undecodable characters as ``\xNN``."""
    return "".join(c if c.isprintable() or c in _JOINERS else _escaped(c) for c in text)


def in_lines(text: str) -> str:
    r"""Return ``text`` with each line that is indented by two on its own, and the rest printable.

    No name can forge a line by that which seems to be the program's own: those are not indented.
    """
    return "\n  ".join(printable(line) for line in text.split("\n  "))


def count(number: int, one: str, many: str = "") -> str:
    """Return ``1 photo`` or ``1,234 photos``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(number: int) -> str:
    """Return ``3 kB``, ``1.2 MB`` or ``4.5 GB``, in powers of 1000."""
    if number < 10**6:
        return f"{number / 1000:.0f} kB"
    return f"{number / 1e6:.1f} MB" if number < 10**9 else f"{number / 1e9:.1f} GB"


def duration(seconds: float) -> str:
    """Return ``12 s``, ``3 min 20 s``, ``2 h 5 min`` or ``3 d 4 h``."""
    whole = max(0, round(seconds))
    for unit, name, part, part_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {part_name}" if rest else "")
    return f"{whole} s"


def moment(at: float) -> str:
    """Return a time in the local zone."""
    return f"{datetime.fromtimestamp(at, UTC).astimezone():%Y-%m-%d %H:%M}"


def soon(at: float, now: float) -> str:
    """Return a time in the local zone, without the date if that is the one of ``now``."""
    day, clock = moment(at).split()
    return clock if moment(now).startswith(day) else f"{day} {clock}"


def pause_words(answer: dict[str, Any]) -> str:
    """Say why something pauses and until when, by its ``paused`` and ``paused_until``."""
    words, until = (answer.get(name) for name in ("paused", "paused_until"))
    if words is None:
        return ""
    return f"{words}, until {soon(until, time.time())}" if until is not None else str(words)


def taken(at: float) -> str:
    """Return a capture date as the camera showed it: its local time is stored as if UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def some(template: str, number: int) -> str:
    """Return ``template`` with ``number`` in it, and nothing for none."""
    return template.format(number) if number else ""


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
