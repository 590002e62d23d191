"""When work is put off: the reasons, their order, their end, by a clock that the test sets."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.config import load
from facewatchd.pipeline.pausing import Machine, Pause, Pausing, Wanted
from facewatchd.pipeline.space import Space
from facewatchd.store import Store
from tests.support.library import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.config import Settings

pytestmark = pytest.mark.usefixtures("in_utc")

PHOTOS = Wanted(photos=True, again=False, clustering=False)
AGAIN = Wanted(photos=False, again=True, clustering=False)
CLUSTERING = Wanted(photos=False, again=False, clustering=True)
NOTHING = Wanted(photos=False, again=False, clustering=False)
ALL = Wanted(photos=True, again=True, clustering=True)
NIGHT = {"encode": "22:00-06:00", "recluster": ["sat-sun 00:00-24:00"]}


def moment(text: str) -> float:
    """Return a moment of the zone of these tests, UTC; 2026-11-23 is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class SetClock:
    """Two clocks, as a machine has: one can be set."""

    wall: float
    goes: float = 1000.0

    def monotonic(self) -> float:
        return self.goes

    def time(self) -> float:
        return self.wall

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.goes += seconds


@dataclass
class Shares:
    """A machine's load as the test says it."""

    share: float | None = None
    looks: int = 0
    forgotten: int = 0

    def others(self) -> float | None:
        self.looks += 1
        return self.share

    def forget(self) -> None:
        self.forgotten += 1


@dataclass
class House:
    """A Pausing with a real store, and with a machine and a clock of the test's."""

    folder: Path
    store: Store
    clock: SetClock
    load: Shares = field(default_factory=Shares)
    waiting: int = 100  # photos

    def pausing(self, **work: Any) -> Pausing:
        settings: Settings = load(
            None, {"roots": [{"path": "/p"}], "output": "/o", "state": "/s", "work": work}
        )
        self.space = Space(self.folder, 0, self.clock)
        machine = Machine(self.folder / "supplies", self.load)  # type: ignore[arg-type]  # others() and forget() are all of it
        return Pausing(settings.work, self.store, self.space, self.clock, machine)

    def few(self, most: int) -> bool:
        return self.waiting <= most

    def on_battery(self, *, emptying: bool) -> None:
        place = self.folder / "supplies" / "BAT0"
        place.mkdir(parents=True, exist_ok=True)
        (place / "type").write_text("Battery\n")
        (place / "status").write_text("Discharging\n" if emptying else "Full\n")

    def reason(self, pausing: Pausing, wanted: Wanted = PHOTOS) -> str | None:
        pausing.step(wanted, self.few)
        return pausing.shown.reason if pausing.shown else None


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield House(tmp_path, store, SetClock(moment("2026-11-23 12:00")))


def test_by_default_nothing_waits_and_nobody_wakes_up(house: House) -> None:
    pausing = house.pausing()
    for wanted in (NOTHING, PHOTOS, AGAIN, CLUSTERING):
        assert house.reason(pausing, wanted) is None
        assert (pausing.photos, pausing.again, pausing.clustering) == (None, None, None)
    assert house.reason(pausing, NOTHING) is None
    assert pausing.next_due() is None


def test_outside_the_hours_photos_wait_until_they_open(house: House) -> None:
    pausing = house.pausing(**NIGHT)
    pausing.step(PHOTOS, house.few)
    until = moment("2026-11-23 22:00")
    assert pausing.shown == Pause("hours", "outside the hours of work.encode", until)
    house.clock.passes(until - house.clock.wall - 1)
    assert house.reason(pausing) == "hours"
    assert pausing.next_due() == house.clock.goes + 1
    house.clock.passes(1)
    assert house.reason(pausing) is None
    assert pausing.photos is None


def test_a_clustering_has_hours_of_its_own(house: House) -> None:
    pausing = house.pausing(**NIGHT)
    house.clock.wall = moment("2026-11-23 23:00")
    pausing.step(ALL, house.few)
    assert (pausing.photos, pausing.shown) == (None, None)
    assert pausing.shown_clustering == Pause(
        "hours", "outside the hours of work.recluster", moment("2026-11-28 00:00")
    )
    house.clock.wall = moment("2026-11-28 12:00")
    pausing.step(ALL, house.few)
    assert pausing.clustering is None
    assert pausing.photos is not None


