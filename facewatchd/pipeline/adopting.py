"""Takes photos that were read again into the library: who each new face is.

A new face that lies where an old one was takes over its person.  One that lies elsewhere is
assigned as in a new photo (at a switch when everything is clustered anew), and an old face that no
new one stands for is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.overlap import match
from facewatchd.pipeline.looks import remake

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.pipeline.placing import Placing
    from facewatchd.store import Store

_AT_ONCE = 1000  # photos, or people, between two breaths


class Adopted(NamedTuple):
    """How many photos were taken over, and how many faces were matched, added and deleted."""

    photos: int
    matched: int
    added: int
    dropped: int


@dataclass(slots=True)
class _Moved:
    photos: int = 0
    added: int = 0
    dropped: int = 0
    given: list[tuple[str, int]] = field(default_factory=list)  # owner and face
    open: dict[int, list[int]] = field(default_factory=dict)  # faces of nobody, by photo
    matched: int = 0
    before: set[str] = field(default_factory=set)  # who had a face there


def adopt(
    store: Store, placing: Placing, *, anew: bool, breathe: Callable[[], None] = lambda: None
) -> Adopted:
    """Take over all that was read again; the caller's transaction, while no clustering runs.

    With ``anew`` the looks of everyone in these photos are made anew, which keeps together what
    one look held before, and faces of nobody wait for everything to be clustered; else the faces
    join the looks that there are.  ``breathe`` is called again and again, as it can take minutes.
    """
    moved = _move(store, breathe)
    if anew:
        _make_looks_anew(store, placing, moved, breathe)
    else:
        _join_looks(store, placing, moved)
    for person in sorted(moved.before):
        if not store.faces.has_faces(person):
            store.people.remove(person)
    placing.read_looks()
    placing.new_faces += moved.added
    return Adopted(moved.photos, moved.matched, moved.added, moved.dropped)


def _make_looks_anew(
    store: Store, placing: Placing, moved: _Moved, breathe: Callable[[], None]
) -> None:
    for index, person in enumerate(sorted({person for person, _ in moved.given})):
        if index % _AT_ONCE == 0:
            breathe()
        remake(store, placing.scale, person)
    placing.read_looks()
    store.people.remove_former_looks()
    for faces in moved.open.values():
        placing.obey(faces)


def _join_looks(store: Store, placing: Placing, moved: _Moved) -> None:
    placing.read_looks()
    for person, face in moved.given:
        placing.join(person, face)
    store.people.remove_former_looks()
    for photo, faces in moved.open.items():
        placing.place_again(photo, faces)


def _move(store: Store, breathe: Callable[[], None]) -> _Moved:
    """Put the new faces in the place of the old ones."""
    moved = _Moved()
    photos = store.rereading.read_photos()
    for start in range(0, len(photos), _AT_ONCE):
        breathe()
        _move_some(store, photos[start : start + _AT_ONCE], moved)
    return moved


def _move_some(store: Store, photos: list[int], moved: _Moved) -> None:
    old_faces, new_faces = store.rereading.old_faces(photos), store.rereading.new_faces(photos)
    same = []
    for photo in photos:
        old, new = old_faces[photo], new_faces[photo]
        pairs = match([face.box for face in old], [face.box for face in new])
        nobodys = []
        for index, face in enumerate(new):
            if index not in pairs:
                nobodys.append(store.rereading.enter(face.number))
                continue
            before = old[pairs[index]]
            same.append((face.number, before.face))
            if before.owner is None:
                nobodys.append(before.face)
            else:
                moved.given.append((before.owner, before.face))
        gone = set(range(len(old))) - set(pairs.values())
        for index in gone:
            store.faces.remove(old[index].face)
        moved.photos += 1
        moved.matched += len(pairs)
        moved.added += len(new) - len(pairs)
        moved.dropped += len(gone)
        moved.before |= {face.owner for face in old if face.owner is not None}
        if nobodys:
            moved.open[photo] = nobodys
    store.rereading.replace(same)
    store.rereading.end(photos, store.engines.current)
