"""The order of work, tries and duplicates, with a scripted pool and an invented clock."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.config import load
from facewatchd.model import (
    Answer,
    Box,
    CaptureDate,
    Dated,
    DatePhotos,
    DateSource,
    Face,
    FileStat,
    FileState,
    Hashed,
    Look,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoResult,
    ReadPhoto,
    Task,
)
from facewatchd.pipeline.encoding import REST, TRIES, Encoding
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pool import Outcome
from facewatchd.store import Store
from tests.support.library import ENGINE, SCALE, InventedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class ScriptedPool:
    """A pool of one worker that answers what the test says."""

    def __init__(self) -> None:
        self.task: Task | None = None
        self.outcomes: list[Outcome] = []
        self.answered: list[bool] = []

    @property
    def free(self) -> int:
        return 0 if self.task else 1

    def submit(self, task: Task, now: float) -> None:
        assert now
        self.task = task

    def says(self, answer: Answer) -> None:
        assert self.task is not None
        self.outcomes.append(Outcome(self.task, answer))
        if not isinstance(answer, Hashed):
            self.task = None

    def answer(self, task: Task, *, encode: bool) -> None:
        assert task is self.task
        self.answered.append(encode)
        if not encode:
            self.task = None

    def step(self, now: float) -> list[Outcome]:
        assert now
        outcomes, self.outcomes = self.outcomes, []
        return outcomes

    def connections(self) -> list[object]:
        return []


class Bench:
    """An Encoding with everything around it invented but the store."""

    def __init__(self, store: Store, output: Path) -> None:
        settings = load(None, {"roots": [{"path": "/p"}], "output": output, "state": "/s"})
        self.store = store
        self.pool = ScriptedPool()
        self.clock = InventedClock()
        self.again: list[bytes] = []
        self.publishing = Publishing(settings, store, self.clock)
        self.encoding = Encoding(
            store,
            self.pool,  # type: ignore[arg-type]  # all of the pool that Encoding uses
            self.publishing,
            self.clock,
            engine=ENGINE,
            scale=SCALE,
            similarity=0.68,
            look_again=self.again.append,
        )

    def add_file(self, name: bytes, captured: float = 0.0) -> int:
        self.store.files.put(FileStat(name, 1, 1, 1), FileState.PENDING, captured)
        file = self.store.files.at(name)
        assert file is not None
        return file.id

    def reading(self) -> bytes:
        """Step, and return the path of the photo that is being read now."""
        self.encoding.step()
        assert isinstance(self.pool.task, ReadPhoto)
        return self.pool.task.path

    def finish(self, content: bytes, *encodings: tuple[float, float]) -> None:
        """Have the worker read the present photo to its end."""
        self.pool.says(Hashed(content))
        self.encoding.step()
        faces = tuple(
            Face(Box(i, 0, i + 1, 1), 0.5, np.array(values, np.float32))
            for i, values in enumerate(encodings)
        )
        result = PhotoResult(content, 9, 9, CaptureDate(0.0, DateSource.FILE), faces)
        self.pool.says(PhotoRead(result))
        self.encoding.step()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "out")


def person_at(bench: Bench, *centroid: float) -> str:
    person = bench.store.people.create()
    look = Look(bench.store.people.add_look(person), person, np.array(centroid), 3, 0.01)
    bench.store.people.save_look(look)
    bench.encoding.looks.put(look)
    return person


def test_a_backlog_is_dated_first_and_then_read_newest_first(bench: Bench) -> None:
    files = [bench.add_file(b"%02d.jpg" % number) for number in range(20)]
    bench.encoding.step()
    assert isinstance(bench.pool.task, DatePhotos)
    dates = [(file, CaptureDate(float(file), DateSource.EXIF)) for file in files]
    bench.pool.says(Dated(tuple(dates)))
    assert bench.reading() == b"19.jpg"
    bench.finish(b"h19")
    assert bench.reading() == b"18.jpg"


def test_dates_that_cannot_be_read_do_not_hold_anything_up(bench: Bench) -> None:
    for number in range(20):
        bench.add_file(b"%02d.jpg" % number, captured=number)
    bench.encoding.step()
    bench.pool.says(Lost("It crashed."))
    assert bench.reading() == b"19.jpg"


def test_two_tries_then_failed_with_the_reason(bench: Bench) -> None:
    bench.add_file(b"bad.jpg", captured=9.0)
    bench.add_file(b"good.jpg")
    for _ in range(TRIES):
        assert bench.reading() == b"bad.jpg"
        bench.pool.says(Lost("The process that read it crashed (SIGSEGV)."))
        assert bench.reading() == b"good.jpg"  # the bad one rests, the others go on
        bench.pool.says(PhotoFailed("Later.", ""))
        bench.encoding.step()
        bench.clock.now += REST + 1
    bench.encoding.step()
    assert bench.encoding.idle
    known = bench.store.files.at(b"bad.jpg")
    assert known is not None
    assert (known.state, known.tries) == (FileState.FAILED, TRIES)


def test_a_copy_is_not_encoded(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    assert bench.reading() == b"a.jpg"
    bench.finish(b"same", (0.0, 0.0))
    assert bench.reading() == b"b.jpg"
    bench.pool.says(Hashed(b"same"))
    bench.encoding.step()
    assert bench.pool.answered == [True, False]
    copy, original = bench.store.files.at(b"b.jpg"), bench.store.files.at(b"a.jpg")
    assert copy is not None
    assert original is not None
    assert copy.photo == original.photo
    assert bench.store.faces.count() == 1


def test_a_face_joins_its_person_and_moves_the_look(bench: Bench) -> None:
    person = person_at(bench, 0.0, 0.0)
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.2, 0.0))
    photo = bench.store.faces.photo_of(b"h")
    assert photo is not None
    ((_, found, look, _),) = bench.store.faces.given_in(photo)
    assert found == person
    (stored,) = bench.store.people.looks()
    assert stored.count == 4
    assert stored.centroid.tolist() == pytest.approx([0.05, 0.0])
    assert bench.encoding.looks[look].count == 4


def test_two_faces_of_one_photo_never_join_one_person(bench: Bench) -> None:
    person = person_at(bench, 0.0, 0.0)
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.2, 0.0), (0.1, 0.0))
    photo = bench.store.faces.photo_of(b"h")
    assert photo is not None
    (given,) = bench.store.faces.given_in(photo)
    assert given[3].tolist() == pytest.approx([0.1, 0.0])
    assert bench.store.faces.people_near(photo) == {person}


def test_a_photo_that_changed_while_it_was_read_settles_again(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.pool.says(PhotoChanged())
    bench.encoding.step()
    assert bench.again == [b"a.jpg"]
    assert bench.pool.task is None  # not read again at once


def test_forgetting_the_last_photo_of_a_person_forgets_the_person(bench: Bench) -> None:
    person_at(bench, 5.0, 5.0)
    file = bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.0, 0.0))
    bench.store.files.remove(file)
    photo = bench.store.faces.photo_of(b"h")
    assert photo is not None
    (face,) = bench.store.faces.all().ids.tolist()
    person = bench.store.people.create()
    look = Look(bench.store.people.add_look(person), person, np.zeros(2), 1, 0.0)
    bench.store.people.save_look(look)
    bench.encoding.looks.put(look)
    bench.store.faces.give(face, look.id, 1.0)
    bench.encoding.forget(photo)
    assert bench.store.faces.count() == 0
    assert person not in {each.person for each in bench.store.people.looks()}
    assert look.id not in bench.encoding.looks
    assert len(bench.encoding.looks) == 1
