"""The order of work, tries and duplicates, with a scripted pool and an invented clock."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
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
    Identity,
    Look,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoRead,
    PhotoResult,
    PhotoUnsupported,
    Quality,
    ReadPhoto,
    Stuck,
    Task,
)
from facewatchd.pipeline.encoding import REST, TRIES, YOUNG, Encoding, Origin
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pool import Outcome
from facewatchd.store import Store, reading
from tests.support.library import ENGINE, SCALE, InventedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.store.files import KnownFile


ROOT, OTHER_ROOT = b"/p", b"/q"
UNDATED = CaptureDate(0.0, DateSource.FILE)


class ScriptedPool:
    """A pool of one worker that answers what the test says."""

    size = 1

    def __init__(self) -> None:
        self.task: Task | None = None
        self.stuck: list[Task] = []
        self.outcomes: list[Outcome] = []
        self.answered: list[bool] = []

    @property
    def free(self) -> int:
        return 0 if self.task else 1

    @property
    def tasks(self) -> list[Task]:
        return self.stuck + ([self.task] if self.task else [])

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
        self._inode = 0
        self.again: list[bytes] = []
        self.hanging: list[bytes] = []
        self.publishing = Publishing(settings, store, self.clock, SCALE)
        self.placing = Placing(store, SCALE, 0.3)
        self.encoding = Encoding(
            store,
            self.pool,  # type: ignore[arg-type]  # all of the pool that Encoding uses
            self.publishing,
            self.clock,
            engine=ENGINE,
            placing=self.placing,
            origin=Origin([ROOT, OTHER_ROOT], self.again.append, self.hanging.append),
        )

    def add_file(
        self, name: bytes, captured: float = 0.0, *, root: bytes = ROOT, written: float = 0.0
    ) -> int:
        """Add a pending file, or have a known one change."""
        path = root + b"/" + name
        self._inode += 1
        stat = FileStat(path, 1, int(written * 1e9), self._inode)
        before = self.store.files.at(path)
        photo = before.photo if before else None
        self.store.files.put(stat, FileState.PENDING, captured, photo=photo)
        return self.file(path).id

    def file(self, path: bytes) -> KnownFile:
        file = self.store.files.at(path)
        assert file is not None
        return file

    def reading(self) -> bytes:
        """Step, and return the path of the photo that is being read now."""
        self.encoding.step()
        assert isinstance(self.pool.task, ReadPhoto)
        return self.pool.task.stat.path

    def hash(
        self,
        picture: bytes,
        content: bytes | None = None,
        orientation: int = 1,
        captured: CaptureDate = UNDATED,
    ) -> bool:
        """Have the worker hash the present photo; return whether it is told to read on."""
        identity = Identity(picture, orientation, captured)
        self.pool.says(Hashed(content or b"file of " + picture, identity))
        self.encoding.step()
        return self.pool.answered[-1]

    def finish(
        self,
        picture: bytes,
        *encodings: tuple[float, float],
        content: bytes | None = None,
        orientation: int = 1,
        captured: CaptureDate = UNDATED,
        quality: float = 0.5,
    ) -> None:
        """Have the worker read the present photo, new as it is, to its end."""
        assert self.hash(picture, content, orientation, captured)
        faces = tuple(
            Face(
                Box(i, 0, i + 1, 1),
                Quality(quality, quality, quality),
                np.array(values, np.float32),
            )
            for i, values in enumerate(encodings)
        )
        width, height = (9, 7) if orientation < 5 else (7, 9)
        result = PhotoResult(picture, width, height, captured, faces, orientation)
        self.pool.says(PhotoRead(content or b"file of " + picture, result))
        self.encoding.step()

    def boxes(self, path: bytes) -> list[list[int]]:
        with reading(self.store.path) as views:
            return [face["box"] for face in views.faces(path)]

    def captured(self, path: bytes) -> CaptureDate:
        photo = self.file(path).photo
        assert photo is not None
        with reading(self.store.path) as views:
            found = views.photo(photo)["captured"]
        return CaptureDate(found["at"], found["source"])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "out")


def person_at(bench: Bench, *centroid: float) -> str:
    person = bench.store.people.create()
    look = Look(bench.store.people.add_look(person), person, np.array(centroid), 3, 0.01)
    bench.store.people.save_look(look)
    bench.placing.looks.put(look)
    return person


def test_a_backlog_is_dated_first_and_then_read_newest_first(bench: Bench) -> None:
    files = [bench.add_file(b"%02d.jpg" % number) for number in range(20)]
    bench.encoding.step()
    assert isinstance(bench.pool.task, DatePhotos)
    dates = [(file, CaptureDate(float(file), DateSource.EXIF)) for file in files]
    bench.pool.says(Dated(tuple(dates)))
    assert bench.reading() == b"/p/19.jpg"
    bench.finish(b"h19")
    assert bench.reading() == b"/p/18.jpg"


def test_dates_that_cannot_be_read_do_not_hold_anything_up(bench: Bench) -> None:
    for number in range(20):
        bench.add_file(b"%02d.jpg" % number, captured=number)
    bench.encoding.step()
    bench.pool.says(Lost("It crashed."))
    assert bench.reading() == b"/p/19.jpg"


def test_two_tries_then_failed_with_the_reason(bench: Bench) -> None:
    bench.add_file(b"bad.jpg", captured=9.0)
    bench.add_file(b"good.jpg")
    for _ in range(TRIES):
        assert bench.reading() == b"/p/bad.jpg"
        bench.pool.says(Lost("The process that read it crashed (SIGSEGV)."))
        assert bench.reading() == b"/p/good.jpg"  # the bad one rests, the others go on
        bench.pool.says(PhotoFailed("Later.", ""))
        bench.encoding.step()
        bench.clock.now += REST + 1
    bench.encoding.step()
    assert bench.encoding.idle
    known = bench.store.files.at(b"/p/bad.jpg")
    assert known is not None
    assert (known.state, known.tries) == (FileState.FAILED, TRIES)


def test_a_copy_is_not_encoded(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    assert bench.reading() == b"/p/a.jpg"
    bench.finish(b"same", (0.0, 0.0))
    assert bench.reading() == b"/p/b.jpg"
    assert not bench.hash(b"same")
    copy, original = bench.store.files.at(b"/p/b.jpg"), bench.store.files.at(b"/p/a.jpg")
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
    assert bench.placing.looks[look].count == 4


def test_a_face_below_the_quality_gate_is_kept_and_given_to_nobody(bench: Bench) -> None:
    person_at(bench, 0.0, 0.0)
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.0, 0.0), quality=0.2)
    photo = bench.store.faces.photo_of(b"h")
    assert photo is not None
    assert bench.store.faces.given_in(photo) == []
    assert len(bench.boxes(ROOT + b"/a.jpg")) == 1


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
    assert bench.again == [b"/p/a.jpg"]
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
    bench.placing.looks.put(look)
    bench.store.faces.give(face, look.id, 1.0)
    bench.placing.forget(photo)
    assert bench.store.faces.count() == 0
    assert person not in {each.person for each in bench.store.people.looks()}
    assert look.id not in bench.placing.looks
    assert len(bench.placing.looks) == 1


def test_a_copy_in_any_format_is_known_before_it_is_decoded(bench: Bench) -> None:
    bench.add_file(b"a.png", captured=2.0)
    bench.add_file(b"b.png", captured=1.0)
    bench.reading()
    bench.finish(b"pixels", (0.0, 0.0), content=b"bytes", orientation=6)
    assert bench.reading() == b"/p/b.png"
    bench.pool.says(Hashed(b"bytes"))
    bench.encoding.step()
    assert bench.pool.answered[-1] is False
    assert bench.file(b"/p/b.png").photo == bench.file(b"/p/a.png").photo
    assert bench.boxes(b"/p/b.png") == bench.boxes(b"/p/a.png")


def test_a_change_of_metadata_encodes_nothing_and_keeps_the_faces(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), (5.0, 0.0))
    before = bench.store.faces.all()
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"other bytes")
    assert bench.file(b"/p/a.jpg").state is FileState.DONE
    assert bench.store.faces.all().ids.tolist() == before.ids.tolist()
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1], [1, 0, 2, 1]]
    bench.add_file(b"b.jpg")
    bench.reading()
    bench.pool.says(Hashed(b"other bytes"))
    bench.encoding.step()
    assert bench.file(b"/p/b.jpg").photo == bench.file(b"/p/a.jpg").photo


def test_a_change_of_orientation_turns_the_boxes_of_that_file_alone(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), (5.0, 0.0))
    bench.reading()
    assert not bench.hash(b"picture", b"turned", orientation=6)
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1], [1, 0, 2, 1]]
    # 9 x 7 pixels, turned to the right, are 7 x 9: the upper left corner is the upper right one.
    assert bench.boxes(b"/p/b.jpg") == [[6, 0, 7, 1], [6, 1, 7, 2]]
    assert bench.store.faces.count() == 2


def test_a_hard_link_has_the_orientation_of_its_file(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0)
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0))
    bench.reading()
    assert not bench.hash(b"picture", b"turned", orientation=6)
    linked = bench.file(b"/p/b.jpg")
    stat = replace(linked.stat, path=b"/p/c.jpg")
    bench.store.files.put(stat, FileState.DONE, 0.0, photo=linked.photo)
    assert bench.boxes(b"/p/c.jpg") == bench.boxes(b"/p/b.jpg") == [[6, 0, 7, 1]]


def test_a_photo_without_faces_is_read_anew_when_it_was_lying_on_its_side(bench: Bench) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture")
    photo = bench.file(b"/p/a.jpg").photo
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0), content=b"turned", orientation=6)
    assert bench.file(b"/p/a.jpg").photo == photo
    assert bench.boxes(b"/p/a.jpg") == [[0, 0, 1, 1]]
    assert bench.placing.new_faces == 1
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"turned back", orientation=1)
    assert bench.boxes(b"/p/a.jpg") == [[0, 6, 1, 7]]  # of 9 x 7 pixels


EXIF, CORRECTED = CaptureDate(10.0, DateSource.EXIF), CaptureDate(20.0, DateSource.EXIF)
BY_NAME, BY_FILE = CaptureDate(30.0, DateSource.NAME), CaptureDate(40.0, DateSource.FILE)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (EXIF, CORRECTED, CORRECTED),
        (BY_FILE, EXIF, EXIF),
        (BY_FILE, BY_NAME, BY_NAME),
        (EXIF, BY_NAME, EXIF),
        (EXIF, BY_FILE, EXIF),
        (UNDATED, BY_FILE, UNDATED),  # a file's time is that of the change
    ],
)
def test_the_date_follows_the_metadata_unless_they_tell_less(
    bench: Bench, before: CaptureDate, told: CaptureDate, after: CaptureDate
) -> None:
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"picture", captured=before)
    bench.add_file(b"a.jpg")
    bench.reading()
    assert not bench.hash(b"picture", b"other bytes", captured=told)
    assert bench.captured(b"/p/a.jpg") == after


def test_two_files_of_one_picture_that_are_read_at_once_become_one_photo(bench: Bench) -> None:
    """A picture that is known by its pixels may be decoded twice before either is stored."""
    for name in (b"a.png", b"b.png"):
        bench.add_file(name)
        bench.reading()
        face = Face(Box(0, 0, 1, 1), Quality(0.5, 0.5, 0.5), np.zeros(2, np.float32))
        result = PhotoResult(b"pixels", 9, 9, UNDATED, (face,))
        bench.pool.says(PhotoRead(b"bytes of " + name, result))
        bench.encoding.step()
    assert bench.file(b"/p/a.png").photo == bench.file(b"/p/b.png").photo
    assert bench.store.faces.count() == 1


@pytest.mark.parametrize(
    "answer",
    [
        PhotoFailed("The file is truncated.", "Copy it anew."),
        PhotoUnsupported("DNG", "It holds no JPEG."),
    ],
)
def test_a_young_file_that_cannot_be_read_is_looked_at_again(
    bench: Bench, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    bench.add_file(b"a.jpg", written=bench.clock.time() - YOUNG + 1)
    bench.reading()
    bench.pool.says(answer)
    bench.encoding.step()
    assert bench.again == [b"/p/a.jpg"]
    assert bench.pool.task is None
    assert not bench.encoding.idle
    assert bench.file(b"/p/a.jpg").state is FileState.PENDING
    assert bench.file(b"/p/a.jpg").tries == 0
    assert caplog.text == ""
    bench.clock.now += REST + 1
    bench.reading()
    bench.pool.says(answer)
    bench.encoding.step()
    counted = bench.file(b"/p/a.jpg")
    assert (counted.tries, counted.state) in {(1, "pending"), (0, "unsupported")}


def test_a_format_that_is_not_read_is_unsupported_with_its_reason(bench: Bench) -> None:
    bench.add_file(b"a.dng")
    bench.reading()
    bench.finish(b"picture", (0.0, 0.0))
    photo = bench.file(b"/p/a.dng").photo
    assert photo is not None
    bench.add_file(b"a.dng")
    bench.reading()
    bench.pool.says(PhotoUnsupported("DNG", "It holds no JPEG."))
    bench.encoding.step()
    with reading(bench.store.path) as views:
        file = views.file(b"/p/a.dng")
        assert file is not None
        assert (file["state"], file["kind"]) == ("unsupported", "DNG")
        assert file["reason"] == "It holds no JPEG."
        assert file["photo"] is None
        assert views.errors(10) == []
    assert bench.store.faces.missing_before(1e12) == [photo]
    assert bench.encoding.idle


def test_what_lies_below_a_blocked_root_waits_and_is_no_work(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=2.0)
    bench.add_file(b"b.jpg", captured=1.0, root=OTHER_ROOT)
    bench.encoding.block({ROOT})
    assert bench.reading() == b"/q/b.jpg"
    bench.finish(b"picture")
    assert bench.pool.tasks == []
    assert bench.encoding.idle
    bench.encoding.block(set())
    assert bench.reading() == b"/p/a.jpg"


def test_a_root_whose_worker_does_not_die_gets_no_other(bench: Bench) -> None:
    bench.add_file(b"a.jpg", captured=3.0)
    bench.add_file(b"b.jpg", captured=2.0)
    bench.add_file(b"c.jpg", captured=1.0, root=OTHER_ROOT)
    bench.reading()
    stuck = bench.pool.task
    assert stuck is not None
    bench.pool.says(Lost("It took longer than 120 seconds (limits.seconds)."))
    bench.pool.stuck.append(stuck)
    assert bench.reading() == b"/q/c.jpg"
    bench.pool.outcomes.append(Outcome(stuck, Stuck()))
    bench.finish(b"picture")
    assert bench.hanging == [ROOT]
    assert bench.pool.tasks == [stuck]
    bench.pool.stuck.clear()
    assert bench.reading() == b"/p/b.jpg"


def test_dates_that_hang_on_one_root_do_not_hold_up_another(bench: Bench) -> None:
    for number in range(20):
        bench.add_file(b"%02d.jpg" % number)
    bench.add_file(b"a.jpg", root=OTHER_ROOT)
    bench.pool.size = 4
    bench.encoding.step()
    dating = bench.pool.task
    assert isinstance(dating, DatePhotos)
    assert {path[:2] for _, path in dating.files} == {ROOT}
    bench.pool.stuck.append(dating)
    bench.pool.task = None
    bench.encoding.step()
    assert bench.pool.tasks == [dating, DatePhotos(((21, b"/q/a.jpg"),))]
    bench.pool.says(Dated(()))
    assert bench.reading() == b"/q/a.jpg"
