"""What a switch of the engine waits for, what halts it, and what does not."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import facewatchd.pipeline.switching as module
from facewatchd.errors import FacewatchError, LoadError, StoreWriteError
from facewatchd.model import (
    CaptureDate,
    Dated,
    DateSource,
    EngineId,
    FileStat,
    FileState,
    PhotoChanged,
    PhotoFailed,
    PhotoReadAgain,
    PhotoResult,
    ReadAgain,
    Setup,
    WorkerSettings,
)
from facewatchd.pipeline.encoding import REST
from facewatchd.pipeline.loop import Pipeline
from facewatchd.pipeline.readiness import FAILED, WAIT
from facewatchd.pipeline.readiness import REST as THE_REST
from facewatchd.pipeline.switching import BY_THE_USER, Switching
from facewatchd.pipeline.trial import Trial
from facewatchd.store import Store
from facewatchd.store.rereading import TRIES
from tests.support.encoding import Bench, ScriptedPool
from tests.support.library import ENGINE, SCALE, InventedClock, Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = EngineId("any", "other", "1")
REFUSED = PhotoFailed("The encoder 'other' failed: out of memory.", "Get more.")
ROOM = 10**12


class Pool(ScriptedPool):
    """One that can start anew; the task under way is given back."""

    def restart(self, *_: object) -> list[Any]:
        given_back, self.task = [self.task] if self.task else [], None
        return given_back


class Disk(NamedTuple):
    free: int


class Case:
    """A library of photos that a switch reads again, answered by the test."""

    def __init__(self, folder: Path, photos: int) -> None:
        self.library = Library(folder)
        self.bench = Bench(self.library.store, folder / "out")
        self.store, self.clock = self.library.store, self.bench.clock
        self.pool = Pool()
        self.bench.pool = self.pool
        self.bench.encoding._pool = self.pool  # type: ignore[assignment]
        self.bench.encoding._queue._pool = self.pool  # type: ignore[assignment]
        for number in range(photos):
            self.add(number)
        with self.store.transaction():
            self.store.engines.begin(OTHER)
        self.switching = self.make()

    def make(self) -> Switching:
        return Switching(
            self.library.settings,
            self.store,
            self.bench.encoding,
            self.bench.placing,
            grouping=self.library.grouping,
            publishing=self.bench.publishing,
            clock=self.clock,
        )

    def add(self, number: int, *names: bytes) -> int:
        found = result(number)
        with self.store.transaction():
            photo, _ = self.store.photos.add(found, ENGINE)
            for name in names or (b"%d.jpg" % number,):
                stat = FileStat(b"/p/" + name, 1, 1, number)
                self.store.files.put(stat, FileState.DONE, 0.0, photo=photo)
        return photo

    def step(self, away: set[bytes] | None = None, *, paused: bool = False) -> None:
        self.switching.allow(away or set())
        self.bench.encoding.step(paused=paused)
        self.switching.step(paused=paused)

    def read_all(self, fails: set[int], *, times: int = 200) -> list[bytes]:
        """Answer until nothing is asked any more; return the files that were asked for."""
        asked = []
        for _ in range(times):
            self.step()
            task = self.pool.task
            if isinstance(task, ReadAgain):
                asked.append(task.stat.path)
                number = task.hash[0]
                self.pool.says(REFUSED if number in fails else PhotoReadAgain(result(number)))
                self.step()
            self.clock.now += REST + 1
        return asked

    @property
    def halted(self) -> str:
        switch = self.store.engines.switch
        assert switch is not None, self.switching.last
        return switch.halted or ""


def result(number: int) -> PhotoResult:
    return PhotoResult(bytes([number]), 9, 7, CaptureDate(0.0, DateSource.FILE), (), 1)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the invented engines installed."""
    monkeypatch.setattr(module, "named", lambda *_: OTHER)
    monkeypatch.setattr(module, "scale_of", lambda *_: SCALE)


@pytest.fixture
def case(tmp_path: Path, engines: None) -> Iterator[Case]:  # noqa: ARG001 -- it patches
    made = Case(tmp_path, 20)
    yield made
    made.library.close()


def test_an_engine_that_fails_on_every_photo_is_not_switched_to(case: Case) -> None:
    asked = case.read_all(set(range(20)))
    assert case.store.engines.current == ENGINE
    assert case.halted.startswith("6 of 6 photos could not be read")
    assert "out of memory" in case.halted
    assert "facewatchctl engine resume --without-failed" in case.halted
    assert len(asked) <= 20 * TRIES
    case.switching.resume([FAILED])
    case.read_all(set(range(20)))
    assert case.halted.startswith("None of 20 photos could be read")


