"""Faces at boxes of the user's: encoded where no detector finds one, and never lost again."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.decisions import Kind, Spoken, Spot
from facewatchd.engines.placed import layout
from facewatchd.model import (
    Box,
    Detection,
    EncodeFaces,
    EngineId,
    Face,
    FacesEncoded,
    FileStat,
    FileState,
    Hashed,
    PhotoFailed,
    PhotoRead,
    PhotoResult,
    Quality,
    ReadPhoto,
    Setup,
    Told,
    WorkerSettings,
)
from facewatchd.overlap import iou
from facewatchd.pipeline.adopting import adopt
from facewatchd.pipeline.encoding import REST
from facewatchd.pipeline.lacks import Lacks
from facewatchd.pipeline.saying import Saying
from facewatchd.pool import Pool
from facewatchd.store import Store
from tests.support.encoding import UNDATED, Bench
from tests.support.library import ENGINE, SCALE
from tests.support.pictures import noise
from tests.support.workers import NotedDetector, NotedEncoder, do

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facewatchd.model import Answer, Task

PATIENCE = 60.0
POINTS = tuple((float(i), float(i)) for i in range(5))
BOX = Box(4, 3, 8, 7)  # in the pictures of the bench, of 9 x 7 pixels
GOOD = Quality(0.5, 0.5, 1.0)


# -- what a worker does


@pytest.fixture
def picture(tmp_path: Path) -> FileStat:
    path = tmp_path / "a.jpg"
    path.write_bytes(noise(1))  # 64 x 48
    return FileStat.of(bytes(path), path.stat())


def encode(picture: FileStat, *boxes: Box) -> EncodeFaces:
    return EncodeFaces(1, b"", picture, boxes)


def test_the_encoder_is_given_a_certain_face_at_the_box(picture: FileStat) -> None:
    encoder, box = NotedEncoder(), Box(10, 5, 30, 25)
    answer = do(encode(picture, box), NotedDetector([]), encoder)
    assert isinstance(answer, FacesEncoded)
    assert encoder.given == [Detection(box, 1.0)]
    (face,) = answer.faces
    assert face.box == box
    assert face.quality.confidence == 1.0
    assert face.encoding.tolist() == [10, 5, 30, 25]


def test_an_encoder_that_needs_points_gets_those_of_the_face_that_overlaps_most(
    picture: FileStat,
) -> None:
    encoder, box = NotedEncoder(needs_points=True), Box(10, 10, 30, 30)
    near = Detection(Box(12, 12, 32, 32), 0.4, POINTS)
    other = Detection(Box(18, 10, 38, 30), 0.9, layout(Box(18, 10, 38, 30)))
    do(encode(picture, box), NotedDetector([other, near]), encoder)
    assert encoder.given == [Detection(box, 1.0, POINTS)]


def test_an_encoder_that_needs_points_gets_the_common_layout_where_nothing_is_found(
    picture: FileStat,
) -> None:
    encoder, box = NotedEncoder(needs_points=True), Box(10, 10, 30, 30)
    do(encode(picture, box), NotedDetector([Detection(Box(40, 0, 60, 20), 0.9, POINTS)]), encoder)
    (face,) = encoder.given
    assert face.points is not None
    (left, right, nose, *mouth) = face.points
    assert left[0] < nose[0] < right[0]
    assert left[1] == right[1] < nose[1] < mouth[0][1]
    assert all(box.left < x < box.right and box.top < y < box.bottom for x, y in face.points)


def test_a_box_beside_the_picture_is_refused(picture: FileStat) -> None:
    answer = do(encode(picture, Box(70, 5, 90, 25)), NotedDetector([]), NotedEncoder())
    assert isinstance(answer, PhotoFailed)
    assert "70,5,90,25" in answer.reason


def test_a_new_photo_is_encoded_at_the_boxes_too_at_which_nothing_is_found(
    picture: FileStat,
) -> None:
    found, missed = Box(4, 4, 20, 20), Box(40, 10, 60, 30)
    encoder = NotedEncoder()
    detector = NotedDetector([Detection(found, 0.9, POINTS)])
    told = Told(always=(Box(5, 4, 21, 20), missed))
    answer = do(ReadPhoto(1, picture), detector, encoder, told)
    assert isinstance(answer, PhotoRead)
    assert [face.box for face in answer.result.faces] == [found, missed]
    answer = do(ReadPhoto(1, picture, alone=True), detector, encoder, told)
    assert isinstance(answer, PhotoRead)
    assert [face.box for face in answer.result.faces] == [found], "a second try does without"


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    made = Pool(1, WorkerSettings("hog", "dlib", Setup(), 250, 500, 2048), PATIENCE)
    yield made
    made.close()


def finish(pool: Pool, task: Task) -> Answer:
    pool.submit(task, time.monotonic())
    while True:
        assert wait(pool.connections(), PATIENCE), "no answer"
        for _, answer in pool.step(time.monotonic()):
            if not isinstance(answer, Hashed):
                return answer
            pool.answer(task, encode=True)


def test_a_real_face_is_encoded_alike_at_a_box_of_the_users(pool: Pool, photos: Path) -> None:
    path = photos / "bbt" / "bbt1.jpg"
    stat = FileStat.of(bytes(path), path.stat())
    read = finish(pool, ReadPhoto(1, stat))
    assert isinstance(read, PhotoRead)
    faces = read.result.faces
    drawn = tuple(_shrunk(face.box) for face in faces)  # as somebody draws it: not quite the same
    nowhere = Box(0, 0, 40, 40)
    assert all(iou(nowhere, face.box) == 0 for face in faces)
    answer = finish(pool, EncodeFaces(1, read.result.hash, stat, (*drawn, nowhere)))
    assert isinstance(answer, FacesEncoded)
    assert [face.box for face in answer.faces] == [*drawn, nowhere]
    for mine, found in zip(answer.faces, faces, strict=False):
        similarity = 1 - float(np.linalg.norm(mine.encoding - found.encoding))
        assert similarity > 0.68
    assert np.isfinite(answer.faces[-1].encoding).all()


def _shrunk(box: Box) -> Box:
    by = (box.right - box.left) // 20
    return Box(box.left + by, box.top + by, box.right - by, box.bottom - by)


# -- what the library makes of it


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        yield Bench(store, tmp_path / "out")


@pytest.fixture
def saying(bench: Bench) -> Saying:
    """Return what can be said of a photo b.jpg without faces, and of Ann, who is in a.jpg."""
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"ann", (0.0, 0.0))
    bench.add_file(b"b.jpg")
    bench.reading()
    bench.finish(b"picture")
    saying = Saying(bench.store, bench.deciding)
    saying.assign_new([1], "Ann")
    return saying


def added(bench: Bench, saying: Saying, box: Box = BOX) -> EncodeFaces:
    """Have a face added to b.jpg, and return what the worker is asked."""
    saying.add_face(b"/p/b.jpg", box, "Ann")
    return asked(bench)


def asked(bench: Bench) -> EncodeFaces:
    bench.encoding.step()
    assert isinstance(bench.pool.task, EncodeFaces)
    return bench.pool.task


def answer(bench: Bench, *values: tuple[float, ...], engine_box: Box = BOX) -> None:
    faces = tuple(Face(engine_box, GOOD, np.array(each, np.float32)) for each in values)
    bench.pool.says(FacesEncoded(faces))
    bench.encoding.step()


def of_photo(bench: Bench, path: bytes = b"/p/b.jpg") -> list[tuple[int, str | None, str | None]]:
    """Return the faces of a photo, with their person's name and what was said of each."""
    return bench.store._db.execute(
        "SELECT faces.id, name, said FROM files JOIN faces ON faces.photo = files.photo"
        " LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
        " WHERE path = ? ORDER BY faces.id",
        [path],
    ).fetchall()


