"""Decisions in a library of which photos wait to be read by another engine."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from facewatchd.model import Box, EngineId
from facewatchd.pipeline.adopting import adopt
from tests.support.library import Library
from tests.support.people import ann_and_ben
from tests.support.switching import FIRST, NEW_A, NEW_B, OTHER, read_again, switch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Deed = Callable[[Library, str, str], dict[int, str | None]]

THIRD = EngineId("any", "third", "1")
ALIKE = [(0.0, 0.01 * number) for number in range(4)]  # one person in four photos


def owner(library: Library, face: int) -> str | None:
    return library.store.decisions.spots([face])[face].owner


def owners(library: Library) -> dict[int, str | None]:
    """Return whose each face is, by whichever engine it was encoded."""
    rows = library.store._db.execute(
        "SELECT faces.id, owner FROM faces LEFT JOIN looks ON looks.id = look"
    )
    return dict(rows.fetchall())


def away(folder: Path) -> Library:
    """Return a library read by the other engine but for 3 (Ann's), 6 (Ben's) and 7 (doubtful)."""
    library = ann_and_ben(folder, (0.4, 0.0))
    library.placing.find_candidates([7])
    assert library.candidates(7)
    for face, name in ((1, "Ann"), (4, "Ben")):
        library.saying.name(str(owner(library, face)), name)
    library.store.engines.begin(OTHER)
    for photo, there in ((1, NEW_A), (2, NEW_A), (4, NEW_B), (5, NEW_B)):
        read_again(library, photo, (FIRST, there))
    switch(library)
    return library


def assign(library: Library, _: str, ben: str) -> dict[int, str | None]:
    library.saying.assign([3], ben)
    return {3: ben}


def assign_new(library: Library, _: str, __: str) -> dict[int, str | None]:
    return {3: library.saying.assign_new([3], "Zoe").person}


def split(library: Library, ann: str, _: str) -> dict[int, str | None]:
    new = library.saying.split(ann, [3]).other
    return {3: new}


def split_both(library: Library, ann: str, _: str) -> dict[int, str | None]:
    """Part a face that waits, and one that does not, from Ann."""
    old = next(face for face in owners(library) if owner(library, face) == ann and face != 3)
    new = library.saying.split(ann, [3, old]).other
    return {3: new, old: new}


def reject(library: Library, _: str, __: str) -> dict[int, str | None]:
    library.saying.reject([3])
    return {3: None}


def ignore(library: Library, _: str, __: str) -> dict[int, str | None]:
    library.saying.ignore([3])
    return {3: None}


def confirm(library: Library, ann: str, _: str) -> dict[int, str | None]:
    library.saying.confirm(ann)
    return {}


def merge(library: Library, ann: str, ben: str) -> dict[int, str | None]:
    library.saying.merge(ann, ben, "Ann")
    return {}  # each keeps their faces; they are one person from now on


DEEDS: list[Deed] = [assign, assign_new, split, split_both, reject, ignore, confirm, merge]
every_deed = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)


@every_deed
def test_decisions_hold_for_faces_that_wait_and_their_undo_too(tmp_path: Path, deed: Deed) -> None:
    with closing(away(tmp_path)) as library:
        before = owners(library)
        ann, ben = str(before[3]), str(before[6])
        changed = deed(library, ann, ben)
        assert owners(library) == {**before, **changed}
        engines = library.store._db.execute(
            "SELECT count(*) FROM faces JOIN looks ON looks.id = look"
            " WHERE faces.engine <> looks.engine"
        )
        assert engines.fetchone() == (0,), "no face has a look that it cannot be compared with"
        library.saying.undo()
        assert owners(library) == before


@every_deed
def test_a_start_carries_decisions_over_to_faces_that_wait(tmp_path: Path, deed: Deed) -> None:
    with closing(away(tmp_path)) as library:
        before = owners(library)
        deed(library, str(before[3]), str(before[6]))
        after, named = owners(library), library.store.people.named()
        with library.store.transaction():
            library.store.decisions.replace([])  # as if no row had been written
    with closing(Library(tmp_path)) as library:
        assert owners(library) == after
        assert library.store.people.named() == named


def test_a_merge_holds_after_a_clustering(tmp_path: Path) -> None:
    with closing(away(tmp_path)) as library:
        before = owners(library)
        ann, ben = str(before[3]), str(before[6])
        library.saying.merge(ann, ben, "Ann")
        assert library.candidates(7) == [], "it waits, and can be compared with nobody"
        library.recluster()
        assert library.grouping.error is None
        assert owners(library) == before
        assert library.person_of(6) == ann


def test_a_photo_that_comes_back_follows_what_was_said_of_it_meanwhile(tmp_path: Path) -> None:
    with closing(away(tmp_path)) as library:
        ben = str(owner(library, 6))
        library.saying.assign([3], ben)
        read_again(library, 3, (FIRST, NEW_A))
        with library.store.transaction():
            adopt(library.store, library.placing, anew=False)
        assert library.person_of(3) == ben


# -- an ignored face


@pytest.fixture
def ignored(tmp_path: Path) -> Iterator[Library]:
    """Yield a library of one person all of whose four faces are ignored."""
    with closing(Library(tmp_path)) as library:
        for place in ALIKE:
            library.add(place)
        library.found([1, 2, 3, 4])
        library.saying.ignore([1, 2, 3, 4])
        yield library


def to(library: Library, engine: EngineId, *boxes: Box) -> None:
    """Switch to an engine that finds the same at ``boxes`` of each photo, and cluster anew."""
    library.store.engines.begin(engine)
    for photo in range(1, len(ALIKE) + 1):
        read_again(library, photo, *((box, NEW_A) for box in boxes))
    switch(library, engine)
    library.adding.look_at_all()
    library.adding.step()
    library.recluster()
    assert library.grouping.error is None


def people_in(library: Library) -> set[str | None]:
    return set(library.store.faces.all().persons)


def test_an_ignored_face_does_not_come_back_by_a_switch(ignored: Library) -> None:
    to(ignored, OTHER, FIRST)
    assert people_in(ignored) == {None}


def test_an_ignored_face_does_not_come_back_by_two_switches(ignored: Library) -> None:
    to(ignored, OTHER)  # its detector finds none of them
    to(ignored, THIRD, FIRST)
    assert people_in(ignored) == {None}


def test_an_ignored_face_that_each_detector_cuts_a_little_lower_stays_ignored(
    ignored: Library,
) -> None:
    to(ignored, OTHER, Box(0, 4, 9, 13))
    to(ignored, THIRD, Box(0, 8, 9, 17))  # hardly overlaps with the face that was ignored
    assert people_in(ignored) == {None}
