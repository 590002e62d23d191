"""Makes the store what decisions say: people, and whose each face is that they speak of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from facewatchd.decisions import Touched
from facewatchd.pipeline.looks import SMALLEST, remake
from facewatchd.pipeline.placing import mark_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facewatchd.decisions import Spot
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.rules import Rules
    from facewatchd.store import Store
    from facewatchd.store.decisions import At


@dataclass(slots=True)
class _Moves:
    """What changes while faces are moved: whose looks, and which faces find nobody yet.

    ``arrived`` are the faces that the user gave to one owner, by that owner and whose they were.
    """

    owners: set[str] = field(default_factory=set)
    arrived: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    open: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))  # by photo


class Projecting:
    """Carries over into people, looks and faces what was said; transactions are the caller's."""

    def __init__(
        self, store: Store, rules: Rules, placing: Placing, publishing: Publishing
    ) -> None:
        self._store = store
        self._rules = rules
        self._placing = placing
        self._publishing = publishing

    def project_all(self, changed: Touched, was: Mapping[Spot, str | None]) -> None:
        """Carry over everything that was said, and what is ``changed`` by no longer being said.

        ``was`` as for `project`.
        """
        said = self._rules.said
        people = {*said.people, *self._store.decisions.kept(), *changed.people}
        self.project(Touched(people, {*said.faces, *changed.spots}), was)

    def project(self, touched: Touched, was: Mapping[Spot, str | None] | None = None) -> None:
        """Carry over what was said of those who are ``touched``.

        ``was`` are faces of which something was said until now, and whose they were before.
        """
        moves = _Moves()
        before = self._store.decisions.roots()
        near = self._people(touched.people)
        merged = before.items() ^ self._store.decisions.roots().items()
        for spot in touched.spots:
            face = self._rules.face_at(spot)
            if face is not None:
                near |= self._store.faces.people_near(face.photo)
                self._face(spot, face, {} if was is None else was, moves)
                near |= self._store.faces.people_near(face.photo)
        if was is None:
            self._keep_together(moves)
        owners = sorted(moves.owners | {owner for owner, _ in merged})
        looks = [look for owner in owners for look in self._store.people.looks_of(owner)]
        for owner in sorted(moves.owners):
            remake(self._store, self._placing.scale, owner)
            if not self._store.faces.has_faces(owner):
                self._store.people.remove(owner)
        self._placing.read_looks_of(owners, looks)
        if merged:
            concerned = {person for pair in merged for person in pair}
            self._placing.find_candidates(self._store.decisions.doubtful_near(concerned))
        for photo, faces in sorted(moves.open.items()):
            self._placing.place_again(photo, faces)
            near |= self._store.faces.people_near(photo)
        self._publishing.touch(near)

    def _people(self, people: set[str]) -> set[str]:
        """Carry over what was said of ``people`` and of who was merged; return all concerned."""
        said = self._rules.said
        merged = {person for person, each in said.people.items() if each.into is not None}
        for person in sorted(people | merged):
            if person in said.people:
                self._store.decisions.keep(person, said.people[person], said.root(person))
            else:
                self._store.decisions.let_go(person)
                if not self._store.faces.has_faces(person):
                    self._store.people.remove(person)
        self._store.decisions.make_present(
            (photo, said.root(person)) for photo, person in said.present
        )
        return people | merged | {said.root(person) for person in people | merged}

    def _face(self, spot: Spot, at: At, was: Mapping[Spot, str | None], moves: _Moves) -> None:
        """Move one face to whom the user said it is, or away from whom it is not."""
        said = self._rules.said.faces.get(spot)
        self._store.decisions.mark(at.face, mark_of(said))
        if said is not None and said.person is not None:
            self._give(at, said.person, moves)
        elif said is not None and said.ignored:
            self._free(at, moves)
            self._store.faces.doubt(at.face, ())
        elif (owner := was.get(spot, at.owner)) is not None and not self._rules.said.refuses(
            spot, owner
        ):
            self._store.people.restore(owner)  # whom nobody's face was left with meanwhile
            self._give(at, owner, moves)
        else:
            self._free(at, moves)
            self._store.faces.doubt(at.face, ())
            moves.open[at.photo].append(at.face)

    def _give(self, at: At, owner: str, moves: _Moves) -> None:
        if at.owner == owner:
            return
        self._free(at, moves)
        if at.owner is not None:
            moves.arrived[owner, at.owner].append(at.face)
        look = self._store.people.look_for(owner, at.face)
        self._store.faces.give(at.face, look, 0.0)  # how similar it is, remaking the looks tells
        moves.owners.add(owner)

    def _keep_together(self, moves: _Moves) -> None:
        """Make a look of faces that came from one person together: no look is averaged."""
        for (owner, _), faces in sorted(moves.arrived.items()):
            comparable = [face for face, _ in self._store.faces.clear(faces, 0.0)]
            if len(comparable) < SMALLEST:
                continue
            looks = self._store.people.looks_of(owner)
            if len(looks) == 1:  # of everyone; those who were there become a look of their own
                self._store.faces.move(looks[0], self._store.people.add_look(owner))
            look = self._store.people.add_look(owner)
            for face in comparable:
                self._store.faces.give(face, look, 0.0)

    def _free(self, at: At, moves: _Moves) -> None:
        if at.owner is not None:
            moves.owners.add(at.owner)