def test_six_of_twenty_photos_that_fail_halt_a_switch_unless_they_may(case: Case) -> None:
    late = set(range(14, 20))
    case.read_all(late)
    assert case.halted.startswith("6 of 20 photos could not be read")
    assert case.read_all(set()) == [], "it is halted"
    case.switching.resume()
    assert case.read_all(late), "they are tried again"
    case.switching.resume([FAILED])
    case.read_all(late)
    assert case.store.engines.current == OTHER
    assert case.store.engines.given_up() == 6


def test_five_failures_are_no_reason_to_halt(case: Case) -> None:
    case.read_all({0, 1, 2, 3, 4})
    assert case.store.engines.current == OTHER
    assert case.store.engines.given_up() == 5


def test_a_disk_that_is_away_for_a_moment_does_not_end_the_switch(case: Case) -> None:
    away = {b"/p"}
    for _ in range(3):
        case.step(away)
        case.clock.now += WAIT
    assert case.store.engines.current == ENGINE, "nothing was read: there is nothing to go over to"
    case.read_all(set())
    assert case.store.engines.current == OTHER


def test_a_switch_waits_for_photos_that_are_away_for_a_day_or_until_it_shall_not(
    case: Case,
) -> None:
    with case.store.transaction():
        photo, _ = case.store.photos.add(result(99), ENGINE)
        case.store.files.put(FileStat(b"/q/a.jpg", 1, 1, 99), FileState.DONE, 0.0, photo=photo)
        case.store.rereading.want(photo)
    case.bench.encoding._queue.unreachable = {b"/q"}
    for _ in range(60):
        case.step({b"/q"})
        if isinstance(case.pool.task, ReadAgain):
            number = case.pool.task.hash[0]
            case.pool.says(PhotoReadAgain(result(number)))
    assert case.store.rereading.count_read() == 20
    assert case.store.engines.current == ENGINE
    since = case.store.engines.waits_since
    assert since == case.clock.time()
    case.clock.now += WAIT - 1
    case.switching = case.make()
    case.step({b"/q"})
    assert case.store.engines.current == ENGINE, "a restart changes nothing"
    case.clock.now += 2
    case.step({b"/q"})
    assert case.store.engines.current == OTHER
    assert case.store.engines.waits_since is None
    assert case.store.rereading.left() == 1


def test_the_wish_not_to_wait_is_kept_until_the_switch_is_done(case: Case) -> None:
    with case.store.transaction():
        photo, _ = case.store.photos.add(result(99), ENGINE)
        case.store.files.put(FileStat(b"/q/a.jpg", 1, 1, 99), FileState.DONE, 0.0, photo=photo)
        case.store.rereading.want(photo)
    case.switching.resume([THE_REST])
    for _ in range(60):
        case.step({b"/q"})
        if isinstance(case.pool.task, ReadAgain):
            case.pool.says(PhotoReadAgain(result(case.pool.task.hash[0])))
    assert case.store.engines.current == OTHER
    assert not case.store.engines.without(THE_REST)


def test_wishes_add_up_until_one_resumes_without_any(case: Case) -> None:
    case.switching.resume([FAILED])
    case.switching.resume([THE_REST])
    assert case.store.engines.without(FAILED)
    assert case.store.engines.without(THE_REST)
    case.switching.resume()
    assert not case.store.engines.without(FAILED)
    assert not case.store.engines.without(THE_REST)


def test_a_pause_keeps_the_reason_of_an_error(case: Case) -> None:
    case.store.engines.halt("it broke")
    case.switching.pause()
    assert case.halted == "it broke"
    case.switching.resume()
    case.switching.pause()
    assert case.halted == BY_THE_USER


