"""Times of the week, by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.hours import Hours, read_hours

if TYPE_CHECKING:
    from datetime import tzinfo

BERLIN = ZoneInfo("Europe/Berlin")  # summer time from the last Sunday of March to that of October
ZONES = [BERLIN, UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Australia/Lord_Howe")]
MINUTE = 60.0


def hours(*texts: str) -> Hours:
    read = read_hours(list(texts))
    assert isinstance(read, Hours)
    return read


def at(text: str, zone: tzinfo = UTC, fold: int = 0) -> float:
    """Return a moment like ``2026-11-23 22:00``; 2026-11-23 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


@pytest.mark.parametrize(
    ("text", "within", "without"),
    [
        ("22:00-06:00", "2026-11-23 22:00", "2026-11-23 21:59"),
        ("22:00-06:00", "2026-11-24 05:59", "2026-11-24 06:00"),
        ("9:30-10:00", "2026-11-24 09:30", "2026-11-24 10:00"),
        ("sat 00:00-24:00", "2026-11-28 23:59", "2026-11-29 00:00"),
        ("fri 22:00-06:00", "2026-11-28 05:59", "2026-11-27 05:59"),
        ("Sun 23:00-01:00", "2026-11-23 00:30", "2026-11-24 00:30"),  # over the end of the week
        ("sat - mon 12:00 - 13:00", "2026-11-23 12:30", "2026-11-24 12:30"),
        ("mon-mon 12:00-13:00", "2026-11-23 12:30", "2026-11-24 12:30"),
    ],
)
def test_a_span_holds_from_its_first_minute_to_before_its_last(
    text: str, within: str, without: str
) -> None:
    assert hours(text).hold(at(within), UTC)
    assert not hours(text).hold(at(without), UTC)


def test_several_spans_hold_where_any_does() -> None:
    both = hours("22:00-06:00", "sat-sun 12:00-14:00")
    held = [both.hold(at(f"2026-11-{day} {clock}"), UTC)
            for day, clock in ((28, "13:00"), (27, "13:00"), (27, "23:00"))]  # fmt: skip
    assert held == [True, False, True]


@pytest.mark.parametrize("value", ["always", "00:00-24:00", ["mon-sun 00:00-24:00"]])
def test_always_holds_whenever_it_is_asked(value: object) -> None:
    read = read_hours(value)
    assert isinstance(read, Hours)
    assert all(read.hold(60.0 * 7 * n, UTC) for n in range(1440))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("22-6", "'22-6' is no time like"),
        (["22:00-06:00", "sab 10:00-11:00"], "'sab 10:00-11:00' is no time"),
        ("22:61-23:00", "is no time"),
        ("24:00-06:00", "begins at 00:00 and ends at 24:00"),
        ("22:00-24:30", "begins at 00:00 and ends at 24:00"),
        ("06:00-06:00", "the whole day is 00:00-24:00"),
        ([], "must be always, or times like"),
        (None, "must be always"),
        (22, "must be always"),
        ([22], "22 is no time"),
        ("never", "'never' is no time"),
    ],
)
def test_what_is_no_time_is_refused_and_named(value: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"always|time|24:00") as raised:
        read_hours(value)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("text", "moment", "opening"),
    [
        ("22:00-06:00", "2026-11-23 10:00:30", "2026-11-23 22:00"),
        ("22:00-06:00", "2026-11-23 23:00:30", "2026-11-23 23:00:30"),  # it is open
        ("22:00-06:00", "2026-11-23 06:00", "2026-11-23 22:00"),
        ("sat 00:00-24:00", "2026-11-29 00:00", "2026-12-05 00:00"),
        ("22:15-23:00", "2026-11-23 22:14:59", "2026-11-23 22:15"),
    ],
)
def test_the_opening_is_the_next_moment_within(text: str, moment: str, opening: str) -> None:
    assert hours(text).opening(at(moment), UTC) == at(opening)


def test_an_hour_that_summer_time_leaves_out_is_not_there() -> None:
    """On 2026-03-29 the clock goes from 01:59 to 03:00."""
    over = hours("01:00-02:30")  # ends with the hour that is left out
    assert over.hold(at("2026-03-29 01:59", BERLIN), BERLIN)
    assert not over.hold(at("2026-03-29 03:00", BERLIN), BERLIN)
    within = hours("sun 02:15-02:45")
    week_later = at("2026-04-05 02:15", BERLIN)
    assert within.opening(at("2026-03-29 00:00", BERLIN), BERLIN) == week_later
    starts_there = hours("02:30-05:00")
    assert starts_there.opening(at("2026-03-29 01:00", BERLIN), BERLIN) == at(
        "2026-03-29 03:00", BERLIN
    )


def test_an_hour_that_the_clock_shows_twice_is_in_twice() -> None:
    """On 2026-10-25 the clock goes from 02:59 back to 02:00."""
    night = hours("02:00-03:00")
    first, again = (at("2026-10-25 02:30", BERLIN, fold) for fold in (0, 1))
    assert again - first == 3600
    assert night.hold(first, BERLIN)
    assert night.hold(again, BERLIN)
    assert night.opening(at("2026-10-25 01:00", BERLIN), BERLIN) == first - 1800
    half = hours("02:30-02:45")
    assert half.opening(first + 20 * MINUTE, BERLIN) == again


times = st.integers(0, 24 * 60 - 1).map(lambda m: f"{m // 60:02}:{m % 60:02}")
days = st.sampled_from(["", "mon ", "fri-mon ", "wed-thu ", "sun "])
spans = st.builds("{}{}-{}".format, days, times, times).filter(
    lambda text: text[-11:-6] != text[-5:]
)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)).map(  # noqa: DTZ001 -- UTC below
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0).timestamp()
)


@given(st.lists(spans, min_size=1, max_size=3), moments, st.sampled_from(ZONES))
def test_no_minute_before_the_opening_is_within(
    texts: list[str], moment: float, zone: tzinfo
) -> None:
    read = hours(*texts)
    opening = read.opening(moment, zone)
    assert read.hold(opening, zone)
    assert opening == moment or opening % MINUTE == 0
    # Looked at minute by minute, as anybody would who has nothing but a clock.
    minutes = int((min(opening, moment + 2 * 86400) - moment) // MINUTE)
    assert not any(read.hold(moment + n * MINUTE, zone) for n in range(minutes))
    assert not (minutes and read.hold(opening - 1, zone))


@given(spans, moments, st.sampled_from(ZONES))
def test_what_holds_is_what_the_clock_on_the_wall_says(
    text: str, moment: float, zone: tzinfo
) -> None:
    names, _, clock = text.rpartition(" ")
    begin, end = clock.split("-")
    local = datetime.fromtimestamp(moment, zone)
    shown, today = f"{local:%H:%M}", f"{local:%a}".lower()
    yesterday = f"{datetime.fromisoformat(str(local.date())) - timedelta(1):%a}".lower()
    order = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    first, _, last = names.partition("-")
    on = order if not names else [first]
    while names and on[-1] != (last or first):
        on = [*on, order[(order.index(on[-1]) + 1) % 7]]
    if begin < end:
        expected = today in on and begin <= shown < end
    else:
        expected = (today in on and shown >= begin) or (yesterday in on and shown < end)
    assert hours(text).hold(moment, zone) == expected