def test_some_new_photos_are_read_outside_the_hours_and_no_known_ones(house: House) -> None:
    pausing = house.pausing(**NIGHT)
    house.waiting = 20
    pausing.step(PHOTOS, house.few)
    assert (pausing.photos, pausing.shown) == (None, None)
    pausing.step(ALL, house.few)
    assert pausing.photos is None
    assert pausing.again is not None
    assert pausing.shown == pausing.again
    house.waiting = 21
    assert house.reason(pausing) == "hours"
    house.waiting = 1
    assert house.reason(house.pausing(**NIGHT, at_once=0)) == "hours"


def test_outside_the_hours_nothing_is_shown_and_nobody_wakes_while_nothing_waits(
    house: House,
) -> None:
    pausing = house.pausing(**NIGHT)
    house.on_battery(emptying=True)
    assert house.reason(pausing, NOTHING) is None
    assert pausing.photos is not None  # what comes in this moment waits all the same
    assert pausing.next_due() is None


def test_the_user_pauses_all_until_told_otherwise(house: House) -> None:
    pausing = house.pausing()
    pausing.pause(None)
    assert house.reason(pausing, NOTHING) == "user"
    assert pausing.shown == Pause("user", "by you (facewatchctl resume)", None)
    assert None not in {pausing.photos, pausing.again, pausing.clustering}
    house.clock.passes(1e7)
    assert house.reason(pausing) == "user"
    assert pausing.next_due() is None
    pausing.resume()
    assert house.reason(pausing) is None


def test_a_pause_for_some_time_ends_by_itself(house: House) -> None:
    pausing = house.pausing()
    pausing.pause(300)
    assert house.reason(pausing) == "user"
    assert pausing.shown is not None
    assert pausing.shown.until == house.clock.wall + 300
    assert pausing.next_due() == house.clock.goes + 300
    house.clock.passes(299.9)
    assert house.reason(pausing) == "user"
    house.clock.passes(0.1)
    assert house.reason(pausing) is None


def test_a_pause_outlives_a_restart(house: House) -> None:
    house.pausing().pause(300)
    house.clock.passes(100)
    later = house.pausing()
    assert house.reason(later) == "user"
    assert later.shown is not None
    assert later.shown.until == house.clock.wall + 200
    later.resume()
    assert house.reason(house.pausing()) is None
    house.pausing().pause(300)
    house.clock.passes(300)
    assert house.reason(house.pausing()) is None


def test_of_several_reasons_the_first_is_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    pausing = house.pausing(**NIGHT)
    house.on_battery(emptying=True)
    assert house.reason(pausing) == "hours"
    pausing.pause(None)
    assert house.reason(pausing) == "user"
    monkeypatch.setattr(house.space, "lack", "only 3 MB are free")
    assert house.reason(pausing) == "space"
    monkeypatch.undo()
    pausing.resume()
    house.clock.wall = moment("2026-11-23 23:00")
    assert house.reason(pausing) == "battery"


def test_on_battery_all_waits_and_goes_on_with_mains_power(house: House) -> None:
    pausing = house.pausing()
    house.on_battery(emptying=True)
    pausing.step(ALL, house.few)
    assert pausing.shown == Pause("battery", "on battery (work.on_battery)")
    assert pausing.photos == pausing.again == pausing.clustering == pausing.shown
    house.on_battery(emptying=False)
    due = pausing.next_due()
    assert due == house.clock.goes + 30
    house.clock.passes(29)
    assert house.reason(pausing) == "battery"
    house.clock.passes(1)
    assert house.reason(pausing) is None


def test_who_wants_it_works_on_battery(house: House) -> None:
    house.on_battery(emptying=True)
    assert house.reason(house.pausing(on_battery=True)) is None