def test_a_face_that_was_added_is_encoded_and_given_to_its_person(
    bench: Bench, saying: Saying
) -> None:
    task = added(bench, saying)
    assert task.boxes == (BOX,)
    assert not bench.encoding.idle
    answer(bench, (9.0, 9.0))  # unlike any face of Ann
    assert of_photo(bench) == [(2, "Ann", "added")]
    assert bench.boxes(b"/p/b.jpg") == [list(BOX)]
    bench.encoding.step()
    assert bench.pool.task is None
    assert bench.encoding.idle


def test_undoing_takes_the_added_face_away_and_undoing_that_brings_it_back(
    bench: Bench, saying: Saying
) -> None:
    added(bench, saying)
    answer(bench, (0.01, 0.0))
    saying.undo()
    bench.encoding.step()
    assert of_photo(bench) == []
    saying.undo(str(bench.deciding.last))
    assert asked(bench).boxes == (BOX,)
    answer(bench, (0.01, 0.0))
    assert [row[1:] for row in of_photo(bench)] == [("Ann", "added")]


def test_what_is_taken_back_while_it_is_encoded_does_not_come_in(
    bench: Bench, saying: Saying
) -> None:
    added(bench, saying)
    saying.undo()
    answer(bench, (0.0, 0.0))
    assert of_photo(bench) == []
    assert bench.encoding.idle


