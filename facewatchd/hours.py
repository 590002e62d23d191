"""Times of the week in which something may be done, by the clock on the wall; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY, _WEEK = 24 * 60, 7 * 24 * 60  # minutes
_CLOCKS_ARE_SET = 30  # minutes: at full or half hours of UTC, all over the world
_AHEAD = 15 * _DAY  # of a span in the hour that summer time leaves out, the next one is so far

_TIME = r"([01]?\d|2[0-4]):([0-5]\d)"
_SPAN = re.compile(
    rf"(?:({'|'.join(_DAYS)})(?:\s*-\s*({'|'.join(_DAYS)}))?\s+)?{_TIME}\s*-\s*{_TIME}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of the week, in minutes from Monday 00:00: the first, and the first that is outside.

    A span may run over the end of the week; without any the hours are always.  What counts is what
    the clock on the wall shows: an hour that it shows twice, when summer time ends, is in twice,
    and one that it leaves out is not there.
    """

    spans: tuple[tuple[int, int], ...] = ()

    def hold(self, at: float, zone: tzinfo | None = None) -> bool:
        """Whether ``at``, in seconds since 1970, is within them; no ``zone`` is the machine's."""
        now = _minute_of_week(at, zone)
        return not self.spans or any((now - a) % _WEEK < b - a for a, b in self.spans)

    def opening(self, at: float, zone: tzinfo | None = None) -> float:
        """Return the first moment from ``at`` on that is within them, in seconds since 1970."""
        moment = at
        while not self.hold(moment, zone) and moment < at + _AHEAD * 60:
            now, minute = _minute_of_week(moment, zone), moment // 60
            to_start = min((first - now) % _WEEK for first, _ in self.spans)
            moment = 60 * (minute + min(to_start, _CLOCKS_ARE_SET - minute % _CLOCKS_ARE_SET))
        return moment


def read_hours(value: object) -> object:
    """Return the Hours that ``always``, one text or a list of them says; ValueError if none does.

    A text is ``22:00-06:00``, every day, or begins with days: ``sat 00:00-24:00``,
    ``mon-fri 12:00-13:00``.  What ends at an earlier time than it begins at ends the next day.
    """
    if isinstance(value, Hours):
        return value
    if value == "always":
        return Hours()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise ValueError('must be always, or times like ["22:00-06:00", "sat-sun 08:00-20:00"]')
    return Hours(tuple(span for text in texts for span in _spans(text)))


def _spans(text: object) -> Iterator[tuple[int, int]]:
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f'{text!r} is no time like "22:00-06:00" or "mon-fri 12:00-13:00"')
    first, last, *clock = found.groups()
    begin, end = (60 * int(hour) + int(minute) for hour, minute in (clock[:2], clock[2:]))
    if begin >= _DAY or end > _DAY:
        raise ValueError(f"{text!r}: a day begins at 00:00 and ends at 24:00")
    if begin == end:
        raise ValueError(f"{text!r} takes no time; the whole day is 00:00-24:00")
    length = (end - begin) % _DAY or _DAY
    for day in _days(first, last):
        yield day * _DAY + begin, day * _DAY + begin + length


def _days(first: str | None, last: str | None) -> list[int]:
    if first is None:
        return list(range(len(_DAYS)))
    begin = _DAYS.index(first.lower())
    end = _DAYS.index((last or first).lower())
    return [(begin + day) % len(_DAYS) for day in range((end - begin) % len(_DAYS) + 1)]


def _minute_of_week(at: float, zone: tzinfo | None) -> int:
    local = datetime.fromtimestamp(at, zone)
    return local.weekday() * _DAY + local.hour * 60 + local.minute
