"""What becomes of a clustering run's result: a plan, that is carried out at once or waits."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, NamedTuple

from facewatchd import events
from facewatchd.decisions import Kind, replay
from facewatchd.decisions.replaying import difference
from facewatchd.decisions.said import Touched, touched_by
from facewatchd.errors import NotFoundError, StoreError
from facewatchd.pipeline.carrying import Carrying, Run
from facewatchd.pipeline.hearing import faces_at
from facewatchd.pipeline.outset import Outset, outset
from facewatchd.planning import MOST_DROPPED, from_bytes, plan, still_valid, to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.pipeline.placing import Placing
    from facewatchd.pipeline.publishing import Publishing
    from facewatchd.planning import Plan, Valid
    from facewatchd.regroup import Grouped
    from facewatchd.store import Store

_ID = 4  # bytes of a plan's id, random: the user types it

log = logging.getLogger(__name__)


class PlanLook(NamedTuple):
    """The plan that waits, in short: its churn is a share, 0 to 1, of the faces of people."""

    id: str
    made_at: float
    churn: float
    moves: int


class Applied(NamedTuple):
    """What applying a plan came to: ``moves`` done, and the faces whose moves were dropped.

    With ``again`` nothing was done: so much was dropped that another plan is to be made.
    """

    id: str
    moves: int
    dropped: tuple[int, ...]
    again: bool


class Replanning:
    """Weighs plans against what was decided since, and keeps the one that waits.

    All methods belong to the pipeline's thread.
    """

    def __init__(
        self,
        store: Store,
        deciding: Deciding,
        placing: Placing,
        publishing: Publishing,
        clock: Clock,
        min_quality: float,
    ) -> None:
        self._store = store
        self._deciding = deciding
        self._placing = placing
        self._publishing = publishing
        self._clock = clock
        self._min_quality = min_quality
        self._carrying = Carrying(store, placing, min_quality)
        self._waiting = self._read()

    @property
    def look(self) -> PlanLook | None:
        """The plan that waits, in short."""
        waiting = self._waiting
        if waiting is None:
            return None
        return PlanLook(waiting.id, waiting.made_at, waiting.churn, len(waiting.faces))

    @property
    def waiting(self) -> Plan:
        """The plan that waits; NotFoundError if there is none."""
        if self._waiting is None:
            raise NotFoundError(
                "No plan waits.", "Have one made with: facewatchctl recluster --dry-run"
            )
        return self._waiting

    def outset(self) -> Outset:
        """Return from what a run starts now."""
        return outset(self._store, self._deciding.said, self._deciding.last, self._min_quality)

    def take_in(self, start: Outset, found: Grouped, most: float | None) -> bool:
        """Carry out what a run found, or let it wait if its churn is more than ``most``.

        With None it waits whatever its churn is.  Returns False, and changes nothing, when so much
        was decided meanwhile that another run is needed.  Transactions are the caller's.
        """
        made = plan(
            start.faces.ids,
            start.people,
            start.before,
            found.owners,
            found.questions,
            self._placing.scale,
            id=secrets.token_hex(_ID),
            made_at=self._clock.time(),
            decided=start.decided,
        )
        valid = self._weighed(made)
        if valid.share > MOST_DROPPED:
            log.info("Much was decided while faces were clustered: they are clustered again.")
            return False
        if most is None or valid.plan.churn > most:
            self._keep(valid.plan)
        else:
            self._carry_out(valid.plan, Run(start, found.looks))
        return True

    def apply(self, which: str | None = None) -> Applied:
        """Carry out the plan that waits, as far as what it speaks of has not changed since.

        NotFoundError if none waits, or if the one that waits is not ``which``.
        """
        waiting = self._named(which)
        valid = self._weighed(waiting)
        if valid.share > MOST_DROPPED:
            return Applied(waiting.id, 0, tuple(valid.dropped.tolist()), again=True)
        with self._store.transaction():
            self._carry_out(valid.plan)
        log.info("The plan %s was applied: %d faces moved.", waiting.id, len(valid.plan.faces))
        return Applied(
            waiting.id, len(valid.plan.faces), tuple(valid.dropped.tolist()), again=False
        )

    def drop(self, which: str | None = None) -> None:
        """Forget the plan that waits; NotFoundError as in ``apply``."""
        self._named(which)
        self._waiting = None
        with self._store.transaction():
            self._store.plans.drop()

    def forget(self) -> None:
        """Keep neither plan nor questions of runs; transactions are the caller's."""
        self._store.plans.drop()
        self._store.plans.ask(())
        self._waiting = None

    def _read(self) -> Plan | None:
        """Return the plan that waited when the daemon ended; one that is damaged is dropped."""
        body = self._store.plans.waiting()
        try:
            return None if body is None else from_bytes(body)
        except StoreError as error:
            log.error("%s It was dropped; the next clustering makes another.", error.title)  # noqa: TRY400 - the title says all
            self._store.plans.drop()
            return None

    def _named(self, which: str | None) -> Plan:
        if which is not None and which != self.waiting.id:
            raise NotFoundError(
                f"The plan {which} does not wait any more; {self.waiting.id} does.",
                "See it with: facewatchctl plan show",
            )
        return self.waiting

    def _keep(self, kept: Plan) -> None:
        self._store.plans.keep(kept.id, kept.made_at, kept.churn, to_bytes(kept))
        self._waiting = kept
        waits = {"plan": kept.id, "churn": kept.churn, "moves": len(kept.faces)}
        self._store.events.add(events.Kind.PLAN_WAITING, self._clock.time(), **waits)
        self._ask(kept, dict(enumerate(kept.people)))
        log.info(
            "The plan %s waits: of the faces of people, %.1f %% would go to others."
            " See it with: facewatchctl plan show",
            kept.id,
            100 * kept.churn,
        )

    def _carry_out(self, valid: Plan, run: Run | None = None) -> None:
        people = self._carrying.carry_out(valid, run)
        self.forget()
        self._ask(valid, people)
        self._publishing.touch_all()

    def _ask(self, asking: Plan, people: Mapping[int, str]) -> None:
        """Keep the questions of a run; who is not there yet is nobody."""
        self._store.plans.ask((q.face, people.get(q.other), q.similarity) for q in asking.questions)

    def _weighed(self, made: Plan) -> Valid:
        """Return what of a plan still holds after all that has changed since it was made."""
        touched = self._decided_since(made.decided)
        spots = {*self._deciding.said.faces, *touched.spots}
        return still_valid(
            made,
            self._store.runs.owners(),
            {each.id for each in self._store.runs.people()},
            decided_faces=faces_at(touched.spots, spots, self._store.decisions),
            decided_people=touched.people,
        )

    def _decided_since(self, number: int) -> Touched:
        """Return the people and faces that decisions after ``number`` touch or have changed."""
        earlier = [each for each in self._deciding.decisions if each.number <= number]
        later = self._deciding.decisions[len(earlier) :]
        if not later:
            return Touched(set(), set())
        people, spots = difference(replay(earlier), self._deciding.said)
        spoken_of = [touched_by(each) for each in later if each.kind is not Kind.UNDO]
        return Touched(
            people.union(*(each.people for each in spoken_of)),
            spots.union(*(each.spots for each in spoken_of)),
        )