def test_a_box_that_cannot_be_encoded_is_tried_twice_and_then_told(
    bench: Bench, saying: Saying, caplog: pytest.LogCaptureFixture
) -> None:
    task = added(bench, saying)
    for _ in range(2):
        bench.pool.says(PhotoFailed("The encoder 'x' failed.", "Report it."))
        bench.encoding.step()
        assert bench.pool.task is None, "it rests"
        bench.clock.now += REST + 1
        bench.encoding.step()
    assert bench.pool.task is None
    assert bench.encoding.idle
    assert bench.adding.failures == {Spot(task.hash, BOX): "The encoder 'x' failed."}
    assert "The encoder 'x' failed." in caplog.text
    lacks = Lacks(bench.store, bench.deciding, bench.adding)
    (lack,) = lacks.look()
    assert lack.path == b"/p/b.jpg"
    number = bench.deciding.last
    box = ",".join(map(str, BOX))
    assert lack.reason.startswith(
        f"No face could be encoded at {box}, where one is by decision {number}: The encoder 'x'"
    )
    assert f"facewatchctl undo {number}, then facewatchctl face add" in lack.reason
    bench.adding.retry()
    assert lacks.look() == ()
    assert asked(bench).boxes == (BOX,)
    assert bench.adding.failures == {}


def test_what_could_not_be_encoded_is_told_no_more_when_it_is_taken_back(
    bench: Bench, saying: Saying
) -> None:
    added(bench, saying)
    for _ in range(2):
        bench.pool.says(PhotoFailed("Bad.", "Bad."))
        bench.encoding.step()
        bench.clock.now += REST + 1
        bench.encoding.step()
    lacks = Lacks(bench.store, bench.deciding, bench.adding)
    assert len(lacks.look()) == 1
    saying.undo()
    bench.encoding.step()
    assert bench.adding.failures == {}
    assert lacks.look() == ()


def test_a_box_that_fails_does_not_keep_others_of_its_photo_from_being_encoded(
    bench: Bench, saying: Saying
) -> None:
    good = Box(0, 0, 3, 3)
    saying.add_face(b"/p/b.jpg", BOX, "Ann")
    assert added(bench, saying, good).boxes == (BOX, good)
    for _ in range(3):
        task = asked(bench)
        if BOX in task.boxes:
            bench.pool.says(PhotoFailed("Bad.", "Bad."))
        else:
            bench.pool.says(FacesEncoded((Face(good, GOOD, np.zeros(2, np.float32)),)))
        bench.encoding.step()
        bench.clock.now += REST + 1
    assert bench.boxes(b"/p/b.jpg") == [list(good)]
    assert [spot.box for spot in bench.adding.failures] == [BOX]


def test_the_box_is_turned_for_the_file_that_is_read(bench: Bench, saying: Saying) -> None:
    upright = Box(1, 2, 4, 6)  # of 7 x 9 pixels
    bench.store._db.execute(
        "UPDATE files SET orientation = 6 WHERE CAST(path AS TEXT) = '/p/b.jpg'"
    )
    assert added(bench, saying, upright).boxes == (upright,)
    answer(bench, (0.0, 0.0), engine_box=upright)
    assert bench.boxes(b"/p/b.jpg") == [list(upright)]
    assert bench.deciding.decisions[-1].faces[0].spot.box == Box(2, 3, 6, 6)


def test_a_photo_that_nobody_can_read_now_waits_and_keeps_nothing_busy(
    bench: Bench, saying: Saying
) -> None:
    bench.encoding.reread(outside={b"/p"}, allowed=True)
    saying.add_face(b"/p/b.jpg", BOX, "Ann")
    bench.encoding.step()
    assert bench.pool.task is None
    assert bench.encoding.idle
    bench.encoding.reread(outside=set(), allowed=True)
    assert asked(bench).boxes == (BOX,)


