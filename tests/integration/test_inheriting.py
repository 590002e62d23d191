"""A photo that was changed keeps what was said of its faces."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd import logs
from facewatchd.decisions import Kind, Origin
from facewatchd.model import (
    Box,
    Face,
    FileStat,
    FileState,
    PhotoRead,
    PhotoResult,
    Quality,
)
from facewatchd.pipeline.inheriting import Place, found_again
from facewatchd.pipeline.saying import Saying
from facewatchd.store import Store
from tests.support.encoding import UNDATED, Bench
from tests.support.library import ENGINE, SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = Quality(0.5, 0.5, 0.5)
ANN, BEN, CAT = (0.0, 0.0), (2.0, 0.0), (4.0, 0.0)
LEFT, RIGHT = Box(0, 0, 40, 40), Box(100, 0, 140, 40)


def place(box: Box, encoding: tuple[float, float] | None) -> Place:
    return Place(box, None if encoding is None else np.array(encoding, np.float32))


def test_faces_are_found_again_by_place_then_by_likeness() -> None:
    old = [place(LEFT, ANN), place(RIGHT, BEN)]
    new = [place(Box(300, 300, 340, 340), (2.1, 0.0)), place(Box(5, 5, 45, 45), (0.3, 0.0))]
    assert found_again(old, new, SCALE) == {0: 1, 1: 0}


def test_a_stranger_in_the_same_place_is_not_the_same_face() -> None:
    assert found_again([place(LEFT, ANN)], [place(LEFT, BEN)], SCALE) == {}


def test_the_place_alone_counts_where_there_is_nothing_to_compare() -> None:
    assert found_again([place(LEFT, None)], [place(LEFT, BEN)], SCALE) == {0: 0}


def test_no_face_is_found_twice() -> None:
    old = [place(LEFT, ANN), place(Box(2, 0, 42, 40), ANN)]
    assert found_again(old, [place(LEFT, ANN)], SCALE) == {0: 0}


class House(Bench):
    """A bench with photos of 200 x 100 pixels, in which faces are where the test says."""

    def __init__(self, store: Store, output: Path) -> None:
        super().__init__(store, output)
        self.saying = Saying(store, self.deciding)

    def read(
        self, name: bytes, picture: bytes, *faces: tuple[Box, tuple[float, float]], scale: int = 1
    ) -> None:
        """Have a new or changed file read, to its end."""
        self.add_file(name)
        assert self.reading() == b"/p/" + name
        if self.hash(picture):
            found = tuple(Face(box, GOOD, np.array(each, np.float32)) for box, each in faces)
            result = PhotoResult(picture, 200 * scale, 100 * scale, UNDATED, found)
            self.pool.says(PhotoRead(b"file of " + picture, result))
            self.encoding.step()
        self.inheriting.step()
        self.encoding.step()

    def names(self, name: bytes) -> list[str | None]:
        """Return who is in a file, from left to right."""
        rows = self.store._db.execute(
            "SELECT people.name FROM files JOIN faces ON faces.photo = files.photo"
            " LEFT JOIN looks ON looks.id = look LEFT JOIN people ON people.id = person"
            " WHERE path = ? ORDER BY box_left",
            [b"/p/" + name],
        )
        return [row[0] for row in rows]

    def faces(self, name: bytes) -> list[int]:
        """Return the faces in a file, from left to right."""
        rows = self.store._db.execute(
            "SELECT faces.id FROM files JOIN faces ON faces.photo = files.photo"
            " WHERE path = ? ORDER BY box_left",
            [b"/p/" + name],
        )
        return [row[0] for row in rows]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield a house with Ann and Ben in the photo a.jpg, as the user said."""
    with closing(Store(tmp_path / "store.db", ENGINE)) as store:
        made = House(store, tmp_path / "out")
        made.read(b"a.jpg", b"first", (LEFT, ANN), (RIGHT, BEN))
        left, right = made.faces(b"a.jpg")
        made.saying.assign_new([left], "Ann")
        made.saying.assign_new([right], "Ben")
        assert made.names(b"a.jpg") == ["Ann", "Ben"]
        yield made


UNLIKE_ANN, UNLIKE_BEN = (0.45, 0.0), (2.45, 0.0)  # similarity 0.55: a candidate, not assigned


def test_a_changed_photo_has_the_people_of_the_former(house: House) -> None:
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    assert house.names(b"a.jpg") == ["Ann", "Ben"]
    first, second, *heirs = house.deciding.decisions
    assert [(each.kind, each.origin, each.of) for each in heirs] == [
        (Kind.IS, Origin.PHOTO, first.id),
        (Kind.IS, Origin.PHOTO, second.id),
    ]
    assert not any(each.new for each in heirs)
    assert house.store.successions.unfound() == []
    assert house.store.successions.open() == []


def test_a_photo_of_another_size_inherits_by_place(house: House) -> None:
    double = [Box(*(2 * edge for edge in box)) for box in (LEFT, RIGHT)]
    house.read(b"a.jpg", b"large", (double[0], UNLIKE_ANN), (double[1], UNLIKE_BEN), scale=2)
    assert house.names(b"a.jpg") == ["Ann", "Ben"]


def test_a_cropped_photo_inherits_by_likeness_and_the_rest_is_listed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.read(b"a.jpg", b"cropped", (Box(60, 50, 100, 90), (2.1, 0.0)))
    assert house.names(b"a.jpg") == ["Ben"]
    (lost,) = house.store.successions.unfound()
    assert (lost.decision, lost.path) == (house.deciding.decisions[0].id, b"/p/a.jpg")
    assert (lost.former, lost.box) == (b"first", LEFT)
    (told,) = caplog.records
    assert isinstance(told.args, tuple)
    assert (told.args[0], told.args[1]) == (logs.photo(b"/p/a.jpg"), 1)
    assert "Ann" not in caplog.text


