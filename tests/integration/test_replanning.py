"""What re-clustering may do to people of whom the user spoke, and plans that wait."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.errors import NotFoundError
from facewatchd.pipeline.proposing import told
from facewatchd.planning import Kind
from facewatchd.regroup import Grouped, Task, cluster
from tests.support.library import SCALE, Library
from tests.support.people import ANN, BEN, people, say, who

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.pipeline.outset import Outset
    from facewatchd.planning import Plan
    from facewatchd.plugins import Scale

CLEO = [(0.0, 4.0), (0.02, 4.0), (0.0, 4.02), (0.02, 4.02)]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        yield made


def scattered(library: Library) -> list[int]:
    """Add Ann, Ben, and Cleo, whom a run will find to be one person and who are two until then."""
    for place in (*ANN, *BEN, *CLEO):
        library.add(place)
    library.grouping._first_backlog = False
    library.found([1, 2, 3], [4, 5, 6], [7, 8], [9, 10])
    return [7, 8, 9, 10]


def run(library: Library, most: float | None = 0.05) -> None:
    """Run a clustering in this process, whose plan waits if its churn is above ``most``."""
    start = library.replanning.outset()
    with library.store.transaction():
        library.replanning.take_in(start, clustered(start, library.grouping._scale), most)


def clustered(start: Outset, scale: Scale = SCALE) -> Grouped:
    task = Task(
        encodings=start.faces.encodings,
        photos=start.faces.photos,
        eps=scale.eps,
        min_samples=2,
        merge=scale.merge,
        reach=scale.distance_at(scale.similarity),
        before=start.before,
    )
    found = cluster(task)
    assert isinstance(found, Grouped)
    return found


def waiting(library: Library) -> Plan:
    return library.replanning.waiting


# -- what waits


def test_a_plan_of_much_churn_waits_and_changes_nothing(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    scattered(library)
    before = people(library)
    library.recluster()
    assert people(library) == before
    look = library.replanning.look
    assert look is not None
    assert look.churn == 0.2
    assert look.moves == 2
    assert look.id in caplog.text
    assert [(c.kind, c.faces) for c in waiting(library).changes()] == [(Kind.MERGE, 2)]


def test_a_plan_is_told_with_the_names_of_people(library: Library) -> None:
    scattered(library)
    library.saying.name(who(library, 7), "Cleo")
    library.recluster()
    answer = told(waiting(library), library.store)
    assert (answer["merges"], answer["new_people"], answer["faces"]) == (1, 0, 2)
    (change,) = answer["changes"]
    assert (change["target_called"], change["source"]) == ("Cleo", who(library, 9))


def test_a_plan_that_waits_is_applied_when_the_user_says_so(library: Library) -> None:
    cleo = scattered(library)
    library.recluster()
    applied = library.grouping.apply(waiting(library).id)
    assert (applied.moves, applied.dropped, applied.again) == (2, (), False)
    assert len({who(library, face) for face in cleo}) == 1
    assert library.replanning.look is None
    late = library.add((0.01, 4.01))
    assert library.person_of(late) == who(library, 7)
    with pytest.raises(NotFoundError):
        library.grouping.apply()


def test_a_plan_is_dropped(library: Library) -> None:
    scattered(library)
    library.recluster()
    before = people(library)
    with pytest.raises(NotFoundError):
        library.replanning.drop("another")
    library.replanning.drop()
    assert people(library) == before
    assert library.store.plans.waiting() is None
    with pytest.raises(NotFoundError):
        library.replanning.drop()


def test_a_newer_plan_takes_the_place_of_the_one_that_waits(library: Library) -> None:
    scattered(library)
    library.recluster()
    first = waiting(library)
    library.add((0.01, 4.01))
    library.recluster()
    second = waiting(library)
    assert second.id != first.id
    assert library.store._db.execute("SELECT id FROM plan").fetchall() == [(second.id,)]
    with pytest.raises(NotFoundError):
        library.grouping.apply(first.id)


def test_a_plan_of_little_churn_is_carried_out_and_none_waits_any_more(library: Library) -> None:
    cleo = scattered(library)
    library.recluster()
    for face in cleo[2:]:
        library.saying.assign([face], who(library, 7))
    library.recluster()
    assert library.replanning.look is None
    assert {who(library, face) for face in cleo} == {who(library, 7)}


def test_how_much_churn_waits_is_a_setting(tmp_path: Path) -> None:
    with closing(Library(tmp_path, recluster={"max_churn": 0.2})) as library:
        cleo = scattered(library)
        library.recluster()
        assert library.replanning.look is None
        assert len({who(library, face) for face in cleo}) == 1


def test_nothing_waits_while_a_first_backlog_is_read(library: Library) -> None:
    for place in (*ANN, *CLEO):
        library.add(place)
    library.found([1, 2, 3], [4, 5], [6, 7])
    library.grouping.request()
    library.grouping.step(backlog=True)
    library.finish()
    assert library.replanning.look is None
    assert len({who(library, face) for face in (4, 5, 6, 7)}) == 1
    library.found([4, 5], [6, 7])
    library.recluster()  # the backlog has ended, but it was not known yet when this began
    assert library.replanning.look is None
    library.found([4, 5], [6, 7])
    library.recluster()
    assert library.replanning.look is not None


def test_the_plan_of_a_dry_run_waits_whatever_it_is(library: Library) -> None:
    for place in ANN:
        library.add(place)
    library.grouping.request(dry=True)
    library.grouping.step(backlog=False)
    library.finish()
    assert people(library) == {1: None, 2: None, 3: None}
    assert waiting(library).new_people == 1
    assert library.grouping.last is None
    assert library.placing.new_faces == 3
    library.grouping.apply()
    assert len({who(library, face) for face in (1, 2, 3)}) == 1


def test_a_dry_run_and_a_real_one_that_are_asked_for_at_once_both_happen(
    library: Library,
) -> None:
    for place in ANN:
        library.add(place)
    library.grouping.request(dry=True)
    library.recluster()
    assert len({who(library, face) for face in (1, 2, 3)}) == 1
    assert library.grouping.busy
    library.grouping.step(backlog=False)
    library.finish()
    assert len(waiting(library).faces) == 0
    assert not library.grouping.busy


def test_a_plan_outlives_the_daemon(tmp_path: Path) -> None:
    with closing(Library(tmp_path)) as library:
        cleo = scattered(library)
        library.recluster()
        plan = waiting(library).id
    with closing(Library(tmp_path)) as again:
        assert waiting(again).id == plan
        again.grouping.apply(plan)
        assert len({who(again, face) for face in cleo}) == 1
    with closing(Library(tmp_path)) as last:
        assert last.replanning.look is None


def test_a_plan_that_is_damaged_is_dropped_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Library(tmp_path)) as library:
        scattered(library)
        library.recluster()
        library.store._db.execute("UPDATE plan SET body = zeroblob(64)")
    with closing(Library(tmp_path)) as again:
        assert again.replanning.look is None
        assert again.store.plans.waiting() is None
    assert "damaged" in caplog.text


def test_another_engine_makes_a_plan_void(library: Library) -> None:
    scattered(library)
    library.recluster()
    library.grouping.use(SCALE)
    assert library.replanning.look is None
    assert library.store.plans.waiting() is None


# -- decisions since


def many_pairs(library: Library, pairs: int) -> None:
    """Have a plan wait that gives a face of somebody to somebody else, for each of ``pairs``."""
    for pair in range(pairs):
        for step in range(3):
            away = 1.0 + 0.02 * step
            angle = math.tau * pair / pairs
            library.add((away * math.cos(angle), away * math.sin(angle)))
    library.grouping._scale = replace(SCALE, eps=0.05, merge=0.1)
    library.grouping._first_backlog = False
    library.found(*([3 * pair + 1, 3 * pair + 2] for pair in range(pairs)))
    library.found(*([3 * pair + 3] for pair in range(pairs)))
    run(library)


def test_what_was_decided_since_is_left_out_and_listed(library: Library) -> None:
    many_pairs(library, 25)
    assert len(waiting(library).faces) == 25
    moving = waiting(library).faces.tolist()
    library.saying.ignore([moving[3]])
    applied = library.grouping.apply()
    assert (applied.moves, applied.dropped, applied.again) == (24, (moving[3],), False)
    now = people(library)
    assert now[moving[3]] is None
    assert all(now[face] == now[face - 1] for face in moving if face != moving[3])


def test_a_plan_of_which_too_little_holds_is_made_again(library: Library) -> None:
    many_pairs(library, 10)
    moving = waiting(library).faces.tolist()
    library.saying.name(who(library, moving[0]), "Zoe")
    before = people(library)
    applied = library.grouping.apply()
    assert (applied.again, applied.moves, applied.dropped) == (True, 0, (moving[0],))
    assert people(library) == before
    assert library.grouping.busy
    library.grouping.step(backlog=False)
    library.finish()
    assert waiting(library).id != applied.id
    assert len(waiting(library).faces) == 11  # Zoe keeps hers, and two others find her


def test_a_decision_that_was_undone_since_still_counts_as_one(library: Library) -> None:
    many_pairs(library, 10)
    moving = waiting(library).faces.tolist()
    library.saying.reject([moving[0]])
    library.saying.undo()
    assert library.grouping.apply().dropped == (moving[0],)


def test_what_is_decided_during_a_run_holds_against_its_result(library: Library) -> None:
    for place in (*ANN, *CLEO):
        library.add(place)
    run(library)
    for place in BEN:
        library.add(place)
    library.grouping.request()
    library.grouping.step(backlog=False)
    ann = library.saying.assign_new([8], "Zoe").person
    rejected = who(library, 1)
    library.saying.reject([1])
    library.finish()
    assert who(library, 8) == ann
    assert people(library)[1] != rejected
    library.grouping.step(backlog=False)  # another run, as one of three moves did not hold
    library.finish()
    assert who(library, 8) == ann
    assert people(library)[1] != rejected
    assert {who(library, 9), who(library, 10)} == {ann}


def test_faces_that_a_kept_person_got_during_a_run_stay(library: Library) -> None:
    for place in ANN:
        library.add(place)
    run(library)
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    library.grouping.request()
    library.grouping.step(backlog=False)
    late, far = library.add((0.3, 0.0)), library.add((2.0, 2.0))
    once_near = library.add((0.0, 1.0))
    library.saying.assign([5], ann)
    with library.store.transaction():
        library.placing.join(ann, 6)  # by looks that are others when the run has ended
    library.finish()
    assert {library.person_of(photo) for photo in (late, far, once_near)} == {ann}


# -- people of whom the user spoke


def test_a_named_person_is_not_absorbed_by_a_larger_one(library: Library) -> None:
    for place in (*ANN[:2], *CLEO):
        library.add(place)
    run(library)
    ann, cleo = who(library, 1), who(library, 3)
    library.saying.name(ann, "Ann")
    for step in range(1, 40):
        library.add((0.0, 0.1 * step))
    run(library, most=1.0)
    assert {who(library, 1), who(library, 2)} == {ann}
    assert library.saying.person("Ann") == ann
    assert who(library, 3) in {ann, cleo}


def test_looks_of_merged_people_stay_with_their_owners(library: Library) -> None:
    for place in (*ANN, *BEN):
        library.add(place)
    run(library)
    ann, ben = who(library, 1), who(library, 4)
    library.saying.merge(ann, ben)
    run(library)
    assert set(people(library).values()) == {ann}
    assert library.person_of(library.add((2.01, 2.01))) == ann
    library.saying.undo()
    assert who(library, 4) == ben


def test_what_a_run_thinks_wrong_in_a_named_person_is_asked(library: Library) -> None:
    for place in (*ANN, *CLEO):
        library.add(place)
    run(library)
    ann, cleo = who(library, 1), who(library, 4)
    library.saying.name(ann, "Ann")
    library.saying.name(cleo, "Cleo")
    with library.store.transaction():
        library.placing.join(ann, 4)
    run(library)
    asked = library.store._db.execute("SELECT face, other FROM questions").fetchall()
    assert who(library, 4) == ann
    assert asked == [(4, cleo)]
    library.saying.assign([4], ann)
    run(library)
    assert library.store._db.execute("SELECT * FROM questions").fetchall() == []


def test_ignored_faces_have_no_part_in_a_run(library: Library) -> None:
    for place in (*ANN, *BEN):
        library.add(place)
    library.saying.ignore([2])
    run(library)
    assert people(library)[2] is None
    assert library.candidates(2) == []
    assert who(library, 1) == who(library, 3)


def test_a_poor_face_stays_with_a_kept_person_and_its_photo_gets_no_second(
    tmp_path: Path,
) -> None:
    with closing(Library(tmp_path, engine={"min_quality": 0.3})) as library:
        for place in ANN:
            library.add(place)
        run(library)
        ann = who(library, 1)
        library.saying.name(ann, "Ann")
        photo = library.add((1.0, 1.0), (3.0, 3.0), quality=0.1)
        library.saying.assign([4], ann)
        library.store._db.execute(
            "UPDATE faces SET quality = 0.9, encoding = ? WHERE id = 5",
            [np.array((0.01, 0.01, 1.0), "<f4").tobytes()],
        )
        run(library)
        assert [face for face, person, *_ in library.store.faces.given_in(photo)] == [4]
        assert who(library, 4) == ann


def test_candidates_are_never_who_a_face_was_said_not_to_be(library: Library) -> None:
    for place in (*ANN, *BEN, (0.4, 0.0)):
        library.add(place)
    run(library)
    ann = who(library, 1)
    if people(library)[7] is not None:
        library.saying.reject([7])
    assert library.candidates(7) == []
    run(library)
    assert people(library)[7] != ann
    assert ann not in library.candidates(7)


def test_a_library_without_faces_is_clustered(library: Library) -> None:
    library.add()
    library.recluster()
    assert library.grouping.error is None
    assert library.replanning.look is None


# -- anything


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_happens_no_decision_is_violated_and_no_name_lost(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("anything")
    library = Library(folder, people={"min_photos": 2})
    library.photos.mkdir()
    library.publishing.start()
    for place in (*ANN, *BEN):
        library.add(place)
    steps = st.sampled_from([add, add, say, say, say, undo, recluster, decided_meanwhile, publish])
    for _ in range(data.draw(st.integers(1, 14))):
        data.draw(steps)(library, data)
        check(library)
    publish(library, data)
    tree = library.tree()
    library.close()
    with closing(Library(folder, people={"min_photos": 2}, output=folder / "fresh")) as other:
        other.output = folder / "fresh"
        other.store._db.execute("DELETE FROM links")
        other.publishing.start()
        other.publish()
        assert other.tree() == tree


def check(library: Library) -> None:
    """Assert that all that was said holds."""
    said, now = library.deciding.said, people(library)
    for spot, of_face in said.faces.items():
        at = library.deciding._rules.face_at(spot)
        assert at is not None
        if of_face.person is not None:
            assert now[at.face] == said.root(of_face.person)
        elif of_face.ignored:
            assert now[at.face] is None
        if now[at.face] is not None:
            assert not said.refuses(spot, str(now[at.face]))
        if of_face.person is None:
            refused = {said.root(person) for person in of_face.refused}
            assert not refused & {*library.candidates(at.face)}
    for person, of_person in said.people.items():
        assert library.store.people.is_known(person)
        if of_person.into is None and of_person.name is not None:
            assert library.store.people.named()[person] == of_person.name
    assert {look.person for look in library.placing.looks._looks} <= {
        each.root for each in library.store.runs.people()
    }
    assert library.store._db.execute("PRAGMA foreign_key_check").fetchall() == []


def add(library: Library, data: st.DataObject) -> None:
    place = st.tuples(st.sampled_from([0.0, 0.3, 0.6, 2.0]), st.sampled_from([0.0, 0.3, 2.0]))
    library.add(*data.draw(st.lists(place, min_size=1, max_size=2)))


def undo(library: Library, _: st.DataObject) -> None:
    try:
        library.saying.undo()
    except NotFoundError:
        return


def publish(library: Library, _: st.DataObject) -> None:
    library.publish()
    assert library.publishing.error is None


def recluster(library: Library, data: st.DataObject) -> None:
    """Let a run end, in this process, and do with its plan what a user may."""
    _run(library, data, [])


def decided_meanwhile(library: Library, data: st.DataObject) -> None:
    """Let photos come and decisions be taken while a run is under way."""
    _run(library, data, data.draw(st.lists(st.sampled_from([add, say, undo]), max_size=3)))


def _run(library: Library, data: st.DataObject, meanwhile: list[object]) -> None:
    start = library.replanning.outset()
    found = clustered(start)
    for step in meanwhile:
        step(library, data)  # type: ignore[operator]  # one of the steps of this file
    most = data.draw(st.sampled_from([None, 0.0, 1.0]))
    before = settled(library)
    with library.store.transaction():
        library.replanning.take_in(start, found, most)
    assert before.items() <= settled(library).items()
    if library.replanning.look is not None and data.draw(st.booleans()):
        for step in data.draw(st.lists(st.sampled_from([add, say, undo]), max_size=2)):
            step(library, data)
        before = settled(library)
        library.replanning.apply()
        assert before.items() <= settled(library).items()


def settled(library: Library) -> dict[int, str]:
    """Return the owner of each face that a kept person has."""
    kept = {each.id for each in library.store.runs.people() if each.kept}
    return {f: who for f, who in library.store.runs.owners().items() if who in kept and who}
