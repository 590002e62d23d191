"""What decisions come to, and what is left of them when some are undone."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from facewatchd.decisions import Decision, FaceSaid, Kind, Origin, PersonSaid, Said, Spoken, replay
from facewatchd.decisions.replaying import difference, once_one, undone_by
from tests.support.deciding import SPOTS, Saying, journals

if TYPE_CHECKING:
    from collections.abc import Sequence

FACE, TWIN, FAR = SPOTS[0], SPOTS[1], SPOTS[4]


@pytest.fixture
def say() -> Saying:
    return Saying()


# -- each kind


def test_the_last_name_is_the_name(say: Saying) -> None:
    said = replay([say(Kind.NAME, person="p", name=name) for name in ("Anna", "Änne")])
    assert said.people == {"p": PersonSaid(name="Änne")}


def test_a_name_can_be_taken_away(say: Saying) -> None:
    said = replay([say(Kind.NAME, person="p", name="Anna"), say(Kind.NAME, person="p")])
    assert said.people["p"].name is None


def test_a_merged_person_is_the_other_one_and_keeps_no_decision_of_its_own(say: Saying) -> None:
    said = replay(
        [
            say(Kind.MERGE, person="p", other="q", name="Anna"),
            say(Kind.NAME, person="q", name="Anne"),
            say(Kind.HIDE, person="q"),
            say(Kind.COVER, FACE, person="q"),
        ]
    )
    assert said.root("q") == "p"
    assert said.people["p"] == PersonSaid(name="Anne", hidden=True, cover=FACE)
    assert said.people["q"] == PersonSaid(into="p")


def test_merges_of_merges_lead_to_one_person(say: Saying) -> None:
    said = replay(
        [
            say(Kind.MERGE, person="b", other="a"),
            say(Kind.MERGE, person="d", other="c"),
            say(Kind.MERGE, person="c", other="a"),  # which are d and b by now
        ]
    )
    assert {said.root(each) for each in "abcd"} == {"d"}


def test_who_is_one_person_already_is_not_merged_again(say: Saying) -> None:
    first = say(Kind.MERGE, person="a", other="b", name="Anna")
    back = say(Kind.MERGE, person="b", other="a", name="Bela")
    itself = say(Kind.MERGE, person="c", other="c", name="Carl")
    said = replay([first, back, itself])
    assert said.inert.keys() == {back.id, itself.id}
    assert said.root("b") == "a"
    assert said.people["a"].name == "Anna"


def test_a_split_gives_faces_to_a_new_person_and_keeps_both_apart(say: Saying) -> None:
    said = replay([say(Kind.SPLIT, FACE, person="p", other="new")])
    assert said.faces[FACE].person == "new"
    assert said.refuses(FACE, "p")
    assert not said.refuses(FACE, "new")
    assert frozenset(("new", "p")) in said.pairs_apart()
    assert frozenset(("new", "q")) not in said.pairs_apart()


@pytest.mark.parametrize("kind", [Kind.IS, Kind.CONFIRM])
def test_this_is_and_confirm_settle_whose_a_face_is(say: Saying, kind: Kind) -> None:
    said = replay([say(kind, FACE, FAR, person="p")])
    assert said.faces == {spot: FaceSaid(person="p", confirmed=True) for spot in (FACE, FAR)}
    assert "p" in said.people


def test_this_is_not_refuses_a_person_and_says_nothing_of_others(say: Saying) -> None:
    said = replay([say(Kind.IS_NOT, FACE, person="p")])
    assert said.refuses(FACE, "p")
    assert not said.refuses(FACE, "q")
    assert not said.refuses(TWIN, "p")
    assert said.faces[FACE].person is None


def test_two_people_can_be_said_not_to_be_one(say: Saying) -> None:
    said = replay([say(Kind.IS_NOT, person="p", other="q"), say(Kind.MERGE, person="r", other="q")])
    assert frozenset(("r", "p")) in said.pairs_apart()  # who was taken for q is told from p too
    assert frozenset(("r", "q")) not in said.pairs_apart()


def test_an_ignored_face_is_nobodys(say: Saying) -> None:
    said = replay([say(Kind.CONFIRM, FACE, person="p"), say(Kind.IGNORE, FACE)])
    assert said.faces[FACE] == FaceSaid(ignored=True)


def test_hide_and_unhide(say: Saying) -> None:
    hidden = [say(Kind.HIDE, person="p")]
    assert replay(hidden).people["p"].hidden
    assert not replay([*hidden, say(Kind.UNHIDE, person="p")]).people["p"].hidden


def test_a_face_can_be_added_with_a_box_and_a_person_without(say: Saying) -> None:
    said = replay(
        [
            say(Kind.ADD_FACE, FACE, person="p"),
            say(Kind.ADD_FACE, person="q", photos=(FACE.photo,)),
        ]
    )
    assert said.faces == {FACE: FaceSaid(person="p", confirmed=True, added=True)}
    assert said.present == {(FACE.photo, "q")}


def test_what_is_forgotten_is_spoken_of_no_more(say: Saying) -> None:
    said = replay(
        [
            say(Kind.NAME, person="p", name="Anna"),
            say(Kind.CONFIRM, FACE, TWIN, person="p"),
            say(Kind.FORGET, FACE, person="p", photos=(FAR.photo,)),
        ]
    )
    assert "p" not in said.people
    assert said.forgotten == {FACE}
    assert said.forgotten_photos == {FAR.photo}
    assert list(said.spots_in(FACE.photo)) == [TWIN]


def test_anchors_are_those_of_the_last_decision(say: Saying) -> None:
    said = replay(
        [
            say(Kind.NAME, person="p", name="Anna", anchors={"p": (FACE,)}),
            say(Kind.HIDE, person="p", anchors={"p": (FACE, FAR)}),
        ]
    )
    assert said.people["p"].anchors == (FACE, FAR)


def test_an_erased_decision_has_no_effect(say: Saying) -> None:
    assert replay([say(Kind.NAME, person="p", name="Anna", erased=True)]) == Said()


# -- contradictions: the newer one wins


def test_this_is_wins_over_an_older_this_is_not(say: Saying) -> None:
    said = replay([say(Kind.IS_NOT, FACE, person="p"), say(Kind.IS, FACE, person="p")])
    assert said.faces[FACE] == FaceSaid(person="p", confirmed=True)


def test_this_is_not_wins_over_an_older_this_is(say: Saying) -> None:
    said = replay([say(Kind.IS, FACE, person="p"), say(Kind.IS_NOT, FACE, person="p")])
    assert said.faces[FACE] == FaceSaid(refused=frozenset({"p"}))


def test_this_is_someone_wins_over_ignore(say: Saying) -> None:
    said = replay([say(Kind.IGNORE, FACE), say(Kind.IS, FACE, person="p")])
    assert said.faces[FACE] == FaceSaid(person="p", confirmed=True)


def test_a_refused_person_is_refused_by_all_names_that_merging_gives(say: Saying) -> None:
    said = replay([say(Kind.IS_NOT, FACE, person="q"), say(Kind.MERGE, person="p", other="q")])
    assert said.refuses(FACE, "p")


def test_a_merge_wins_over_an_older_word_that_they_are_two(say: Saying) -> None:
    said = replay([say(Kind.IS_NOT, person="p", other="q"), say(Kind.MERGE, person="p", other="q")])
    assert said.root("q") == "p"
    assert frozenset(("p", "q")) not in said.pairs_apart()
    assert frozenset(("p", "p")) not in said.pairs_apart()


def test_merging_a_split_back_gives_its_faces_back(say: Saying) -> None:
    said = replay(
        [
            say(Kind.SPLIT, FACE, person="p", other="new"),
            say(Kind.MERGE, person="p", other="new"),
        ]
    )
    person = said.faces[FACE].person
    assert person is not None
    assert said.root(person) == "p"
    assert not said.refuses(FACE, "p")


def test_a_merge_wins_over_an_older_this_is_not_of_a_confirmed_face(say: Saying) -> None:
    said = replay(
        [
            say(Kind.IS, FACE, person="p"),
            say(Kind.IS_NOT, FACE, person="q"),
            say(Kind.MERGE, person="p", other="q"),
        ]
    )
    assert said.faces[FACE].confirmed
    assert not said.refuses(FACE, "p")


def test_who_was_merged_is_forgotten_with_the_person(say: Saying) -> None:
    said = replay(
        [
            say(Kind.NAME, person="q", name="Anne"),
            say(Kind.MERGE, person="p", other="q", name="Anna"),
            say(Kind.FORGET, person="p"),
        ]
    )
    assert said.people == {}


# -- undo


def test_an_undone_merge_gives_both_back_as_they_were(say: Saying) -> None:
    before = [
        say(Kind.NAME, person="p", name="Anna"),
        say(Kind.NAME, person="q", name="Bela"),
    ]
    merge = say(Kind.MERGE, person="p", other="q", name="Anna")
    assert replay([*before, merge, say(Kind.UNDO, of=merge.id)]) == replay(before)


def test_undoing_an_undo_brings_the_decision_back(say: Saying) -> None:
    name = say(Kind.NAME, person="p", name="Anna")
    undo = say(Kind.UNDO, of=name.id)
    again = say(Kind.UNDO, of=undo.id)
    assert replay([name, undo]) == Said()
    assert replay([name, undo, again]) == replay([name])
    assert replay([name, undo, again, say(Kind.UNDO, of=again.id)]) == Said()


def test_what_is_undone_may_lie_long_before(say: Saying) -> None:
    first = say(Kind.CONFIRM, FACE, person="p")
    later = say(Kind.NAME, person="p", name="Anna")
    assert replay([first, later, say(Kind.UNDO, of=first.id)]) == replay([later])


def test_what_speaks_of_a_person_who_was_never_made_is_inert(say: Saying) -> None:
    split = say(Kind.SPLIT, FACE, person="p", other="new")
    name = say(Kind.NAME, person="new", name="Nele")
    made = say(Kind.IS, FAR, person="self-made", new=True)
    merge = say(Kind.MERGE, person="p", other="self-made")
    undone = [say(Kind.UNDO, of=split.id), say(Kind.UNDO, of=made.id)]
    said = replay([split, name, made, merge, *undone])
    assert said.inert.keys() == {name.id, merge.id}
    assert "new" in said.inert[name.id]
    assert said.people == {}
    assert said.faces == {}


def test_who_was_made_by_an_inert_decision_was_never_made_either(say: Saying) -> None:
    made = say(Kind.IS, FAR, person="p", new=True)
    split = say(Kind.SPLIT, FAR, person="p", other="q")
    name = say(Kind.NAME, person="q", name="Nele")
    said = replay([made, split, name, say(Kind.UNDO, of=made.id)])
    assert said.inert.keys() == {split.id, name.id}
    assert said.people == {}


def test_what_a_changed_picture_inherited_is_undone_with_it(say: Saying) -> None:
    confirm = say(Kind.CONFIRM, FACE, person="p")
    heir = say(Kind.CONFIRM, FAR, person="p", of=confirm.id)
    heir_of_heir = say(Kind.CONFIRM, SPOTS[2], person="p", of=heir.id)
    said = replay([confirm, heir, heir_of_heir, say(Kind.UNDO, of=confirm.id)])
    assert said.faces == {}


def test_forgetting_cannot_be_undone(say: Saying) -> None:
    forget = say(Kind.FORGET, FACE)
    assert replay([forget, say(Kind.UNDO, of=forget.id)]).forgotten == {FACE}


def test_the_difference_of_an_undo_names_who_and_what_must_be_set_back(say: Saying) -> None:
    confirm = say(Kind.CONFIRM, FACE, person="q")
    merge = say(Kind.MERGE, person="p", other="q", name="Anna")
    before, after = replay([confirm, merge]), replay([confirm])
    assert difference(before, after).people == {"p", "q"}
    assert difference(before, after).spots == set()
    assert difference(after, Said()).spots == {FACE}


# -- whatever is said


@given(journals(undo=False))
def test_all_at_once_comes_to_the_same_as_one_by_one(journal: Sequence[Decision]) -> None:
    said = Said()
    for decision in journal:
        said.take(decision)
    assert said == replay(journal)


@given(journals(forget=False).filter(bool))
def test_undoing_the_last_decision_gives_the_state_before_it(journal: Sequence[Decision]) -> None:
    number = journal[-1].number + 1
    undo = Decision("undo", number, float(number), Kind.UNDO, of=journal[-1].id)
    assert replay([*journal, undo]) == replay(journal[:-1])


@given(journals())
def test_nobody_is_merged_into_themselves_by_a_detour(journal: Sequence[Decision]) -> None:
    said = replay(journal)
    for person in said.people:
        way = [person]
        while (into := said.people.get(way[-1], PersonSaid()).into) is not None:
            assert into not in way
            way.append(into)
        assert said.root(person) == way[-1]
        assert all(one != next_one for one, next_one in pairwise(way))


@given(journals())
def test_a_confirmed_face_is_never_refused_to_its_own_person(journal: Sequence[Decision]) -> None:
    said = replay(journal)
    for spot, face in said.faces.items():
        if face.confirmed:
            assert face.person is not None
            assert not face.ignored
            assert not said.refuses(spot, face.person)


@given(journals())
def test_all_who_are_somebody_are_those_who_have_the_same_end(journal: Sequence[Decision]) -> None:
    said = replay(journal)
    for person in said.people:
        same = {each for each in said.people if said.root(each) == said.root(person)}
        assert said.all_who_are(person) == same | {said.root(person)}


@given(journals())
def test_who_was_one_at_a_rejection_is_whom_merges_until_then_came_to(
    journal: Sequence[Decision],
) -> None:
    def naively(place: int) -> set[str]:
        before = [each for each in journal[:place] if each.kind in {Kind.MERGE, Kind.UNDO}]
        undone = undone_by([each for each in before if each.kind is Kind.UNDO])
        said = Said()
        for each in before:
            if each.kind is Kind.MERGE and each.id not in undone:
                said.take(each)
        return said.all_who_are(str(journal[place].person))

    known = once_one(journal)
    for place, decision in enumerate(journal):
        if decision.id in known:
            assert decision.kind is Kind.IS_NOT
            assert known[decision.id] == naively(place)


@given(journals())
def test_nobody_is_apart_from_themselves(journal: Sequence[Decision]) -> None:
    said = replay(journal)
    assert not any(frozenset((person, person)) in said.pairs_apart() for person in said.people)


@given(journals())
def test_a_face_is_found_by_its_photo(journal: Sequence[Decision]) -> None:
    said = replay(journal)
    by_photo = {spot for photo in {s.photo for s in SPOTS} for spot in said.spots_in(photo)}
    assert by_photo == said.faces.keys()
    assert sum(len(said.spots_in(p)) for p in {s.photo for s in SPOTS}) == len(said.faces)


# -- what was rejected from merged people


@pytest.mark.parametrize("was", ["p", "q", None])
@pytest.mark.parametrize("confirmed", ["p", "q", None])
def test_a_face_that_was_rejected_from_merged_people_is_neither_of_them_without_the_merge(
    say: Saying, was: str | None, confirmed: str | None
) -> None:
    before = [] if confirmed is None else [say(Kind.CONFIRM, FACE, person=confirmed)]
    merge = say(Kind.MERGE, person="p", other="q")
    no = replace(say(Kind.IS_NOT, person="p"), faces=(Spoken(FACE, was),))
    parted = say(Kind.UNDO, of=merge.id)
    decisions = [*before, merge, no, parted]
    for said in replay(decisions), replay(decisions, (2, replay(decisions, until=2))):
        assert said.faces[FACE] == FaceSaid(refused=frozenset("pq"))
        assert said.refuses(FACE, "p")
        assert said.refuses(FACE, "q")
        assert not said.refuses(TWIN, "q")
    again = replay([*decisions, say(Kind.UNDO, of=parted.id)])
    assert again.faces[FACE] == FaceSaid(refused=frozenset("pq"))
    without = replay([*decisions, say(Kind.UNDO, of=no.id)])
    expected = {} if confirmed is None else {FACE: FaceSaid(confirmed, confirmed=True)}
    assert without.faces == expected


def test_a_rejection_before_or_after_a_merge_speaks_of_one_person(say: Saying) -> None:
    before = say(Kind.IS_NOT, FACE, person="p")
    merge = say(Kind.MERGE, person="p", other="q")
    parted = say(Kind.UNDO, of=merge.id)
    after = say(Kind.IS_NOT, TWIN, person="p")
    said = replay([before, merge, parted, after])
    assert said.faces[FACE].refused == said.faces[TWIN].refused == {"p"}


def test_who_was_never_made_is_not_spoken_of_by_a_rejection_from_merged_people(
    say: Saying,
) -> None:
    split = say(Kind.SPLIT, TWIN, person="p", other="q")
    merge = say(Kind.MERGE, person="p", other="q")
    no = say(Kind.IS_NOT, FACE, person="p")
    said = replay([split, merge, no, say(Kind.UNDO, of=split.id)])
    assert said.people.keys() == {"p"}
    assert said.faces[FACE].refused == {"p"}


def test_a_changed_picture_inherits_a_rejection_from_merged_people(say: Saying) -> None:
    merge = say(Kind.MERGE, person="p", other="q")
    no = say(Kind.IS_NOT, FACE, person="p")
    parted = say(Kind.UNDO, of=merge.id)
    heir = say(Kind.IS_NOT, FAR, person="p", of=no.id, origin=Origin.PHOTO)
    assert replay([merge, no, parted, heir]).faces[FAR].refused == {"p", "q"}