def test_only_an_engine_that_cannot_be_loaded_halts_a_switch(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = Pipeline.__new__(Pipeline)  # of all its parts these two take part
    pipeline._encoding, pipeline.switching = case.bench.encoding, case.switching
    errors: list[FacewatchError] = [StoreWriteError("The store cannot be written.", "Free space.")]

    def step(_: float) -> list[Any]:
        if errors:
            raise errors.pop()
        return []

    monkeypatch.setattr(case.pool, "step", step)
    with pytest.raises(StoreWriteError):
        pipeline._encode(paused=False)
    assert case.halted == "", "a full disk is no fault of the new engine"
    errors.append(LoadError("The weights are missing.", "Put them back."))
    pipeline._encode(paused=False)
    assert case.halted == "The weights are missing. Put them back."


def test_nothing_is_read_again_or_switched_while_space_is_short(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.step(paused=True)
    assert case.pool.task is None
    photos = [task.photo for task in case.store.rereading.to_read(99)]
    with case.store.transaction():
        for photo in photos:
            case.store.rereading.put(photo, result(1), ())
    case.step(paused=True)
    assert case.store.engines.current == ENGINE
    case.store.engines._db.execute(
        "INSERT INTO next_faces SELECT NULL, ?, 0, 0, 9, 9, 1, 1, 1, 1, 1, zeroblob(2000)",
        [photos[0]],
    )
    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk(4000))
    case.step()
    assert "free, and the switch needs" in case.halted
    assert case.store.engines.current == ENGINE
    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk(ROOM))
    case.switching.resume()
    case.step()
    assert case.store.engines.current == OTHER


def test_the_last_try_takes_another_copy(case: Case) -> None:
    case.read_all(set())
    case.add(50, b"one.jpg", b"two.jpg")
    with case.store.transaction():
        case.store.engines.begin(ENGINE)
    asked = case.read_all({50})
    assert [path for path in asked if path in {b"/p/one.jpg", b"/p/two.jpg"}] == [
        b"/p/one.jpg",
        b"/p/two.jpg",
    ]


def test_photos_that_return_follow_together(case: Case) -> None:
    case.read_all(set())
    photos = [case.add(50 + number) for number in range(3)]
    rereading = case.store.rereading
    with case.store.transaction():
        for photo in photos:
            rereading.want(photo)
    case.step()
    assert isinstance(case.pool.task, ReadAgain)
    case.switching._follow_at = case.clock.now + 30
    with case.store.transaction():
        rereading.put(photos[0], result(50), ())
    case.switching.step()
    assert rereading.count_read() == 1, "others are being read"
    case.clock.now += 31
    case.switching.step()
    assert rereading.count_read() == 0


def test_a_plan_of_everything_leaves_the_leisure_after_a_long_one(case: Case) -> None:
    publishing = case.bench.publishing
    publishing._due = case.clock.now + 50
    publishing.touch_all()
    assert publishing.next_due() == case.clock.now + 50


def test_photos_that_are_away_are_not_looked_at_for_each_one_that_is_read(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        rows = 3000
        with store.transaction():
            for number in range(rows):
                date = CaptureDate(float(number), DateSource.FILE)
                photo, _ = store.photos.add(
                    PhotoResult(number.to_bytes(16, "big"), 9, 7, date, (), 1), ENGINE
                )
                place = b"/away/" if number >= rows // 2 else b"/here/"
                stat = FileStat(place + b"%d.jpg" % number, 1, 1, number)
                store.files.put(stat, FileState.DONE, 0.0, photo=photo)
            store.engines.begin(OTHER)
        [first] = store.rereading.to_read(1, {b"/away"})
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

        store._db.set_progress_handler(count, 100)
        [again] = store.rereading.to_read(1, {b"/away"})
        store._db.set_progress_handler(None, 0)
        assert again == first
        assert steps < 10, "it goes on where it was"
        store.rereading.want(store.rereading.to_read(1)[0].photo)
        assert store.rereading.to_read(1, {b"/away"}) == [first]
        assert store.rereading.to_read(1)[0].photo == rows


def test_photos_that_only_changed_are_not_called_measured() -> None:
    settings = WorkerSettings("any", "other", Setup(), megapixels=1, file_mb=1, memory_mb=100)
    task = ReadAgain(1, b"picture", 1, FileStat(b"/p/a.jpg", 1, 1, 1))
    trial = Trial(OTHER, settings, [task], 1.0)
    pool = Pool()
    pool.busy, pool.close = 0, lambda _: None  # type: ignore[attr-defined]  # what a trial uses
    trial._pool = pool  # type: ignore[assignment]
    clock = InventedClock()
    trial.step(clock)
    pool.says(Dated(()))
    trial.step(clock)
    pool.says(PhotoChanged())
    trial.step(clock)
    assert trial.measured is None
    assert trial.error is not None
    assert "The files have changed" in trial.error.title


def test_a_long_step_breathes(case: Case) -> None:
    breaths: list[float] = []
    case.switching._breathe = lambda: breaths.append(case.clock.now)
    case.read_all(set())
    assert case.store.engines.current == OTHER
    assert breaths, "the service manager is told that it goes on"
