"""What all decisions come to: who is called what, who is whom, which face is whose.

A later decision wins over an earlier one that it contradicts.  A decision that was undone has no
effect, and one that speaks of a person whom only an undone decision made stays inert.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.decisions.decision import Decision, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from facewatchd.decisions.decision import Spot


class PersonSaid(NamedTuple):
    """A person whom the user has spoken of; ``into`` is who this person was merged into.

    ``anchors`` are faces by which the person is found again in a new store.
    """

    name: str | None = None
    hidden: bool = False
    cover: Spot | None = None
    into: str | None = None
    anchors: tuple[Spot, ...] = ()


class FaceSaid(NamedTuple):
    """A face that the user has spoken of: whose it is, whose it is not, or that it is nobody's.

    ``confirmed``: the user looked at this face and said who it is.  ``added``: the box is the
    user's, no detector found it.
    """

    person: str | None = None
    confirmed: bool = False
    refused: frozenset[str] = frozenset()
    ignored: bool = False
    added: bool = False


_NOBODY, _SILENCE = PersonSaid(), FaceSaid()  # of whom, and of which face, nothing was said


class Touched(NamedTuple):
    """The people and faces for which something may have changed."""

    people: set[str]
    spots: set[Spot]


@dataclass(slots=True)
class Said:
    """The state that decisions come to; ``take`` moves it on by one.

    ``apart`` are pairs of people who are not one.  ``present`` are (photo, person) where the user
    said that somebody is in a photo without a box.  ``inert`` says by id why a decision has no
    effect.
    """

    people: dict[str, PersonSaid] = field(default_factory=dict)
    faces: dict[Spot, FaceSaid] = field(default_factory=dict)
    apart: set[frozenset[str]] = field(default_factory=set)
    present: set[tuple[bytes, str]] = field(default_factory=set)
    forgotten: set[Spot] = field(default_factory=set)
    forgotten_photos: set[bytes] = field(default_factory=set)
    inert: dict[str, str] = field(default_factory=dict)
    # Who was one with its person when a face was rejected (id), by merges undone since, maybe.
    # What a changed picture inherited goes by the decision that it comes from.
    _once_one: dict[str, set[str]] = field(default_factory=dict, compare=False)
    _by_photo: dict[bytes, list[Spot]] = field(default_factory=dict)
    # Who was merged into whom, for it is asked the other way round than ``into`` tells.
    _parts: dict[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def copy(self) -> Said:
        """Return the same state, which can be moved on by itself."""
        by_photo = {photo: list(spots) for photo, spots in self._by_photo.items()}
        return Said(
            dict(self.people),
            dict(self.faces),
            set(self.apart),
            set(self.present),
            set(self.forgotten),
            set(self.forgotten_photos),
            dict(self.inert),
            dict(self._once_one),
            by_photo,
            dict(self._parts),
        )

    def root(self, person: str) -> str:
        """Return who ``person`` is after all merges."""
        while (said := self.people.get(person)) is not None and said.into is not None:
            person = said.into
        return person

    def all_who_are(self, person: str) -> set[str]:
        """Return ``person``, who this is after all merges, and all others who are that one."""
        found, left = set[str](), [self.root(person)]
        while left:
            found.add(one := left.pop())
            left += self._parts.get(one, ())
        return found

    def spots_in(self, photo: bytes) -> Sequence[Spot]:
        """Return the faces in ``photo`` that the user has spoken of."""
        return self._by_photo.get(photo, ())

    def pairs_apart(self) -> frozenset[frozenset[str]]:
        """Return the pairs of people, as they are after merges, who are not one person."""
        pairs = (frozenset(map(self.root, pair)) for pair in self.apart)
        return frozenset(pair for pair in pairs if len(pair) > 1)

    def refuses(self, spot: Spot, person: str) -> bool:
        """Whether the user said that this face is not ``person``, and no merge made it so since."""
        said, root = self.faces.get(spot), self.root(person)
        if said is None or (said.person is not None and self.root(said.person) == root):
            return False
        return root in {self.root(p) for p in said.refused}

    def take(self, decision: Decision) -> Touched:
        """Let a decision that is not an undo have its effect, and return what it touches."""
        touched = touched_by(decision)
        if decision.erased:
            return touched
        if (lack := self._lack(decision)) is not None:
            self.inert[decision.id] = lack
            return touched
        for person, spots in decision.anchors.items():
            self._person(person, anchors=spots)
        _EFFECTS[decision.kind](self, decision)
        return touched

    def remember(self, decision: str, once_one: set[str]) -> None:
        """Go by who was one with whom when a ``decision`` (id) was taken, before it is."""
        self._once_one[decision] = once_one

    def find_by(self, anchors: Mapping[str, tuple[Spot, ...]]) -> None:
        """Take ``anchors`` for those people who have lost theirs with what was undone."""
        for person, spots in anchors.items():
            if person in self.people and not self.people[person].anchors:
                self._person(person, anchors=spots)

    def _lack(self, decision: Decision) -> str | None:
        if decision.kind is Kind.SPLIT:  # what it parts may be one again by a later merge
            return None
        two = decision.person is not None and decision.other is not None
        if two and self.root(_the(decision.person)) == self.root(_the(decision.other)):
            return "both are one person already"
        return None

    # -- effects

    def _name(self, decision: Decision) -> None:
        self._person(self.root(_the(decision.person)), name=decision.name)

    def _merge(self, decision: Decision) -> None:
        person, other = self.root(_the(decision.person)), self.root(_the(decision.other))
        self._person(other, into=person)
        self._person(person, name=decision.name)
        self._parts[person] = self._parts.get(person, frozenset()) | {other}

    def _split(self, decision: Decision) -> None:
        person, other = _the(decision.person), _the(decision.other)
        self._person(person)
        self._person(other)
        self.apart.add(frozenset((person, other)))
        for spoken in decision.faces:
            refused = self._said(spoken.spot).refused | {person}
            self._face(spoken.spot, person=other, confirmed=False, ignored=False, refused=refused)

    def _is(self, decision: Decision) -> None:
        person = _the(decision.person)
        self._person(person, **({"name": decision.name} if decision.new else {}))
        for spoken in decision.faces:
            same = {
                each
                for each in self._said(spoken.spot).refused
                if self.root(each) == self.root(person)
            }
            refused = self._said(spoken.spot).refused - same
            stays = decision.kind is Kind.CONFIRM and spoken.was in self.people
            whose = spoken.was if stays else person  # of merged people everyone keeps their own
            self._face(spoken.spot, person=whose, confirmed=True, ignored=False, refused=refused)

    def _is_not(self, decision: Decision) -> None:
        person = _the(decision.person)
        if not decision.faces and decision.other is not None:
            self._person(person)
            self._person(decision.other)
            self.apart.add(frozenset((person, decision.other)))
        # Of merged people a face is none: taking the merge back must not bring it to one of them.
        once = self._once_one.get(decision.of or decision.id, set())
        refused = self.all_who_are(person) | once
        roots = {self.root(each) for each in refused}
        for each in refused if decision.faces else ():
            self._person(each)  # whom the program leaves alone now: else a run takes the face back
        for spoken in decision.faces:
            said = self._said(spoken.spot)
            with_it = said.person is not None and self.root(said.person) in roots
            self._face(
                spoken.spot,
                person=None if with_it else said.person,
                confirmed=said.confirmed and not with_it,
                refused=said.refused | refused,
            )

    def _ignore(self, decision: Decision) -> None:
        for spoken in decision.faces:
            self._face(spoken.spot, person=None, confirmed=False, ignored=True)

    def _hide(self, decision: Decision) -> None:
        self._person(self.root(_the(decision.person)), hidden=True)

    def _unhide(self, decision: Decision) -> None:
        self._person(self.root(_the(decision.person)), hidden=False)

    def _cover(self, decision: Decision) -> None:
        self._person(self.root(_the(decision.person)), cover=decision.faces[0].spot)

    def _add_face(self, decision: Decision) -> None:
        self._person(_the(decision.person))
        for photo in decision.photos:
            self.present.add((photo, _the(decision.person)))
        for spoken in decision.faces:
            self._face(
                spoken.spot,
                person=decision.person,
                confirmed=True,
                ignored=False,
                added=True,
                refused=frozenset(),
            )

    def _forget(self, decision: Decision) -> None:
        gone = {p for p in self.people if decision.person in {p, self.root(p)}}
        for person in gone:
            del self.people[person]
        self._parts = {person: parts - gone for person, parts in self._parts.items()}
        self.apart = {pair for pair in self.apart if not pair & gone}
        self.present = {(photo, person) for photo, person in self.present if person not in gone}
        self.forgotten_photos.update(decision.photos)
        for spoken in decision.faces:
            self.forgotten.add(spoken.spot)
            if self.faces.pop(spoken.spot, None) is not None:
                self._by_photo[spoken.spot.photo].remove(spoken.spot)

    def _person(self, person: str, **changes: Any) -> None:
        said = self.people.get(person, _NOBODY)
        self.people[person] = said._replace(**changes) if changes else said

    def _said(self, spot: Spot) -> FaceSaid:
        return self.faces.get(spot, _SILENCE)

    def _face(self, spot: Spot, **changes: Any) -> None:
        if spot not in self.faces:
            self._by_photo.setdefault(spot.photo, []).append(spot)
        self.faces[spot] = self._said(spot)._replace(**changes)


_EFFECTS = {
    Kind.NAME: Said._name,  # noqa: SLF001 - the table of this class
    Kind.MERGE: Said._merge,  # noqa: SLF001
    Kind.SPLIT: Said._split,  # noqa: SLF001
    Kind.IS: Said._is,  # noqa: SLF001
    Kind.CONFIRM: Said._is,  # noqa: SLF001
    Kind.IS_NOT: Said._is_not,  # noqa: SLF001
    Kind.IGNORE: Said._ignore,  # noqa: SLF001
    Kind.HIDE: Said._hide,  # noqa: SLF001
    Kind.UNHIDE: Said._unhide,  # noqa: SLF001
    Kind.COVER: Said._cover,  # noqa: SLF001
    Kind.ADD_FACE: Said._add_face,  # noqa: SLF001
    Kind.FORGET: Said._forget,  # noqa: SLF001
}


def touched_by(decision: Decision) -> Touched:
    """Return the people and faces that a decision speaks of."""
    spots = {spoken.spot for spoken in decision.faces}
    return Touched({*decision.named, *decision.anchors}, spots)


def _the(person: str | None) -> str:
    if person is None:
        raise ValueError("a decision of this kind names people")
    return person
