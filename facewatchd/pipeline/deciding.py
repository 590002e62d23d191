"""Takes decisions: into the journal first, then into the store with all that follows from them."""

from __future__ import annotations

import dataclasses
import uuid
from typing import TYPE_CHECKING, Any

from facewatchd.decisions import Decision, Kind, Origin, Said, Spoken, Touched, replay, to_line
from facewatchd.decisions.said import difference, touched_by, undone_by
from facewatchd.errors import DecisionError, NotFoundError
from facewatchd.pipeline.projecting import Projecting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facewatchd.decisions import Spot
    from facewatchd.journal import Journal
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.rules import Rules
    from facewatchd.store import Store


class Deciding:
    """The journal of this library, what its decisions come to, and every way to add one.

    All methods belong to the pipeline's thread.
    """

    def __init__(
        self,
        store: Store,
        journal: Journal,
        rules: Rules,
        placing: Placing,
        publishing: Publishing,
        clock: Clock,
    ) -> None:
        self._store = store
        self._journal = journal
        self._rules = rules
        self._clock = clock
        self._projecting = Projecting(store, rules, placing, publishing)
        self._decisions: list[Decision] = []

    @property
    def said(self) -> Said:
        """What all decisions come to."""
        return self._rules.said

    @property
    def decisions(self) -> Sequence[Decision]:
        """Every decision, the first one first."""
        return self._decisions

    @property
    def last(self) -> int:
        """The number of the last decision, 0 without any."""
        return self._decisions[-1].number if self._decisions else 0

    def start(self) -> None:
        """Take the union of what the journal and the store know; JournalError if that fails."""
        stored = self._store.decisions.lines()
        self._decisions = self._journal.read(stored)
        self._rules.use(replay(self._decisions))
        with self._store.transaction():
            self._store.set_fact("library", self._journal.library)
            if list(map(to_line, self._decisions)) != stored:
                self._store.decisions.replace(self._decisions)
                self._projecting.project_all()

    @property
    def reports(self) -> Sequence[str]:
        """What was mended in the journal at the start, as sentences."""
        return self._journal.reports

    @property
    def degraded(self) -> Sequence[str]:
        """Why copies of the journal are not up to date, as sentences."""
        return tuple(self._journal.degraded.values())

    # -- what can be said

    def say(self, kind: Kind, **fields: Any) -> Decision:
        """Take a decision, whose fields are checked; StoreWriteError if it cannot be kept."""
        decision = Decision(
            id=uuid.uuid4().hex,
            number=self.last + 1,
            at=self._clock.time(),
            kind=kind,
            **fields,
        )
        decision = dataclasses.replace(decision, anchors=self._anchors(decision))
        self._journal.append(decision)
        self._decisions.append(decision)
        with self._store.transaction():
            self._store.decisions.add([decision])
            touched = self.said.take(decision)
            self._rules.read_anchors()
            self._projecting.project(touched)
        return decision

    def undo(self, which: str | None = None) -> Decision:
        """Take back the decision ``which`` (id, start of an id, or number), or else the last one.

        An undo is undone likewise.  Raises NotFoundError, or DecisionError for what cannot be.
        """
        target = self._to_undo(which)
        decision = Decision(
            id=uuid.uuid4().hex,
            number=self.last + 1,
            at=self._clock.time(),
            kind=Kind.UNDO,
            origin=Origin.COMMAND,
            of=target.id,
        )
        self._journal.append(decision)
        self._decisions.append(decision)
        before, after = self.said, replay(self._decisions)
        changed, spoken_of = difference(before, after), touched_by(target)
        was = {each.spot: each.was for each in target.faces}
        with self._store.transaction():
            self._store.decisions.add([decision])
            self._rules.use(after)
            touched = Touched(changed.people | spoken_of.people, changed.spots | spoken_of.spots)
            self._projecting.project(touched, was)
        return decision

    def effect(self, decision: Decision) -> str | None:
        """Return why a decision has no effect now, None if it has."""
        if decision.id in undone_by(self._decisions):
            return "undone"
        return self.said.inert.get(decision.id)

    def spoken(self, faces: Iterable[int]) -> tuple[Spoken, ...]:
        """Return how a decision speaks of ``faces``; NotFoundError for one that is gone."""
        asked = list(faces)
        there = self._store.decisions.spots(asked)
        for face in asked:
            if face not in there:
                raise NotFoundError(
                    f"There is no face {face} (any more).",
                    "See the faces of a photo with: facewatchctl find PHOTO",
                )
        return tuple(Spoken(self._rules.spot_of(there[face]), there[face].owner) for face in asked)

    def _anchors(self, decision: Decision) -> dict[str, tuple[Spot, ...]]:
        """Return by which faces the people of a decision are found again.

        A decision about faces has them only of people who have none yet.
        """
        named = [each for each in (decision.person, decision.other) if each is not None]
        owners = {
            owner
            for owner in (*named, *self.said.people)
            if self.said.root(owner) in {self.said.root(each) for each in named}
        }
        if decision.faces:
            owners = {o for o in owners if o not in self.said.people}
        anchors = {owner: self._store.decisions.anchors(owner) for owner in sorted(owners)}
        return {owner: spots for owner, spots in anchors.items() if spots}

    def _to_undo(self, which: str | None) -> Decision:
        undone = undone_by(self._decisions)
        if which is None:
            standing = [
                each
                for each in self._decisions
                if each.id not in undone and each.kind not in {Kind.UNDO, Kind.FORGET}
            ]
            if not standing:
                raise NotFoundError("There is no decision to undo.", "See: facewatchctl log")
            return standing[-1]
        found = [
            each for each in self._decisions if which == str(each.number) or each.id == which
        ] or [each for each in self._decisions if len(which) >= 4 and each.id.startswith(which)]  # noqa: PLR2004 - fewer letters fit too many
        if len(found) != 1:
            raise NotFoundError(
                f"There is {'more than one' if found else 'no'} decision {which!r}.",
                "See: facewatchctl log",
            )
        if found[0].kind is Kind.FORGET or found[0].erased:
            raise DecisionError(
                f"Decision {found[0].number} cannot be undone: what it spoke of is forgotten.",
                "A backup from before may hold it: facewatchctl restore FILE",
            )
        if found[0].id in undone:
            raise DecisionError(
                f"Decision {found[0].number} is undone already.",
                "Undo the undo to have it back; see: facewatchctl log",
            )
        return found[0]