def test_undoing_the_original_undoes_what_was_inherited(house: House) -> None:
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    house.saying.undo("1")
    assert house.names(b"a.jpg") == [None, "Ben"]
    house.saying.undo(str(house.deciding.last))
    assert house.names(b"a.jpg") == ["Ann", "Ben"]


def test_an_undone_heir_goes_back_to_whose_it_was(house: House) -> None:
    house.read(b"b.jpg", b"other", (LEFT, UNLIKE_ANN))
    house.saying.assign(house.faces(b"b.jpg"), "Ann")
    house.read(b"b.jpg", b"edited", (LEFT, (0.6, 0.0)))
    assert house.names(b"b.jpg") == ["Ann"]
    house.saying.undo("3")
    assert house.names(b"b.jpg") == [None]


def test_what_is_inherited_is_inherited_once_more_and_of_the_first(house: House) -> None:
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    house.read(b"a.jpg", b"third", (LEFT, (0.9, 0.0)), (RIGHT, UNLIKE_BEN))
    assert house.names(b"a.jpg") == ["Ann", "Ben"]
    house.saying.undo("1")
    assert house.names(b"a.jpg")[0] != "Ann"


def test_a_split_that_was_inherited_and_undone_leaves_who_it_made(house: House) -> None:
    house.read(b"b.jpg", b"other", (LEFT, (0.01, 0.0)))
    made = house.saying.split("Ann", house.faces(b"b.jpg")).other
    house.saying.name(str(made), "Zoe")
    house.read(b"b.jpg", b"edited", (LEFT, (0.05, 0.0)))
    assert house.names(b"b.jpg") == ["Zoe"]
    house.saying.undo(str(house.deciding.last))  # the heir alone
    assert house.saying.person("Zoe") == made


def test_a_photo_that_another_file_shows_keeps_its_decisions_to_itself(house: House) -> None:
    house.read(b"copy.jpg", b"first")
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN))
    assert house.names(b"a.jpg") == [None]
    assert len(house.deciding.decisions) == 2
    assert house.store.successions.unfound() == []
    house.read(b"copy.jpg", b"second")
    assert house.names(b"a.jpg") == house.names(b"copy.jpg") == ["Ann"]


def test_what_the_user_said_of_the_new_photo_stands(house: House) -> None:
    house.read(b"b.jpg", b"second", (LEFT, UNLIKE_ANN))
    house.saying.assign_new(house.faces(b"b.jpg"), "Zoe")
    house.read(b"a.jpg", b"second")
    assert house.names(b"a.jpg") == ["Zoe"]


def test_a_photo_that_comes_back_inherits_nothing_twice(house: House) -> None:
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    decisions = len(house.deciding.decisions)
    for picture in (b"first", b"second", b"first"):
        house.read(b"a.jpg", picture)
    assert len(house.deciding.decisions) == decisions
    assert house.names(b"a.jpg") == ["Ann", "Ben"]


def test_what_was_cut_short_goes_on_and_says_nothing_twice(house: House) -> None:
    house.read(b"a.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    decisions = len(house.deciding.decisions)
    former, photo = (house.store.photos.of_picture(each) for each in (b"first", b"second"))
    assert former is not None
    assert photo is not None
    house.store.successions.note(former, photo, b"/p/a.jpg")
    house.inheriting.step()
    assert len(house.deciding.decisions) == decisions


def test_a_refusal_an_ignored_face_and_a_cover_are_inherited(house: House) -> None:
    left, right = house.faces(b"a.jpg")
    house.saying.cover("Ben", right)
    house.saying.ignore([left])
    house.read(b"a.jpg", b"second", (LEFT, ANN), (RIGHT, BEN))
    left, right = house.faces(b"a.jpg")
    assert house.names(b"a.jpg") == [None, "Ben"]
    cover = house.deciding.said.people[house.saying.person("Ben")].cover
    assert cover is not None
    assert cover.photo == b"second"
    house.saying.reject([right])
    house.read(b"a.jpg", b"third", (LEFT, ANN), (RIGHT, BEN))
    assert house.names(b"a.jpg") == [None, None]


def test_who_is_in_a_photo_without_a_box_stays_in_it_if_a_face_is_found_again(house: House) -> None:
    house.saying.add_face(b"/p/a.jpg", None, "Ben")
    house.read(b"a.jpg", b"second", (LEFT, ANN))
    assert (b"second", house.saying.person("Ben")) in house.deciding.said.present
    house.read(b"a.jpg", b"empty")
    assert not any(photo == b"empty" for photo, _ in house.deciding.said.present)
    assert None in {each.box for each in house.store.successions.unfound()}


def test_a_file_that_is_moved_over_another_lets_its_photo_inherit(house: House) -> None:
    """As the intake notes it, when it knows the content of the moved file by its inode."""
    house.read(b"edited.jpg", b"second", (LEFT, UNLIKE_ANN), (RIGHT, UNLIKE_BEN))
    former, new = house.file(b"/p/a.jpg"), house.file(b"/p/edited.jpg")
    assert former.photo is not None
    assert new.photo is not None
    stat = FileStat(b"/p/a.jpg", new.stat.size, new.stat.mtime_ns, new.stat.inode)
    house.store.files.put(stat, FileState.DONE, 0.0, photo=new.photo)
    house.store.successions.note(former.photo, new.photo, b"/p/a.jpg")
    house.inheriting.step()
    assert house.names(b"a.jpg") == ["Ann", "Ben"]
