"""A library of two people, Ann and Ben: whose its faces are, and what may be said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from facewatchd.errors import DecisionError
from tests.support.library import Library

if TYPE_CHECKING:
    from pathlib import Path

ANN = [(0.0, 0.0), (0.02, 0.0), (0.0, 0.02)]
BEN = [(2.0, 2.0), (2.02, 2.0), (2.0, 2.02)]


def ann_and_ben(folder: Path, *more: tuple[float, float]) -> Library:
    """Return a library with Ann in the photos 1 to 3, Ben in 4 to 6, and ``more`` after them.

    Each photo has one face, of the photo's number.  Nobody has a name yet.
    """
    library = Library(folder)
    for place in (*ANN, *BEN, *more):
        library.add(place)
    library.found([1, 2, 3], [4, 5, 6])
    return library


def people(library: Library) -> dict[int, str | None]:
    """Return the person of each face."""
    faces = library.store.faces.all()
    return dict(zip(faces.ids.tolist(), faces.persons, strict=True))


def who(library: Library, face: int) -> str:
    person = people(library)[face]
    assert person is not None
    return person


def say(library: Library, data: st.DataObject) -> None:
    """Take some decision; one that makes no sense is refused."""
    faces = st.sampled_from(sorted(people(library)))
    face, other = data.draw(faces), data.draw(faces)
    theirs, others = people(library)[face], people(library)[other]
    saying = library.saying
    wishes = [lambda: saying.ignore([face]), lambda: saying.assign_new([face], "Zoe", another=True)]
    if theirs is not None:
        wishes += [
            lambda: saying.name(theirs, "Ann", another=True),
            lambda: saying.reject([face]),
            lambda: saying.split(theirs, [face]),
            lambda: saying.confirm(theirs),
            lambda: saying.hide(theirs),
            lambda: saying.cover(theirs, face),
        ]
        if others is not None:
            wishes += [
                lambda: saying.merge(theirs, others, "Ann"),
                lambda: saying.assign([other], theirs),
                lambda: saying.apart(theirs, others),
            ]
    try:
        data.draw(st.sampled_from(wishes))()
    except DecisionError:
        return
