"""What is left of a journal in which something was forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.decisions import Decision, Kind, Spoken, replay, to_line
from facewatchd.journal.erasing import without_forgotten
from tests.support.deciding import PEOPLE, SPOTS, Saying, journals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.decisions import Spot

ONE, TWO, THREE, *_ = SPOTS


def forgotten(decisions: Sequence[Decision], **what: object) -> list[Decision]:
    """Return what is left of ``decisions`` when something is forgotten after them."""
    number = len(decisions) + 1
    forget = Decision("last", number, float(number), Kind.FORGET, **what)  # type: ignore[arg-type]  # names of fields
    return without_forgotten([*decisions, forget])


def test_of_a_forgotten_person_only_places_of_decisions_are_left() -> None:
    say = Saying()
    journal = [
        say(Kind.NAME, person="anna", name="Xq7", anchors={"anna": (ONE,)}),
        say(Kind.IS, TWO, person="anna"),
        say(Kind.HIDE, person="anna"),
    ]
    left = forgotten(journal, person="anna", faces=(Spoken(ONE), Spoken(TWO)))
    assert [(d.id, d.number, d.at, d.kind) for d in left[:3]] == [
        (d.id, d.number, d.at, d.kind) for d in journal
    ]
    for decision in left[:3]:
        line = to_line(decision)
        assert decision.erased
        assert not any(word in line for word in ("Xq7", "anna", "box", "photo"))


def test_who_was_merged_into_a_forgotten_person_is_forgotten_too() -> None:
    say = Saying()
    journal = [
        say(Kind.NAME, person="bela", name="Xq7"),
        say(Kind.MERGE, person="anna", other="bela", name="Xq7"),
        say(Kind.NAME, person="carl", name="Carl"),
    ]
    left = forgotten(journal, person="anna")
    assert [decision.erased for decision in left] == [True, True, False, False]
    assert replay(left).people.keys() == {"carl"}


def test_of_a_decision_about_several_only_the_forgotten_face_is_taken_out() -> None:
    say = Saying()
    ignore = say(Kind.IGNORE, ONE, THREE)
    left, _ = forgotten([ignore], faces=(Spoken(ONE),))
    assert [spoken.spot for spoken in left.faces] == [THREE]
    assert replay([left]).faces[THREE].ignored


def test_a_face_that_lies_on_a_forgotten_one_is_taken_out() -> None:
    say = Saying()
    near = ONE._replace(box=ONE.box._replace(right=ONE.box.right + 1))
    left, _ = forgotten([say(Kind.IGNORE, near)], faces=(Spoken(ONE),))
    assert left.erased


def test_a_name_outlives_the_face_that_it_was_given_with() -> None:
    say = Saying()
    first = say(Kind.IS, ONE, person="anna", new=True, name="Anna")
    left = forgotten([first], faces=(Spoken(ONE),))
    assert replay(left).people["anna"].name == "Anna"
    assert "box" not in to_line(left[0])


def test_who_was_split_from_a_forgotten_person_stays() -> None:
    say = Saying()
    split = say(Kind.SPLIT, THREE, person="anna", other="new")
    named = say(Kind.NAME, person="new", name="Zoe")
    left = forgotten([split, named], person="anna", faces=(Spoken(ONE),))
    said = replay(left)
    assert said.faces[THREE].person == "new"
    assert said.people.keys() == {"new"}
    assert not said.apart


@pytest.mark.parametrize("splits", [True, False])
def test_what_was_said_of_somebody_whom_an_undone_decision_made_stays_without_effect(
    splits: bool,  # noqa: FBT001 - given by its name
) -> None:
    say = Saying()
    whose = say(Kind.IS, THREE, person="bela")
    made = (
        say(Kind.SPLIT, ONE, person="anna", other="new")
        if splits
        else replace(say(Kind.IS, ONE, person="new"), new=True)
    )
    undo = say(Kind.UNDO, of=made.id)
    inert = say(Kind.SPLIT, THREE, person="new", other="newer")
    left = forgotten([whose, made, undo, inert], faces=(Spoken(ONE),))
    assert replay(left).faces[THREE].person == "bela"
    assert ONE not in {spoken.spot for each in left[:-1] for spoken in each.faces}


def test_a_forgotten_photo_takes_every_face_in_it_and_who_was_said_to_be_there() -> None:
    say = Saying()
    journal = [
        say(Kind.ADD_FACE, person="anna", photos=(ONE.photo, THREE.photo)),
        say(Kind.ADD_FACE, TWO, person="anna"),
    ]
    assert ONE.photo == TWO.photo
    both, box, _ = forgotten(journal, photos=(ONE.photo,))
    assert both.photos == (THREE.photo,)
    assert box.erased


def test_it_is_not_said_any_more_whose_a_face_was() -> None:
    say = Saying()
    moved = Decision("d", 1, 1.0, Kind.IS, person="bela", faces=(Spoken(THREE, was="anna"),))
    say(Kind.HIDE, person="x")
    left, _ = forgotten([moved], person="anna")
    assert left.faces == (Spoken(THREE, None),)


@given(journals(forget=False), st.sampled_from(PEOPLE), st.sets(st.sampled_from(SPOTS)))
def test_nothing_forgotten_is_left_and_nothing_else_is_lost(
    journal: Sequence[Decision], person: str, spots: set[Spot]
) -> None:
    before = replay(journal)
    root = before.root(person)
    theirs = {spot for spot, said in before.faces.items() if said.person in before.people}
    theirs = {s for s in theirs if before.root(str(before.faces[s].person)) == root}
    gone = theirs | spots
    left = forgotten(journal, person=root, faces=tuple(Spoken(s) for s in sorted(gone)))
    assert without_forgotten(left) == left
    people = {p for p in {*before.people, *PEOPLE} if before.root(p) == root}
    for decision in left[:-1]:
        assert not gone & {spoken.spot for spoken in decision.faces}
        assert not people & {decision.other, *decision.anchors, *(f.was for f in decision.faces)}
        assert decision.person not in people or decision.kind is Kind.SPLIT
    after = replay(left)
    assert not people & after.people.keys()
    for who, said in before.people.items():
        if who not in people and said.name is not None:
            assert after.people[who].name == said.name
    for spot, of_face in before.faces.items():
        if spot not in gone and of_face.person is not None:
            assert after.faces[spot].person == of_face.person
