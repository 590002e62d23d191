"""What a run would change, as a plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.matching import Before
from facewatchd.clustering.questions import Question
from facewatchd.errors import StoreError
from facewatchd.planning import (
    Change,
    Doubt,
    Kind,
    Plan,
    Valid,
    from_bytes,
    plan,
    still_valid,
    to_bytes,
)
from facewatchd.plugins import Scale

SCALE = Scale(dimensions=4, similarity=0.68, floor=0.5, eps=0.32, merge=0.52)
PEOPLE = ("ann", "bob", "cy")
ANN, BOB, CY, NEW, NEWER, NOBODY = 0, 1, 2, 3, 4, -1


def made(
    owners: list[int], after: list[int], asked: tuple[Question, ...] = (), people: int = 3
) -> Plan:
    nobody = Before.nobody(len(owners), 4)
    before = replace(nobody, owners=np.array(owners, dtype=np.int64), persons=np.arange(people))
    return plan(
        100 + np.arange(len(owners)),
        PEOPLE[:people],
        before,
        np.array(after, dtype=np.int64),
        asked,
        SCALE,
        id="p1",
        made_at=12.5,
        decided=7,
    )


def changes(owners: list[int], after: list[int]) -> list[tuple[str, str, str, int]]:
    found = made(owners, after)

    def name(number: int) -> str:
        if number < 0:
            return "nobody"
        return found.people[number] if number < len(found.people) else "new"

    return [(c.kind.value, name(c.source), name(c.target), c.faces) for c in found.changes()]


def equal(one: Plan, other: Plan) -> bool:
    return to_bytes(one) == to_bytes(other)


def test_nothing_that_changes_is_an_empty_plan() -> None:
    found = made([ANN, NOBODY, BOB], [ANN, NOBODY, BOB])
    assert (len(found.faces), found.people, found.churn, found.changes()) == (0, (), 0.0, [])


def test_faces_of_nobody_join_people_or_are_somebody_new() -> None:
    owners = [ANN, NOBODY, NOBODY, NOBODY]
    assert changes(owners, [ANN, ANN, NEW, NEW]) == [
        ("new", "nobody", "new", 2),
        ("join", "nobody", "ann", 1),
    ]
    assert made(owners, [ANN, ANN, NEW, NEW]).churn == 0.0
    assert made(owners, [ANN, ANN, NEW, NEWER]).new_people == 2


def test_a_person_none_of_whose_faces_is_left_merges() -> None:
    owners, after = [ANN, ANN, BOB, BOB, BOB], [BOB, BOB, BOB, BOB, BOB]
    assert changes(owners, after) == [("merge", "ann", "bob", 2)]
    found = made(owners, after)
    assert (found.people_by_kind(Kind.MERGE), found.churn) == (1, 0.4)


def test_a_person_of_whom_a_part_is_somebody_new_splits() -> None:
    owners, after = [ANN, ANN, ANN, BOB], [ANN, NEW, NEW, BOB]
    assert changes(owners, after) == [("split", "ann", "new", 2)]
    assert made(owners, after).people_by_kind(Kind.SPLIT) == 1


def test_faces_move_between_people_who_go_on_and_leave_for_nobody() -> None:
    owners, after = [ANN, ANN, ANN, BOB], [ANN, BOB, NOBODY, BOB]
    assert changes(owners, after) == [("leave", "ann", "nobody", 1), ("move", "ann", "bob", 1)]
    found = made(owners, after)
    assert found.faces_by_kind() == {Kind.LEAVE: 1, Kind.MOVE: 1}
    assert found.churn == 0.5


def test_a_plan_names_only_whom_it_speaks_of() -> None:
    question = Question(face=0, owner=BOB, other=NEWER, distance=0.25)
    found = made([BOB, CY, CY], [BOB, NEW, NEW], (question,))
    assert found.people == ("bob", "cy")
    assert found.targets.tolist() == [2, 2]
    assert found.questions == (Doubt(face=100, person=0, other=3, similarity=0.75),)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    faces = draw(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 4)), max_size=40))
    asked = draw(
        st.lists(
            st.builds(
                Question,
                st.integers(0, max(0, len(faces) - 1)),
                st.integers(0, 2),
                st.integers(0, 4),
                st.floats(0, 1),
            ),
            max_size=3 if faces else 0,
        )
    )
    return made([old for old, _ in faces], [new for _, new in faces], tuple(asked))


@given(plans())
def test_changes_sum_up_to_the_moves(found: Plan) -> None:
    assert sum(change.faces for change in found.changes()) == len(found.faces)
    assert found.faces_by_kind().total() == len(found.faces)
    assert 0.0 <= found.churn <= 1.0
    from_people = Counter(change.source for change in found.changes())
    assert all(-1 <= number < len(found.people) for number in from_people)


@given(plans())
def test_a_plan_comes_back_from_bytes_as_it_was(found: Plan) -> None:
    again = from_bytes(to_bytes(found))
    assert again.faces.dtype == np.int64
    assert equal(again, found)
    assert again.changes() == found.changes()
    assert again.churn == found.churn


@given(plans(), st.data())
def test_bytes_that_are_damaged_are_refused(found: Plan, data: st.DataObject) -> None:
    whole = to_bytes(found)
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
    for damaged in (whole[:place] + flipped + whole[place + 1 :], whole[:place]):
        with pytest.raises(StoreError, match="is damaged"):
            from_bytes(damaged)


def test_a_plan_of_another_version_is_refused() -> None:
    other = to_bytes(made([ANN], [BOB]))[32:].replace(b'"version": 1', b'"version": 2')
    with pytest.raises(StoreError, match="is of version 2, which is not 1"):
        from_bytes(sha256(other).digest() + other)


OLD = [ANN, ANN, BOB, NOBODY, NOBODY]
AFTER = [BOB, NEW, CY, CY, NEW]
NOW: dict[int, str | None] = {100: "ann", 101: "ann", 102: "bob", 103: None, 104: None}


def checked(
    now: dict[int, str | None] = NOW,
    people: tuple[str, ...] = PEOPLE,
    faces: tuple[int, ...] = (),
    decided: tuple[str, ...] = (),
    asked: tuple[Question, ...] = (),
) -> Valid:
    return still_valid(
        made(OLD, AFTER, asked), now, people, decided_faces=faces, decided_people=decided
    )


def test_a_plan_of_a_world_that_is_the_same_is_valid_as_it_is() -> None:
    found = checked()
    assert equal(found.plan, made(OLD, AFTER))
    assert (found.dropped.tolist(), found.share) == ([], 0.0)


@pytest.mark.parametrize(
    ("found", "dropped"),
    [
        (checked({**NOW, 100: "cy"}), [100]),
        (checked({face: who for face, who in NOW.items() if face != 104}), [104]),
        (checked({**NOW, 103: "ann"}), [103]),
        (checked(faces=(101, 102)), [101, 102]),
        (checked(decided=("cy",)), [102, 103]),
        (checked(decided=("ann",)), [100, 101]),
        (checked(people=("ann", "cy")), [100, 102]),
    ],
)
def test_moves_of_what_has_changed_are_dropped(found: Valid, dropped: list[int]) -> None:
    assert found.dropped.tolist() == dropped
    assert found.share == len(dropped) / 5
    assert set(found.plan.faces.tolist()) == set(NOW) - set(dropped)


def test_a_person_who_keeps_a_face_by_a_dropped_move_does_not_merge() -> None:
    whole = made([ANN, ANN, BOB], [BOB, BOB, BOB])
    now: dict[int, str | None] = {100: "ann", 101: "ann", 102: "bob"}
    rest = still_valid(whole, now, PEOPLE, decided_faces={100}, decided_people=()).plan
    assert rest.changes() == [Change(Kind.MOVE, 0, 1, 1)]


def test_questions_about_what_has_changed_are_dropped() -> None:
    question = Question(face=2, owner=BOB, other=CY, distance=0.2)
    assert len(checked(asked=(question,)).plan.questions) == 1
    assert checked(asked=(question,), faces=(102,)).plan.questions == ()
    assert checked(asked=(question,), decided=("cy",)).plan.questions == ()
    assert checked({**NOW, 102: "ann"}, asked=(question,)).plan.questions == ()


@given(plans(), st.sets(st.integers(100, 140)), st.sets(st.sampled_from(PEOPLE)))
def test_no_move_of_a_decided_face_or_person_is_left(
    whole: Plan, faces: set[int], people: set[str]
) -> None:
    names = (*whole.people, None)
    now = {
        face: names[source]
        for face, source in zip(whole.faces.tolist(), whole.sources.tolist(), strict=True)
    }
    rest, dropped, share = still_valid(
        whole, now, PEOPLE, decided_faces=faces, decided_people=people
    )
    named = {
        rest.people[number]
        for number in [*rest.sources.tolist(), *rest.targets.tolist()]
        if 0 <= number < len(rest.people)
    }
    assert not faces & set(rest.faces.tolist())
    assert not people & named
    assert len(rest.faces) + len(dropped) == len(whole.faces)
    assert share == (len(dropped) / len(whole.faces) if len(whole.faces) else 0.0)
    if not faces & set(whole.faces.tolist()) and not people & set(whole.people):
        assert len(dropped) == 0
