"""When re-clustering is due, and what it does to people; the clustering process is real."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A, B = (0.0, 0.0), (5.0, 5.0)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        yield made


def is_running(library: Library) -> bool:
    return library.grouping.running


def near(place: tuple[float, float], step: int) -> tuple[float, float]:
    return place[0] + 0.01 * step, place[1]


def test_photos_of_one_person_become_one_person(library: Library) -> None:
    first = [library.add(near(A, i)) for i in range(3)]
    second = [library.add(near(B, i)) for i in range(3)]
    library.recluster()
    people = {library.person_of(photo) for photo in first}
    others = {library.person_of(photo) for photo in second}
    assert len(people) == len(others) == 1
    assert people != others
    assert None not in people | others


def test_a_person_keeps_id_and_number_when_faces_come_and_go(library: Library) -> None:
    photos = [library.add(near(A, i)) for i in range(4)]
    library.recluster()
    library.publish()
    person = library.person_of(photos[0])
    folders = library.store.people.folders()
    photos += [library.add(near(A, i)) for i in range(4, 9)]
    library.add(B)
    library.recluster()
    assert {library.person_of(photo) for photo in photos} == {person}
    assert library.store.people.folders() == folders


def test_faces_below_the_quality_gate_belong_to_nobody(tmp_path: Path) -> None:
    with closing(Library(tmp_path, engine={"min_quality": 0})) as library:
        poor = [library.add(near(A, i), quality=0.2) for i in range(3)]
        clear = [library.add(near(A, i), quality=0.4) for i in range(3)]
        library.recluster()
        assert None not in {library.person_of(photo) for photo in poor + clear}
    with closing(Library(tmp_path, engine={"min_quality": 0.3})) as library:
        assert library.placing.new_faces == 0
        library.recluster()
        assert {library.person_of(photo) for photo in poor} == {None}
        assert len({library.person_of(photo) for photo in clear} - {None}) == 1
        assert library.store.faces.count() == 6
    with closing(Library(tmp_path, engine={"min_quality": 0.3})) as library:
        assert library.placing.new_faces == 0


def test_a_face_alone_is_doubtful_and_knows_whom_it_may_be(library: Library) -> None:
    for x in (-0.2, 0.0, 0.2):
        library.add((x, 0.0))
    alone = library.add((0.0, 0.499), (9.0, 9.0))  # nearer than the floor, too far to merge
    library.recluster()
    assert library.person_of(alone) is None
    assert len(library.store.faces.people_near(alone)) == 1


def test_two_people_who_turn_out_to_be_one_are_joined_into_the_larger(tmp_path: Path) -> None:
    with closing(Library(tmp_path, recluster={"max_churn": 1})) as library:
        many = [library.add(near(A, i)) for i in range(4)]
        few = [library.add(near((1.0, 0.0), i)) for i in range(2)]
        library.recluster()
        larger = library.person_of(many[0])
        assert library.person_of(few[0]) != larger
        for i in range(1, 10):
            library.add((0.1 * i, 0.0))
        library.recluster()
        assert library.person_of(many[0]) == larger
        assert {library.person_of(photo) for photo in few} == {larger}
        assert {look.person for look in library.store.people.looks()} >= {larger}


def test_a_person_who_looks_different_at_times_has_looks_and_new_faces_find_them(
    library: Library,
) -> None:
    now = [library.add(near(A, i)) for i in range(4)]
    then = [library.add(near((0.47, 0.0), i)) for i in range(3)]
    library.recluster()
    person = library.person_of(now[0])
    assert library.person_of(then[0]) == person
    looks = library.store.people.looks()
    assert [(look.person, look.count) for look in looks] == [(person, 7), (person, 3), (person, 4)]
    late = library.add((0.74, 0.0))  # near its look of then, not near the mean of all
    assert library.person_of(late) == person
    library.recluster()
    assert len(library.store.people.looks()) >= 2
    assert library.person_of(now[0]) == person


def test_photos_that_come_during_a_run_are_assigned_to_its_result(library: Library) -> None:
    for i in range(3):
        library.add(near(A, i))
    library.grouping.request()
    library.grouping.step(backlog=False)
    late, stranger = library.add(near(A, 4)), library.add(B)
    library.finish()
    assert library.person_of(late) == library.person_of(1)
    assert library.person_of(late) is not None
    assert library.person_of(stranger) is None
    (look,) = library.store.people.looks()
    assert look.count == 4
    assert library.placing.new_faces == 2


def test_the_first_run_comes_when_the_first_backlog_ends(library: Library) -> None:
    library.grouping.step(backlog=False)
    assert not is_running(library)  # nothing is there yet
    library.add(A)
    library.grouping.step(backlog=True)
    assert not is_running(library)
    library.grouping.step(backlog=False)
    assert is_running(library)
    library.finish()
    library.add(A)
    library.grouping.step(backlog=False)
    assert not is_running(library)


def test_enough_new_faces_start_a_run_even_in_a_backlog(tmp_path: Path) -> None:
    with closing(Library(tmp_path, recluster={"new_faces": 5})) as library:
        for i in range(4):
            library.add(near(A, i))
        library.grouping.step(backlog=True)
        assert not is_running(library)
        library.add(near(A, 4))
        library.grouping.step(backlog=True)
        assert is_running(library)
        library.finish()


def test_a_run_comes_when_the_interval_is_over(library: Library) -> None:
    library.add(A)
    library.recluster()
    library.clock.now += library.settings.recluster.interval - 1
    library.grouping.step(backlog=False)
    assert not is_running(library)
    library.clock.now += 2
    library.grouping.step(backlog=False)
    assert is_running(library)
    library.finish()


def test_a_run_that_dies_changes_nothing_and_says_so(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    photos = [library.add(near(A, i)) for i in range(3)]
    library.recluster()
    before, last = [library.person_of(photo) for photo in photos], library.grouping.last
    library.grouping.request()
    library.grouping.step(backlog=False)
    assert library.grouping._run is not None
    library.grouping._run.child.kill()
    library.finish()
    assert [library.person_of(photo) for photo in photos] == before
    assert library.grouping.last == last
    assert library.grouping.error is not None
    assert "SIGKILL" in library.grouping.error
    assert "SIGKILL" in caplog.text
    library.recluster()
    assert library.grouping.error is None


def test_what_was_clustered_is_known_after_a_restart(tmp_path: Path) -> None:
    with closing(Library(tmp_path)) as library:
        for i in range(3):
            library.add(near(A, i))
        library.recluster()
        library.add(near(A, 3))
        last = library.grouping.last
    with closing(Library(tmp_path)) as again:
        assert again.grouping.last == last
        assert again.placing.new_faces == 1
        again.grouping.step(backlog=False)
        assert not again.grouping.running
