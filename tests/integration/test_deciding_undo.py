"""Undoing decisions, in any order and over a start: each face goes back to whose it was."""

from __future__ import annotations

import shutil
from contextlib import closing
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.decisions import Kind, Origin
from facewatchd.errors import DecisionError, NotFoundError
from tests.support.library import Library
from tests.support.people import ANN, BEN, ann_and_ben, people, say, who

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FAR = [(1.0, 0.0), (1.0, 0.01)]  # nobody would take these for Ann


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(ann_and_ben(tmp_path)) as made:
        yield made


def looks(library: Library) -> list[list[float]]:
    return sorted(look.centroid.tolist() for look in library.store.people.looks())


def lose_store(folder: Path) -> None:
    for file in folder.glob("store.db*"):
        file.unlink()


# -- in any order


@pytest.mark.parametrize("order", list(permutations("234")), ids="".join)
def test_a_face_goes_back_to_whose_it_was_in_whatever_order_it_is_undone(
    library: Library, order: tuple[str, ...]
) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, "Ann")
    before = people(library)
    library.saying.split(ann, [1])
    library.saying.assign([1], ben)
    library.saying.ignore([1])
    for which in order:
        library.saying.undo(which)
    assert library.deciding.said.faces == {}
    assert people(library) == before


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_when_all_is_undone_everything_is_as_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    with closing(ann_and_ben(tmp_path_factory.mktemp("undo"))) as library:
        library.saying.name(who(library, 1), "Ann")
        library.saying.name(who(library, 4), "Ben")
        before = people(library)
        for _ in range(data.draw(st.integers(1, 4))):
            say(library, data)
        for number in data.draw(st.permutations(range(3, library.deciding.last + 1))):
            library.saying.undo(str(number))
        assert library.deciding.said.faces == {}
        assert people(library) == before


def test_what_was_said_of_somebody_who_is_undone_gives_its_faces_back(library: Library) -> None:
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    before = people(library)
    new = library.saying.split(ann, [1]).other
    library.saying.assign([2], str(new))
    library.saying.undo("2")
    assert library.deciding.said.faces == {}
    assert people(library) == before


@pytest.mark.parametrize("kind", ["split", "ignore"])
def test_the_undo_of_a_redo_undoes_once_more(library: Library, kind: str) -> None:
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    before = people(library)
    if kind == "split":
        library.saying.split(ann, [1])
    else:
        library.saying.ignore([1])
    said, changed = library.deciding.said.faces, people(library)
    library.saying.undo("2")
    library.saying.undo("3")
    assert library.deciding.said.faces == said
    assert people(library) == changed
    library.saying.undo("4")
    assert library.deciding.said.faces == {}
    assert people(library) == before


