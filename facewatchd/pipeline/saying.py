"""What users may say: checks each wish against the library, and makes a decision of it."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from facewatchd.decisions import Kind, Spoken, Spot
from facewatchd.errors import DecisionError, NotFoundError
from facewatchd.names import checked_name, same_name
from facewatchd.orientation import UPRIGHT, turned
from facewatchd.overlap import match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.decisions import Decision
    from facewatchd.model import Box
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.store import Store

_LIST = "See everyone with: facewatchctl people list"


class Saying:
    """Every decision that can be taken by a command; each returns it once it is kept.

    People are named by their id, by their name or by their folder; faces by their number.  Raises
    NotFoundError for who or what is not there, DecisionError for what makes no sense.  All methods
    belong to the pipeline's thread.
    """

    def __init__(self, store: Store, deciding: Deciding) -> None:
        self._store = store
        self._deciding = deciding

    def person(self, text: str) -> str:
        """Return the id of the person that ``text`` names."""
        found = self._store.who.called(text)
        if len(found) == 1:
            return self._deciding.said.root(found[0])
        if found:
            raise DecisionError(
                f"{text!r} is the name of {len(found)} people: {', '.join(found)}.",
                "Name one of them by this id.",
            )
        raise NotFoundError(f"There is nobody called {text!r}.", _LIST)

    def name(self, person: str, name: str | None, *, another: bool = False) -> Decision:
        """Call a person ``name``, or with None by no name.

        Two people have one name only when it is said that this is ``another`` person.
        """
        who = self.person(person)
        called = None if name is None else checked_name(name)
        if called is not None and not another:
            self._check_free(called, who)
        return self._deciding.say(Kind.NAME, person=who, name=called)

    def merge(self, person: str, other: str, name: str | None = None) -> Decision:
        """Say that ``other`` is ``person``; of two names, ``name`` says which one stays."""
        one, two = self.person(person), self.person(other)
        if one == two:
            raise DecisionError(f"{person!r} and {other!r} are one person already.", _LIST)
        self._check_as_hidden(one, two)
        names = [each for each in (self._name_of(one), self._name_of(two)) if each is not None]
        if name is None and len(names) > 1 and names[0] != names[1]:
            raise DecisionError(
                f"Both have a name: {names[0]!r} and {names[1]!r}.",
                f"Say which one stays: facewatchctl people merge … --name {names[0]!r}",
            )
        stays = checked_name(name) if name is not None else next(iter(names), None)
        return self._deciding.say(Kind.MERGE, person=one, other=two, name=stays)

    def apart(self, person: str, other: str) -> Decision:
        """Say that two are not one person."""
        one, two = self.person(person), self.person(other)
        if one == two:
            raise DecisionError(
                f"{person!r} and {other!r} are one person.",
                f"To take faces out: facewatchctl people split {person!r} FACE…",
            )
        return self._deciding.say(Kind.IS_NOT, person=one, other=two)

    def split(self, person: str, faces: Sequence[int]) -> Decision:
        """Make a new person of some faces of ``person``."""
        who = self.person(person)
        spoken = self._some(faces)
        strangers = [
            face
            for face, each in zip(faces, spoken, strict=True)
            if each.was is None or self._deciding.said.root(each.was) != who
        ]
        if strangers:
            raise DecisionError(
                f"Face {strangers[0]} is not with {person!r}.",
                f"See whose it is with: facewatchctl face show {strangers[0]}",
            )
        if len(set(faces)) == len(self._store.who.faces_of(who)):
            raise DecisionError(
                f"These are all faces of {person!r}: nobody would be left.",
                "Name some of them.",
            )
        return self._deciding.say(Kind.SPLIT, person=who, other=secrets.token_hex(8), faces=spoken)

    def assign(self, faces: Sequence[int], person: str) -> Decision:
        """Say that ``faces`` are ``person``."""
        spoken = self._some(faces)
        return self._deciding.say(Kind.IS, person=self.person(person), faces=spoken)

    def assign_new(self, faces: Sequence[int], name: str, *, another: bool = False) -> Decision:
        """Say that ``faces`` are somebody new, called ``name``."""
        called = checked_name(name)
        spoken = self._some(faces)
        if not another:
            self._check_free(called, None)
        return self._deciding.say(
            Kind.IS, person=secrets.token_hex(8), faces=spoken, name=called, new=True
        )

    def reject(self, faces: Sequence[int], person: str | None = None) -> Decision:
        """Say that ``faces`` are not ``person``, or not whom they are with."""
        spoken = self._some(faces)
        if person is not None:
            return self._deciding.say(Kind.IS_NOT, person=self.person(person), faces=spoken)
        who = {self._deciding.said.root(each.was) for each in spoken if each.was is not None}
        if len(who) != 1 or any(each.was is None for each in spoken):
            raise DecisionError(
                "These faces are not all with one person.",
                "Say who they are not: facewatchctl face reject FACE… --person PERSON",
            )
        return self._deciding.say(Kind.IS_NOT, person=who.pop(), faces=spoken)

    def check_open(self, faces: Sequence[int], since: int) -> None:
        """Raise DecisionError if anything was said of ``faces`` after decision ``since``."""
        once = list(dict.fromkeys(faces))
        asked = {each.spot: face for face, each in zip(once, self._some(once), strict=True)}
        for decision in reversed(self._deciding.decisions):
            if decision.number <= since:
                return
            about = [asked[each.spot] for each in decision.faces if each.spot in asked]
            if about and self._deciding.effect(decision) is None:
                raise DecisionError(
                    f"Somebody has answered for face {about[0]} meanwhile:"
                    f" decision {decision.number}.",
                    f"See: facewatchctl face show {about[0]}; to take it back: facewatchctl undo"
                    f" {decision.number}",
                )

    def ignore(self, faces: Sequence[int]) -> Decision:
        """Say that ``faces`` are nobody's, for good."""
        return self._deciding.say(Kind.IGNORE, faces=self._some(faces))

    def unnamed(self, below: int) -> dict[int, str]:
        """Return whose each face is of the people without a name in fewer photos than ``below``."""
        faces = self._store.who.faces_of_unnamed(below)
        if not faces:
            raise DecisionError(f"Nobody without a name has fewer than {below} photos.", _LIST)
        return faces

    def ignore_unnamed(self, below: int) -> Decision:
        """Ignore every face of the people without a name who have fewer than ``below`` photos."""
        return self.ignore(list(self.unnamed(below)))

    def confirm(self, person: str) -> Decision:
        """Say that all faces that are with ``person`` now are rightly there."""
        who = self.person(person)
        faces = self._store.who.faces_of(who)
        if not faces:
            raise DecisionError(f"{person!r} has no faces to confirm.", _LIST)
        return self._deciding.say(Kind.CONFIRM, person=who, faces=self._some(faces))

    def hide(self, person: str) -> Decision:
        """Show a person nowhere, who goes on collecting faces."""
        return self._deciding.say(Kind.HIDE, person=self.person(person))

    def unhide(self, person: str) -> Decision:
        """Show a person again."""
        return self._deciding.say(Kind.UNHIDE, person=self.person(person))

    def cover(self, person: str, face: int) -> Decision:
        """Make ``face``, which is with ``person``, the cover of this person."""
        who, spoken = self.person(person), self._some([face])
        if spoken[0].was is None or self._deciding.said.root(spoken[0].was) != who:
            raise DecisionError(
                f"Face {face} is not with {person!r}.",
                f"First: facewatchctl face assign {face} {person!r}",
            )
        return self._deciding.say(Kind.COVER, person=who, faces=spoken)

    def add_face(self, path: bytes, box: Box | None, person: str) -> Decision:
        """Say that ``person`` is in the photo at ``path``, at ``box`` in its upright pixels."""
        who = self.person(person)
        photo, stored = self._spot_in(path, box)
        if stored is None:
            return self._deciding.say(Kind.ADD_FACE, person=who, photos=(photo,))
        there = self._store.decisions.at(photo)
        for face in match([stored], [at.spot.box for at in there]):  # one that is known
            return self.assign([there[face].face], person)
        spoken = Spoken(Spot(photo, stored))
        return self._deciding.say(Kind.ADD_FACE, person=who, faces=(spoken,))

    def undo(self, which: str | None = None) -> Decision:
        """Take back a decision, by default the last one."""
        return self._deciding.undo(which)

    def _spot_in(self, path: bytes, box: Box | None) -> tuple[bytes, Box | None]:
        """Return the picture hash of a photo, and where ``box`` lies in its stored pixels."""
        found = self._store.who.picture(path)
        if found is None:
            raise NotFoundError(
                f"{os.fsdecode(path)!r} is no photo that was read.",
                f"See why with: facewatchctl why {os.fsdecode(path)!r}",
            )
        if box is None:
            return found.hash, None
        width, height = found.size
        if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
            raise DecisionError(
                f"The box {','.join(map(str, box))} is not in the photo, which has"
                f" {width} x {height} pixels.",
                "Give left,top,right,bottom in pixels of the upright photo.",
            )
        return found.hash, turned(box, found.size, found.orientation, UPRIGHT)

    def _some(self, faces: Sequence[int]) -> tuple[Spoken, ...]:
        if not faces:
            raise DecisionError("No face is named.", "Name one or more by their numbers.")
        return self._deciding.spoken(dict.fromkeys(faces))

    def _name_of(self, person: str) -> str | None:
        said = self._deciding.said.people.get(person)
        return None if said is None else said.name

    def _check_as_hidden(self, *two: str) -> None:
        """Raise DecisionError if one of two is hidden: their photos would be shown, or vanish."""
        hidden = [each for each in two if self._is_hidden(each)]
        if len(hidden) == 1:
            (it,) = hidden
            (other,) = set(two) - {it}
            raise DecisionError(
                f"{self._name_of(it) or it} is hidden, and {self._name_of(other) or other} is not.",
                f"Say first whether they are to be shown: facewatchctl people unhide {it}, or"
                f" hidden: facewatchctl people hide {other}",
            )

    def _is_hidden(self, person: str) -> bool:
        said = self._deciding.said.people.get(person)
        return said is not None and said.hidden

    def _check_free(self, name: str, person: str | None) -> None:
        for other in self._store.who.called(name):
            taken = self._name_of(other)
            if other != person and taken is not None and same_name(taken, name):
                raise DecisionError(
                    f"There is a {taken!r} already ({other}).",
                    f"If they are one: facewatchctl people merge {other} {person or '…'}."
                    " If they are two: say --another.",
                )