def test_a_photo_read_after_the_decision_is_encoded_where_the_user_said(
    bench: Bench, saying: Saying
) -> None:
    """So it is when the store was lost: the journal is there before the photos are."""
    spot = Spot(b"new", BOX)
    bench.deciding.say(Kind.ADD_FACE, person=saying.person("Ann"), faces=(Spoken(spot),))
    bench.add_file(b"new.jpg")
    bench.reading()
    bench.finish(b"new", (5.0, 5.0))
    assert bench.pool.told[-1] == Told(always=(BOX,))
    assert asked(bench).boxes == (BOX,), "this worker did not obey"
    answer(bench, (9.0, 9.0))
    assert [row[1:] for row in of_photo(bench, b"/p/new.jpg")] == [(None, None), ("Ann", "added")]


OTHER = EngineId("any", "other", "1")


@pytest.mark.parametrize("obeys", [True, False])
def test_an_added_face_survives_a_switch_of_the_engine(
    bench: Bench, saying: Saying, *, obeys: bool
) -> None:
    added(bench, saying)
    answer(bench, (9.0, 9.0))
    before = of_photo(bench)
    photo = bench.file(b"/p/b.jpg").photo
    assert photo is not None
    new = Face(BOX, GOOD, np.ones(3, np.float32))
    with bench.store.transaction():
        bench.store.engines.begin(OTHER)
        found = PhotoResult(b"picture", 9, 7, UNDATED, (new,) if obeys else ())
        bench.store.rereading.put(photo, found, found.faces)
        bench.store.engines.make_current(OTHER)
        bench.placing.scale = replace(SCALE, dimensions=3)
        adopt(bench.store, bench.placing, anew=True)
    bench.encoding.use(OTHER)
    bench.encoding.look_again()
    bench.encoding.reread(outside=set(), allowed=False)
    if obeys:
        bench.encoding.step()
        assert of_photo(bench) == before, "it is the same face, of the same person"
    else:
        assert asked(bench).boxes == (BOX,)
        answer(bench, (1.0, 1.0, 1.0))
        assert [row[1:] for row in of_photo(bench)] == [row[1:] for row in before]
    engines = bench.store._db.execute("SELECT engine FROM faces WHERE photo = ?", [photo])
    assert engines.fetchall() == [(OTHER.encodings,)]


def test_the_worker_that_reads_a_photo_again_is_told_of_added_faces(
    bench: Bench, saying: Saying
) -> None:
    added(bench, saying)
    answer(bench, (9.0, 9.0))
    photo = bench.file(b"/p/b.jpg").photo
    assert photo is not None
    bench.store.rereading.want(photo)
    bench.encoding.step()
    task = bench.pool.task
    assert task is not None
    assert getattr(task, "told", None) == Told(always=(BOX,))


def test_a_face_that_no_detector_finds_any_more_is_encoded_if_it_was_confirmed(
    bench: Bench, saying: Saying
) -> None:
    photo = bench.file(b"/p/a.jpg").photo
    assert photo is not None
    with bench.store.transaction():
        found = PhotoResult(b"ann", 9, 7, UNDATED, ())
        bench.store.rereading.put(photo, found, ())
        adopt(bench.store, bench.placing, anew=False)
    bench.encoding.look_again()
    assert of_photo(bench, b"/p/a.jpg") == []
    assert asked(bench).boxes == (Box(0, 0, 1, 1),)
    answer(bench, (0.0, 0.0))
    assert [row[1:] for row in of_photo(bench, b"/p/a.jpg")] == [("Ann", "confirmed")]
    assert saying.person("Ann")


def test_many_spots_that_lack_cost_a_step_next_to_nothing(
    bench: Bench, saying: Saying, measured: Callable[[str], None]
) -> None:
    ann, count = saying.person("Ann"), 10_000
    pictures = [number.to_bytes(16, "big") for number in range(count)]
    with bench.store.transaction():
        for number, picture in enumerate(pictures):
            result = PhotoResult(picture, 9, 7, UNDATED, ())
            photo, _ = bench.store.photos.add(result, ENGINE)
            stat = FileStat(b"/away/%d" % number, 1, 1, 1000 + number)
            bench.store.files.put(stat, FileState.DONE, 0.0, photo=photo)
    spoken = tuple(Spoken(Spot(picture, BOX)) for picture in pictures)
    bench.deciding.say(Kind.IS, person=ann, faces=spoken)
    bench.encoding.reread(outside={b"/away"}, allowed=True)
    began = time.perf_counter()
    bench.encoding.step()
    first = time.perf_counter() - began
    assert bench.pool.task is None
    began = time.perf_counter()
    for _ in range(20):
        bench.encoding.step()
    later = (time.perf_counter() - began) / 20
    measured(f"10,000 lacking faces: {first:.2f} s at the decision, {later * 1000:.1f} ms a step")
    assert later < 0.1
