"""Takes decisions: into the journal first, then into the store with all that follows from them."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import events
from facewatchd.decisions import Decision, Kind, Origin, Said, Spoken, Touched, replay, to_line
from facewatchd.decisions.origins import given_to, origins
from facewatchd.decisions.replaying import difference, undone_by
from facewatchd.decisions.said import touched_by
from facewatchd.errors import DecisionError, NotFoundError
from facewatchd.journal.erasing import without_forgotten
from facewatchd.pipeline.projecting import Projecting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from facewatchd.decisions import Spot
    from facewatchd.journal import Journal
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.pipeline.rules import Rules
    from facewatchd.store import Store


# Decisions since the state that is remembered for undoing: at most, and after it was taken anew.
_MOST_AHEAD, _LEAST_AHEAD = 600, 200

log = logging.getLogger(__name__)


class JournalLook(NamedTuple):
    """How many decisions there are, what was mended at the start, which copies are behind: why.

    ``last`` is when the last decision was made.
    """

    decisions: int
    mended: tuple[str, ...]
    behind: tuple[str, ...]
    last: float | None


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
        self._undone: set[str] = set()  # of the decisions, when the next was remembered
        self._earlier = (0, Said())  # what so many of the first decisions come to
        self.failure: Exception | None = None  # why memory and store are no longer alike

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
        read = self._journal.read(stored)
        self._decisions = without_forgotten(read)
        if self._decisions != read:  # the daemon ended before it had kept its promise
            self._journal.rewrite(self._decisions)
        self._rules.use(self._replayed())
        with self._store.transaction():
            self._store.set_fact("library", self._journal.library)
            if list(map(to_line, self._decisions)) != stored:
                self._carry_over(self._store.decisions.ids())

    def _carry_over(self, known: Collection[str]) -> None:
        """Carry over into a store what it lacks, that has the decisions ``known``."""
        lacked = len(self._decisions) - len(known)
        if lacked > 1:
            log.warning("The store lacked %d decisions, which the journal had.", lacked)
        elif lacked == 1 and self._decisions[-1].id not in known:  # a kill cut it short
            self._tell(self._decisions[-1])
        there = [each for each in self._decisions if each.id in known]
        before = replay(there)
        self._store.decisions.replace(self._decisions)
        self._projecting.project_all(
            difference(before, self.said), self._origins(_without_effect(there, before))
        )

    def look(self) -> JournalLook:
        """Return how the journal is."""
        behind = tuple(self._journal.degraded.values())
        last = self._decisions[-1].at if self._decisions else None
        return JournalLook(len(self._decisions), tuple(self._journal.reports), behind, last)

    def mend(self) -> None:
        """Bring copies of the journal up to date that could not be written."""
        self._journal.mend()

    # -- what can be said

    def say(self, kind: Kind, **fields: Any) -> Decision:
        """Take a decision, whose fields are checked; StoreWriteError if it cannot be kept."""
        decision = self._next(kind, **fields)
        decision = dataclasses.replace(decision, anchors=self._anchors(decision))
        self._journal.append(decision)
        self._decisions.append(decision)
        with self._whole(), self._store.transaction():
            self._store.decisions.add([decision])
            self._tell(decision)
            touched = self.said.take(decision)
            self._rules.read_anchors(touched.people)
            self._projecting.project(touched)
        return decision

    def forget(
        self,
        person: str | None,
        photos: Sequence[bytes],
        spots: Iterable[Spot],
        delete: Callable[[Decision], None],
    ) -> Decision:
        """Take the decision to forget, and erase what it speaks of from all decisions before it.

        The decision is the promise that the next start keeps if anything cuts this short.
        ``delete`` deletes what it speaks of from the store.  StoreWriteError if it cannot be kept.
        """
        gone = tuple(Spoken(spot) for spot in spots)
        decision = self._next(Kind.FORGET, person=person, photos=tuple(photos), faces=gone)
        self._journal.append(decision)
        self._decisions = without_forgotten([*self._decisions, decision])
        before, self._earlier = self.said, (0, Said())
        with self._whole(), self._store.transaction():
            self._store.decisions.replace(self._decisions)
            delete(decision)
            self._rules.use(self._replayed())
            self._projecting.project(difference(before, self.said))
        self._journal.rewrite(self._decisions)
        return decision

    def undo(self, which: str | None = None) -> Decision:
        """Take back the decision ``which`` (id, start of an id, or number), or else the last one.

        An undo is undone likewise.  Raises NotFoundError, or DecisionError for what cannot be.
        """
        target = self._to_undo(which)
        decision = self._next(Kind.UNDO, of=target.id)
        before, lost = self.said, _without_effect(self._decisions, self.said)
        after = self._replayed(decision)
        decision = dataclasses.replace(decision, anchors=self._lost_anchors(after))
        after.find_by(decision.anchors)
        self._journal.append(decision)
        self._decisions.append(decision)
        changed, spoken_of = difference(before, after), touched_by(target)
        with self._whole(), self._store.transaction():
            self._store.decisions.add([decision])
            self._tell(decision)
            self._rules.use(after)
            touched = Touched(changed.people | spoken_of.people, changed.spots | spoken_of.spots)
            self._projecting.project(touched, self._origins(lost))
        return decision

    def _next(self, kind: Kind, **fields: Any) -> Decision:
        """Return a decision that follows all others and is taken now."""
        return Decision(uuid.uuid4().hex, self.last + 1, self._clock.time(), kind, **fields)

    def _tell(self, decision: Decision) -> None:
        """Tell others of a decision that was made where nothing answers: in the output tree."""
        if decision.origin is Origin.FOLDER:
            self._store.events.add(
                events.Kind.DECISION_FOLDER,
                decision.at,
                decision=decision.number,
                said=decision.kind.value,
                person=decision.person,
                other=decision.other,
                faces=len(decision.faces),
            )

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Note that memory and store part when what is done does not come to its end.

        The journal has the decision: the next start carries it over.
        """
        try:
            yield
        except Exception as error:
            self.failure = error
            raise

    def _origins(self, lost_before: Collection[str]) -> dict[Spot, str | None]:
        """Return whose faces were of which decisions spoke that have lost their effect since."""
        lost = _without_effect(self._decisions, self.said)
        return origins(self._decisions, lost, lost - set(lost_before))

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
        roots = {self.said.root(each) for each in named}
        merged = (p for p, said in self.said.people.items() if said.into is not None)
        owners = {*named, *(each for each in merged if self.said.root(each) in roots)}
        if decision.faces:
            owners = {o for o in owners if o not in self.said.people}
        return self._anchors_of(owners)

    def _lost_anchors(self, after: Said) -> dict[str, tuple[Spot, ...]]:
        """Return by which faces people are found again who lose all these by an undo."""
        return self._anchors_of(
            person
            for person, said in after.people.items()
            if not said.anchors and person in self.said.people
        )

    def _anchors_of(self, owners: Iterable[str]) -> dict[str, tuple[Spot, ...]]:
        """Return by which faces each owner is found again: not by those that were moved there.

        Of these the decisions tell that moved them, for as long as they stand.
        """
        wanted = sorted(owners)
        moved = self._moved() if wanted else set()
        anchors = {
            owner: tuple(s for s in self._store.decisions.anchors(owner) if s not in moved)
            for owner in wanted
        }
        return {owner: spots for owner, spots in anchors.items() if spots}

    def _moved(self) -> set[Spot]:
        return {
            spoken.spot
            for decision in self._decisions
            if (given := given_to(decision)) is not None
            for spoken in decision.faces
            if spoken.was != given and decision.kind is not Kind.CONFIRM
        }

    def _replayed(self, newest: Decision | None = None) -> Said:
        """Return what all decisions, and then ``newest``, come to.

        It starts from as many of the first as stand as they were: all but the last hundreds are
        remembered, and what is undone is mostly among these.
        """
        decisions = self._decisions if newest is None else [*self._decisions, newest]
        undone = undone_by(decisions)
        changed, self._undone = undone ^ self._undone, undone
        count, _ = self._earlier
        if any(each.id in changed for each in self._decisions[:count]):
            self._earlier = count, _ = (0, Said())
        ahead = len(self._decisions) - count
        if ahead > _MOST_AHEAD:
            count += ahead - _LEAST_AHEAD
            self._earlier = (count, replay(decisions, self._earlier, count))
        return replay(decisions, self._earlier)

    def _to_undo(self, which: str | None) -> Decision:
        undone = undone_by(self._decisions)
        if which is None:
            standing = [
                each
                for each in self._decisions
                if each.id not in undone
                and each.kind not in {Kind.UNDO, Kind.FORGET}
                and each.origin is not Origin.PHOTO  # the program took it, not the user
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


def _without_effect(decisions: Sequence[Decision], said: Said) -> set[str]:
    """Return the ids of the decisions that are undone or inert, where all come to ``said``."""
    return undone_by(decisions) | said.inert.keys()
