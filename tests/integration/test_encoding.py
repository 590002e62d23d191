"""The order of work, tries, and whom faces are given to, with a scripted pool and a made clock."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.model import (
    Answer,
    CaptureDate,
    Dated,
    DatePhotos,
    DateSource,
    FileState,
    Look,
    Lost,
    PhotoChanged,
    PhotoFailed,
    PhotoUnsupported,
    Stuck,
)
from facewatchd.pipeline.encoding import REST, TRIES, YOUNG
from facewatchd.pool import Outcome
from facewatchd.store import Store, reading
from tests.support.encoding import OTHER_ROOT, ROOT, Bench
from tests.support.library import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def test_a_face_joins_its_person_and_moves_the_look(bench: Bench) -> None:
    person = person_at(bench, 0.0, 0.0)
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.2, 0.0))
    photo = bench.store.photos.of_picture(b"h")
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
    photo = bench.store.photos.of_picture(b"h")
    assert photo is not None
    assert bench.store.faces.given_in(photo) == []
    assert len(bench.boxes(ROOT + b"/a.jpg")) == 1


def test_two_faces_of_one_photo_never_join_one_person(bench: Bench) -> None:
    person = person_at(bench, 0.0, 0.0)
    bench.add_file(b"a.jpg")
    bench.reading()
    bench.finish(b"h", (0.2, 0.0), (0.1, 0.0))
    photo = bench.store.photos.of_picture(b"h")
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
    photo = bench.store.photos.of_picture(b"h")
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
    assert bench.store.photos.missing_before(1e12) == [photo]
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