def test_who_lost_all_faces_gets_them_back(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    before = people(library)
    library.saying.assign([1, 2, 3], ben)
    assert not library.store.people.is_known(ann)
    library.saying.undo()
    assert people(library) == before


def test_who_has_neither_name_nor_face_goes(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, "Ann")
    library.saying.assign([1, 2, 3], ben)
    assert library.store.people.is_known(ann)
    library.saying.undo("1")
    assert not library.store.people.is_known(ann)


def test_undo_takes_back_what_the_user_said_last_not_what_a_changed_photo_inherited(
    library: Library,
) -> None:
    ann = who(library, 1)
    first = library.saying.assign([1], ann)
    library.saying.name(ann, "Wrong")
    heir = library.deciding.say(
        Kind.IS, origin=Origin.PHOTO, of=first.id, person=ann, faces=library.deciding.spoken([2])
    )
    library.saying.undo()
    assert library.store.people.named() == {}
    assert library.deciding.effect(heir) is None


def test_with_nothing_left_to_undo_the_user_is_told(library: Library) -> None:
    library.saying.ignore([1])
    library.saying.undo()
    with pytest.raises(NotFoundError, match="no decision to undo"):
        library.saying.undo()


# -- at the next start


class Killed(BaseException):
    """The end of a process, of which nothing in the program learns."""


@pytest.mark.parametrize("kind", ["ignore", "assign", "split", "reject"])
def test_an_undo_whose_row_was_not_written_is_carried_out_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def die(*_: object) -> None:
        raise Killed

    with closing(ann_and_ben(tmp_path)) as library:
        ann, ben = who(library, 1), who(library, 4)
        library.saying.name(ann, "Ann")
        library.saying.name(ben, "Ben")
        before = people(library)
        {
            "ignore": lambda: library.saying.ignore([1]),
            "assign": lambda: library.saying.assign([1], ben),
            "split": lambda: library.saying.split(ann, [1]),
            "reject": lambda: library.saying.reject([1]),
        }[kind]()
        changed = people(library)
        monkeypatch.setattr(library.store.decisions, "add", die)
        with pytest.raises(Killed):
            library.saying.undo()
        assert people(library) == changed != before
    with closing(Library(tmp_path)) as library:
        assert library.deciding.said.faces == {}
        assert library.store._db.execute("SELECT said FROM faces WHERE id = 1").fetchone() == (
            None,
        )
        assert people(library) == before


def test_what_was_undone_after_a_backup_is_undone_in_the_restored_store(tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    with closing(ann_and_ben(tmp_path)) as library:
        ann, ben = who(library, 1), who(library, 4)
        library.saying.name(ann, "Ann")
        library.saying.name(ben, "Ben")
        before = people(library)
        library.saying.ignore([1])
        library.saying.assign([2], ben)
        library.store._db.execute("VACUUM INTO ?", [str(backup)])
        library.saying.undo()
        library.saying.undo()
    lose_store(tmp_path)
    shutil.copy(backup, tmp_path / "store.db")
    with closing(Library(tmp_path)) as library:
        assert people(library) == before


# -- merged people


def test_confirming_merged_people_keeps_everyones_own_looks(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.merge(ann, ben)
    before = looks(library)
    library.saying.confirm(ann)
    assert looks(library) == before
    library.add((2.01, 2.01))
    assert people(library)[7] == ann


def test_a_merge_can_be_undone_after_who_came_of_it_was_confirmed(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ben, "Ben")
    before = people(library)
    library.saying.merge(ann, ben)
    library.saying.confirm(ann)
    library.saying.undo("2")
    assert people(library) == before
    assert library.store.people.named() == {ben: "Ben"}


@pytest.mark.parametrize("face", [1, 4])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_face_that_was_rejected_from_merged_people_returns_to_neither_without_the_merge(
    tmp_path: Path, face: int, *, confirmed: bool
) -> None:
    with closing(ann_and_ben(tmp_path)) as library:
        ann, ben = who(library, 1), who(library, 4)
        if confirmed:
            library.saying.confirm(who(library, face))
        merge = library.saying.merge(ann, ben, "X")
        library.saying.reject([face])
        assert people(library)[face] is None
        library.saying.undo(merge.id)
        expected = {1: ann, 2: ann, 3: ann, 4: ben, 5: ben, 6: ben, face: None}
        assert people(library) == expected
        library.recluster()
        assert people(library) == expected
    lose_store(tmp_path)
    with closing(Library(tmp_path)) as library:  # what the journal alone says
        for place in (*ANN, *BEN):
            library.add(place)
        assert people(library)[face] is None


def test_a_rejection_from_merged_people_is_taken_back_like_any_other(library: Library) -> None:
    before = people(library)
    merge = library.saying.merge(before[1] or "", before[4] or "", "X")
    no = library.saying.reject([4])
    library.saying.undo(merge.id)
    library.saying.undo(no.id)
    assert people(library) == before


@pytest.mark.parametrize("way", [1, -1])
def test_who_is_hidden_is_merged_with_nobody_who_is_shown_before_the_user_says_how(
    library: Library, way: int
) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, "Ann")
    library.saying.hide(ben)
    with pytest.raises(DecisionError) as refused:
        library.saying.merge(*(ann, ben)[::way])
    assert refused.value.title == f"{ben} is hidden, and Ann is not."
    assert f"facewatchctl people unhide {ben}, or hidden: facewatchctl people hide {ann}" in (
        refused.value.remedy
    )
    assert who(library, 4) == ben
    library.saying.hide(ann)
    library.saying.merge(*(ann, ben)[::way])
    one = who(library, 1)
    assert who(library, 4) == one
    assert library.deciding.said.people[one].hidden
    library.saying.unhide(one)
    library.saying.undo("4")
    assert library.deciding.said.people[ben].hidden is (way == 1)


def test_merges_are_undone_in_the_order_in_which_they_were_made(library: Library) -> None:
    library.add((5.0, 5.0))
    library.add((5.0, 5.01))
    library.found([7, 8])
    ann, ben, cleo = who(library, 1), who(library, 4), who(library, 7)
    before = people(library)
    library.saying.merge(ann, ben, "X")
    library.saying.merge(cleo, ann, "Y")
    assert set(people(library).values()) == {cleo}
    library.saying.undo("1")
    assert people(library) == {**before, 1: cleo, 2: cleo, 3: cleo}
    library.saying.undo("2")
    assert people(library) == before


def test_assigning_several_faces_averages_no_look(library: Library) -> None:
    ann = who(library, 1)
    library.saying.assign([4, 5, 6], ann)
    library.add((2.01, 2.01))
    library.add((0.01, 0.01))
    assert people(library) == dict.fromkeys(range(1, 9), ann)


def test_the_heir_of_a_split_that_was_merged_back_counts(library: Library) -> None:
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    split = library.saying.split(ann, [1])
    library.saying.merge(ann, str(split.other))
    heir = library.deciding.say(
        Kind.SPLIT,
        origin=Origin.PHOTO,
        of=split.id,
        person=ann,
        other=split.other,
        faces=library.deciding.spoken([5]),
    )
    assert library.deciding.effect(heir) is None
    assert who(library, 5) == ann


# -- by which faces people are found again


def test_a_face_that_was_moved_is_no_anchor_of_whom_it_came_to(tmp_path: Path) -> None:
    with closing(ann_and_ben(tmp_path)) as library:
        ann, ben = who(library, 1), who(library, 4)
        library.saying.name(ann, "Ann")
        library.saying.assign([1], ben)
        library.saying.name(ben, "Ben")
        library.saying.undo("2")
        assert who(library, 1) == ann
    lose_store(tmp_path)
    with closing(Library(tmp_path)) as library:
        for place in (*ANN, *BEN):
            library.add(place)
        assert people(library) == {1: ann, 2: ann, 3: ann, 4: ben, 5: ben, 6: ben}


@pytest.mark.parametrize("name", ["Ann", None])
def test_anchors_outlive_the_undo_of_the_first_decision(tmp_path: Path, name: str | None) -> None:
    with closing(ann_and_ben(tmp_path, *FAR)) as library:
        library.found([1, 2, 3, 7, 8])
        ann = who(library, 7)
        library.saying.assign([1], ann)
        library.saying.assign([2], ann)
        if name is not None:
            library.saying.name(ann, name)
        library.saying.undo("1")
    lose_store(tmp_path)
    with closing(Library(tmp_path)) as library:
        for place in (*ANN, *BEN, *FAR):
            library.add(place)
        assert [people(library)[face] for face in (1, 2, 3, 7, 8)] == [ann] * 5
