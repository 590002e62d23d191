"""Forgetting a person, a photo or a face: the one decision that cannot be undone.

The decision is written to the journal first, with the places of the faces and nothing else of them.
What it speaks of is then erased from the store and from all decisions before it; whatever cuts that
short, the next start goes on with it, and does the same for a backup that is put back.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.decisions import Decision, Kind, Spoken, Spot
from facewatchd.errors import NotFoundError
from facewatchd.journal.erasing import Gone, without_forgotten
from facewatchd.pipeline.looks import remake

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.grouping import Grouping
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.replanning import Replanning
    from facewatchd.pipeline.saying import Saying
    from facewatchd.pipeline.traces import Traces
    from facewatchd.store import Store
    from facewatchd.store.decisions import At

log = logging.getLogger(__name__)


class What(NamedTuple):
    """One of these is to be forgotten: a person, the photo at a path, or a face by its number."""

    person: str | None = None
    photo: bytes | None = None
    face: int | None = None


@dataclass(frozen=True, slots=True)
class Concerned:
    """What a wish comes to: the places of faces, and of a person everyone who was merged into it.

    ``faces`` are those that the store has.
    """

    root: str | None
    people: frozenset[str]
    photos: tuple[bytes, ...]
    spots: tuple[Spot, ...]
    faces: tuple[At, ...]


class Forgetting:
    """Takes decisions to forget, and carries them out; all methods are the pipeline's."""

    def __init__(
        self,
        store: Store,
        deciding: Deciding,
        saying: Saying,
        placing: Placing,
        *,
        publishing: Publishing,
        grouping: Grouping,
        replanning: Replanning,
        traces: Traces,
    ) -> None:
        self._store = store
        self._deciding = deciding
        self._saying = saying
        self._placing = placing
        self._publishing = publishing
        self._grouping = grouping
        self._replanning = replanning
        self._traces = traces

    def start(self) -> None:
        """Go on with what was promised, if the daemon ended before or an old backup is back."""
        promised = [
            each
            for each in self._deciding.decisions
            if each.kind is Kind.FORGET and each.number > self._traces.removed_until
        ]
        if not promised:
            return
        self._grouping.begin_anew()
        with self._store.transaction():
            for decision in promised:
                self._delete(decision)
        self._traces.follow(promised[-1])

    def preview(self, what: What) -> dict[str, Any]:
        """Return how much would go; NotFoundError for what is not there."""
        concerned = self._concerned(what)
        draft = Decision(
            id="",
            number=self._deciding.last + 1,
            at=0.0,
            kind=Kind.FORGET,
            person=concerned.root,
            photos=concerned.photos,
            faces=tuple(Spoken(spot) for spot in concerned.spots),
        )
        before = self._deciding.decisions
        after = without_forgotten([*before, draft])
        changed = [one for one, other in zip(before, after, strict=False) if one is not other]
        said = self._deciding.said.people
        names = {said[p].name for p in concerned.people if p in said} - {None}
        return {
            "person": concerned.root,
            "faces": len(concerned.faces),
            "photos": len({at.photo for at in concerned.faces}),
            "people": len(concerned.people),
            "names": sorted(filter(None, names)),
            "decisions": len(changed),
        }

    def forget(self, what: What) -> dict[str, Any]:
        """Forget it, and return how much went; NotFoundError for what is not there."""
        told = self.preview(what)
        concerned = self._concerned(what)
        folders = self._store.people.folders()
        theirs = [folders[person] for person in concerned.people if person in folders]
        self._grouping.begin_anew()
        decision = self._deciding.forget(
            concerned.root, concerned.photos, concerned.spots, self._delete
        )
        self._publishing.touch_all()
        self._traces.follow(decision, theirs)
        log.info("Decision %d: %d faces are forgotten.", decision.number, told["faces"])
        return told | {"number": decision.number}

    # -- what is concerned

    def _concerned(self, what: What) -> Concerned:
        if what.face is not None:
            (spoken,) = self._deciding.spoken([what.face])
            own = self._store.decisions.spots([what.face])[what.face].spot
            return self._all(None, frozenset(), (), (own, spoken.spot))
        if what.photo is not None:
            found = self._store.who.picture(what.photo)
            if found is None:
                raise NotFoundError(
                    f"{os.fsdecode(what.photo)!r} is no photo that was read.",
                    f"See why with: facewatchctl why {os.fsdecode(what.photo)!r}",
                )
            return self._all(None, frozenset(), (found.hash,), ())
        person = self._saying.person(what.person or "")
        return self._of_person(person)

    def _of_person(self, person: str) -> Concerned:
        said = self._deciding.said
        people = self._store.forgotten.everyone(person) | {
            person,
            *(each for each in said.people if said.root(each) == person),
        }
        theirs = [at.spot for each in people for at in self._store.decisions.of_owner(each)]
        spoken = [
            spot
            for spot, each in said.faces.items()
            if each.person is not None and said.root(each.person) == person
        ]
        return self._all(person, frozenset(people), (), (*theirs, *spoken, *self._away(people)))

    def _away(self, people: Iterable[str]) -> list[Spot]:
        """Return by which faces ``people`` would be found again in photos that are away now."""
        said = self._deciding.said
        return [
            spot
            for person in people
            if person in said.people
            for spot in said.people[person].anchors
            if self._store.photos.of_picture(spot.photo) is None and spot not in said.faces
        ]

    def _all(
        self,
        root: str | None,
        people: frozenset[str],
        photos: tuple[bytes, ...],
        spots: Iterable[Spot],
    ) -> Concerned:
        places = tuple(sorted(set(spots)))
        faces = tuple(self._lying(photos, places))
        return Concerned(root, people, photos, places, faces)

    def _lying(self, photos: Iterable[bytes], spots: Iterable[Spot]) -> Iterable[At]:
        """Yield the faces in the store that are in ``photos``, or lie on one of ``spots``."""
        gone = Gone()
        gone.add_places(photos, spots)
        for picture in sorted(gone.pictures):
            yield from (at for at in self._store.decisions.at(picture) if gone.holds(at.spot))

    # -- carrying it out

    def _delete(self, decision: Decision) -> None:
        """Delete what a decision speaks of, as far as it is there; the caller's transaction."""
        forgotten = self._store.forgotten
        people = set[str]()
        if decision.person is not None:
            people = forgotten.everyone(decision.person)
        spots = [spoken.spot for spoken in decision.faces]
        faces = list(self._lying(decision.photos, spots))
        doubtful = self._store.decisions.doubtful_near(people)
        owners = {at.owner for at in faces if at.owner is not None}
        for at in faces:
            forgotten.remove_face(at.face)
        for picture in decision.photos:
            forgotten.remove_photo(picture)
        self._delete_found_again(spots)
        forgotten.remove_people(people)
        forgotten.remove_unfound(d.id for d in self._deciding.decisions if d.erased)
        for owner in sorted(owners - people):
            remake(self._store, self._placing.scale, owner)
            forgotten.blur_former_looks(owner)
            if not self._store.faces.has_faces(owner):
                self._store.people.remove(owner)
        self._replanning.forget()
        if faces or people:
            self._placing.read_looks()
        left = self._store.decisions.spots(doubtful)
        self._placing.find_candidates([face for face in doubtful if face in left])

    def _delete_found_again(self, spots: Iterable[Spot]) -> None:
        gone = Gone()
        gone.add_places((), spots)
        for picture in gone.pictures:
            for number, box in self._store.forgotten.found_again(picture):
                if gone.holds(Spot(picture, box)):
                    self._store.forgotten.remove_found_again(number)