def test_the_machine_is_asked_at_once_when_there_is_something_to_do(house: House) -> None:
    pausing = house.pausing(load=0.5)
    for _ in range(10):
        house.clock.passes(60)
        assert house.reason(pausing, NOTHING) is None
        assert pausing.next_due() is None
    assert house.load.looks == 0
    house.on_battery(emptying=True)
    assert house.reason(pausing) == "battery"


def test_while_others_use_the_processors_all_waits(house: House) -> None:
    pausing = house.pausing(load=0.5)
    house.load.share = None  # the first look
    assert house.reason(pausing) is None
    looked = []
    for share in (0.5, 0.63, 0.4, None):
        house.load.share = share
        house.clock.passes(30)
        looked.append(house.reason(pausing))
        words = pausing.shown.words if pausing.shown else None
        if share == 0.63:
            assert words == "others use 63% of the processors (work.load)"
    assert looked == [None, "load", None, None]
    assert house.load.looks == 5


def test_the_load_is_looked_at_every_30_seconds_and_anew_after_a_rest(house: House) -> None:
    pausing = house.pausing(load=0.5)
    for _ in range(61):
        house.reason(pausing)
        house.clock.passes(1)
    assert house.load.looks == 3
    before = house.load.forgotten
    house.reason(pausing, NOTHING)
    assert house.load.forgotten == before + 1  # the time of the rest says nothing of now


def test_without_a_limit_the_load_is_not_looked_at(house: House) -> None:
    pausing = house.pausing()
    house.reason(pausing)
    assert house.load.looks == 0


def test_a_clock_that_is_set_or_a_machine_that_slept_is_noticed(house: House) -> None:
    pausing = house.pausing(**NIGHT)
    assert house.reason(pausing) == "hours"
    due = pausing.next_due()
    assert due is not None
    assert due - house.clock.goes == 600  # not ten hours, which only one of the clocks may count
    house.clock.wall += 10 * 3600  # it slept, and CLOCK_MONOTONIC with it
    assert house.reason(pausing) is None
    house.clock.wall -= 10 * 3600  # somebody set the clock
    assert house.reason(pausing) == "hours"


def test_a_clock_that_is_set_back_lengthens_a_pause_by_no_more_than_its_length(
    house: House,
) -> None:
    pausing = house.pausing()
    pausing.pause(7200)
    house.clock.passes(3600)
    house.clock.wall -= 20 * 365 * 86400.0  # the battery of the clock is flat
    assert house.reason(pausing) == "user"
    assert pausing.shown is not None
    assert pausing.shown.until == house.clock.wall + 7200
    later = house.pausing()  # a restart knows no better
    assert house.reason(later) == "user"
    assert later.shown is not None
    assert later.shown.until == house.clock.wall + 7200
    house.clock.passes(7200)
    assert house.reason(pausing) is None


def test_a_pause_without_an_end_survives_any_clock(house: House) -> None:
    pausing = house.pausing()
    pausing.pause(None)
    house.clock.wall -= 1e8
    assert house.reason(pausing) == "user"
    assert pausing.shown is not None
    assert pausing.shown.until is None


def test_the_log_is_told_once_of_each_reason(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pausing = house.pausing(load=0.1)
    house.load.share = 0.2
    for n in range(200):
        house.load.share = 0.2 + n / 1000
        house.reason(pausing)
        house.clock.passes(1)
    pausing.pause(None)
    house.reason(pausing)
    pausing.resume()
    house.reason(pausing, NOTHING)
    assert [record.message for record in caplog.records] == [
        "Photos wait: others use 20% of the processors (work.load).",
        "Photos wait: by you (facewatchctl resume).",
        "Photos need not wait any more.",
    ]


def test_the_real_machine_is_asked_without_any_error(house: House) -> None:
    settings = load(
        None, {"roots": [{"path": "/p"}], "output": "/o", "state": "/s", "work": {"load": 0.99}}
    )
    space = Space(house.folder, 0, house.clock)
    pausing = Pausing(settings.work, house.store, space, house.clock, Machine())
    for _ in range(2):
        pausing.step(PHOTOS, house.few)
        house.clock.passes(30)
    assert (pausing.photos is None) or pausing.photos.reason in {"battery", "load"}
