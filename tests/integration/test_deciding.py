"""Decisions in a library: what each does to people and faces, and what undoing it brings back."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.decisions import Kind, replay
from facewatchd.errors import DecisionError, NotFoundError
from facewatchd.model import Box
from facewatchd.pipeline.boxes import Boxes
from tests.support.people import ann_and_ben, people, say, who

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.library import Library

BETWEEN = (0.4, 0.0)  # similarity 0.6 to Ann: a candidate, not near enough


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(ann_and_ben(tmp_path)) as made:
        yield made


def test_a_name_is_kept_and_taken_back(library: Library) -> None:
    ann = who(library, 1)
    library.saying.name(ann, " Ann ")
    assert library.saying.person("ann") == ann
    library.saying.undo()
    with pytest.raises(NotFoundError):
        library.saying.person("ann")


def test_a_name_that_is_taken_needs_another(library: Library) -> None:
    library.saying.name(who(library, 1), "Ann")
    with pytest.raises(DecisionError):
        library.saying.name(who(library, 4), "ANN")
    library.saying.name(who(library, 4), "ANN", another=True)
    with pytest.raises(DecisionError):
        library.saying.person("ann")


def test_merging_adds_looks_and_undoing_it_parts_them_again(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    before = library.store.people.looks()
    library.saying.merge(ann, ben)
    assert set(people(library).values()) == {ann}
    merged = library.store.people.looks()
    assert [look.centroid.tolist() for look in merged] == [
        each.centroid.tolist() for each in before
    ]
    library.add((2.01, 2.01))
    assert who(library, 7) == ann
    library.saying.undo()
    assert [who(library, face) for face in (1, 2, 3)] == [ann] * 3
    assert [who(library, face) for face in (4, 5, 6, 7)] == [ben] * 4


def test_of_two_names_the_user_says_which_one_stays(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, "Ann")
    library.saying.name(ben, "Ben")
    with pytest.raises(DecisionError):
        library.saying.merge(ann, ben)
    library.saying.merge(ann, ben, "Ben")
    assert library.saying.person("Ben") == ann
    library.saying.undo()
    assert library.saying.person("Ann") == ann
    assert library.saying.person("Ben") == ben


def test_nobody_is_merged_with_themselves(library: Library) -> None:
    with pytest.raises(DecisionError):
        library.saying.merge(who(library, 1), who(library, 2))


def test_a_face_that_is_rejected_goes_away_and_comes_back_with_an_undo(library: Library) -> None:
    ann = who(library, 1)
    library.saying.reject([2])
    assert people(library)[2] is None
    assert library.candidates(2) == []
    library.saying.undo()
    assert people(library)[2] == ann


def test_a_face_goes_to_whom_the_user_says_and_back_to_whose_it_was(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.assign([1], ben)
    assert people(library)[1] == ben
    library.saying.undo()
    assert people(library)[1] == ann


def test_undoing_a_confirmation_moves_nobody(library: Library) -> None:
    before = people(library)
    library.saying.confirm(who(library, 1))
    assert people(library) == before
    library.saying.undo()
    assert people(library) == before


def test_a_split_makes_somebody_who_goes_with_its_undo(library: Library) -> None:
    ann = who(library, 1)
    new = library.saying.split(ann, [1]).other
    assert people(library)[1] == new
    library.saying.name(str(new), "Zoe")
    library.saying.undo("1")
    assert people(library)[1] == ann
    assert library.deciding.said.inert.keys() == {library.deciding.decisions[1].id}
    assert not library.store.people.is_known(str(new))


def test_an_ignored_face_is_nobodys_and_no_candidate_is_kept(library: Library) -> None:
    library.add(BETWEEN)
    assert library.candidates(7)
    library.saying.ignore([7, 1])
    assert people(library)[1] is None
    assert library.candidates(7) == []
    library.saying.undo()
    assert people(library)[1] == who(library, 2)
    assert library.candidates(7)


def test_two_faces_of_one_photo_are_one_person_if_the_user_says_so(library: Library) -> None:
    ann = who(library, 1)
    library.add((0.01, 0.0), (0.012, 0.0))
    given = [face for face in (7, 8) if people(library)[face] == ann]
    assert len(given) == 1
    library.saying.assign([7, 8], ann)
    assert [people(library)[face] for face in (7, 8)] == [ann, ann]


def test_a_box_on_a_known_face_is_an_assignment_of_that_face(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    before = people(library)
    library.saying.assign([1], ann)
    given = library.saying.add_face(bytes(library.photos / "1.jpg"), Box(0, 0, 9, 8), ben)
    assert given.kind is Kind.IS
    assert [spot.box for spot in library.deciding.said.faces] == [Box(0, 0, 9, 9)]
    assert people(library) == {**before, 1: ben}
    assert nothing_to_encode(library)
    library.saying.undo()
    assert people(library) == before
    assert nothing_to_encode(library)


def test_a_box_on_an_ignored_face_takes_it_out_of_the_ignored(library: Library) -> None:
    ann = who(library, 1)
    library.saying.ignore([1])
    library.saying.add_face(bytes(library.photos / "1.jpg"), Box(0, 0, 9, 8), ann)
    assert people(library)[1] == ann
    assert nothing_to_encode(library)


def nothing_to_encode(library: Library) -> bool:
    library.adding.step()
    return library.adding.next(0.0, ()) is None


def test_no_detector_takes_a_face_from_a_person_of_whom_the_user_spoke(library: Library) -> None:
    boxes = Boxes(library.placing._rules)
    photo = library.store.decisions.photo_of(1)
    assert photo is not None
    assert boxes.told(photo).always == ()
    library.saying.name(who(library, 1), "Ann")
    assert boxes.told(photo).always == (Box(0, 0, 9, 9),)
    library.saying.reject([1])
    assert boxes.told(photo).always == ()


def test_the_number_of_a_face_that_is_gone_is_not_given_again(library: Library) -> None:
    with library.store.transaction():
        library.store.faces.remove(6)
        library.store.faces.remove(5)
    library.add((5.0, 5.0))
    assert sorted(people(library)) == [1, 2, 3, 4, 7]


def test_later_photos_follow_what_was_said(library: Library) -> None:
    ann = who(library, 1)
    library.saying.reject([1], ann)
    library.add((0.01, 0.01))
    assert people(library)[1] is None
    assert people(library)[7] == ann


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_undoing_the_last_decision_brings_back_everything(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    library = ann_and_ben(tmp_path_factory.mktemp("undo"), BETWEEN)
    for _ in range(data.draw(st.integers(0, 4))):
        say(library, data)
    before, taken = people(library), library.deciding.last
    said = replay(library.deciding.decisions)
    say(library, data)
    if library.deciding.last > taken:
        # Who was first found by faces in what is undone stays so: nobody becomes harder to find.
        said.find_by(library.saying.undo().anchors)
    assert library.deciding.said == said
    assert people(library) == before
    library.close()
