"""Carries a plan out: the only place where a clustering run changes who faces are."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.pipeline.looks import fill, remake
from facewatchd.planning import NOBODY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.pipeline.outset import Outset
    from facewatchd.pipeline.placing import Placing
    from facewatchd.planning import Plan
    from facewatchd.store import Store
    from facewatchd.store.faces import AllFaces


class Run(NamedTuple):
    """A run that has just ended: what it started from, and by owner the faces of each look.

    Looks are as `regroup.Grouped` has them: the first one is all faces of the owner.
    """

    outset: Outset
    looks: Sequence[Sequence[NDArray[np.int64]]]


class Carrying:
    """Makes people, looks and faces what a plan says; transactions are the caller's.

    A face below ``min_quality`` is nobody's, unless a kept person has it.
    """

    def __init__(self, store: Store, placing: Placing, min_quality: float) -> None:
        self._store = store
        self._placing = placing
        self._min_quality = min_quality

    def carry_out(self, plan: Plan, run: Run | None = None) -> dict[int, str]:
        """Do all that a plan says, and return everyone whom it speaks of, by number.

        After the ``run`` that it comes from, everyone has the looks that were found; without it,
        and where a face was lost since, looks are made anew of what each of them holds.  Faces
        that came during the run stay with people who are kept, and are placed anew otherwise.
        """
        people = self._people(plan)
        self._store.faces.doubt_all(self._store.runs.unsettled_below(self._min_quality))
        now = self._store.runs.owners()
        came = {} if run is None else self._open(run, now)
        away = {*plan.faces.tolist(), *chain.from_iterable(came.values())}
        theirs = _theirs(plan, people, {f: who for f, who in now.items() if f not in away})
        found = {} if run is None else dict(_found(run, plan, people))
        whole = {
            owner: faces
            for owner, looks in found.items()
            if (faces := _ids(run, looks[0])) <= theirs.get(owner, set())
        }
        late = {owner: sorted(theirs[owner] - faces) for owner, faces in whole.items()}
        self._store.faces.doubt_all([*away, *chain.from_iterable(late.values())])
        if run is not None:
            everyone = run.outset.faces
            for owner in whole:
                self._fill(owner, everyone, found[owner])
        self._remake(plan, people, whole)
        self._store.runs.remove_empty()
        self._place(late, came)
        self._store.people.forget_covers()
        return people

    def _fill(self, owner: str, faces: AllFaces, looks: Sequence[NDArray[np.int64]]) -> None:
        fill(self._store, self._placing.scale, owner, faces.ids, faces.encodings, looks)

    def _people(self, plan: Plan) -> dict[int, str]:
        """Return everyone whom a plan gives faces to, or takes them from, making who is new."""
        people = dict(enumerate(plan.people))
        for number in sorted({*plan.targets.tolist()} - {NOBODY, *people}):
            people[number] = self._store.people.create()
        return people

    def _open(self, run: Run, now: Mapping[int, str | None]) -> dict[int, list[int]]:
        """Return, by photo, the faces that came during a run and that no kept person has."""
        kept = {each.id for each in self._store.runs.people() if each.kept}
        came = self._store.faces.added_after(run.outset.faces.ids)
        opened = {
            photo: [face for face, _ in added if now[face] not in kept]
            for photo, added in came.items()
        }
        return {photo: faces for photo, faces in opened.items() if faces}

    def _remake(self, plan: Plan, people: Mapping[int, str], whole: Collection[str]) -> None:
        """Move faces from and to all but those who are ``whole``, and make their looks anew.

        What comes from one person is a look of its own: looks are never averaged.
        """
        flows: dict[tuple[int, int], list[int]] = defaultdict(list)
        moves = zip(plan.faces.tolist(), plan.sources.tolist(), plan.targets.tolist(), strict=True)
        for face, source, target in moves:
            flows[source, target].append(face)
        for (source, target), faces in sorted(flows.items()):
            if target == NOBODY or people[target] in whole:
                continue
            known = self._store.people.looks_of(people[target])
            joins = known and source == NOBODY
            look = known[0] if joins else self._store.people.add_look(people[target])
            for face in faces:  # how similar it is, remaking the looks tells
                self._store.faces.give(face, look, 0.0)
        concerned = {people[number] for flow in flows for number in flow if number != NOBODY}
        for owner in sorted(concerned - {*whole}):
            remake(self._store, self._placing.scale, owner)

    def _place(self, late: Mapping[str, list[int]], came: Mapping[int, list[int]]) -> None:
        """Place by the looks that are now who stays with kept people, who came, and who may be."""
        self._placing.read_looks()
        for owner, faces in late.items():
            for face in faces:
                self._placing.join(owner, face)
        for photo, faces in came.items():
            self._placing.place_again(photo, faces)
        self._placing.find_candidates(self._store.runs.doubtful(self._min_quality))


def _theirs(
    plan: Plan, people: Mapping[int, str], stay: Mapping[int, str | None]
) -> dict[str, set[int]]:
    """Return the faces of everyone once a plan is carried out, who ``stay`` and who come."""
    theirs: dict[str, set[int]] = defaultdict(set)
    for face, owner in stay.items():
        if owner is not None:
            theirs[owner].add(face)
    for face, target in zip(plan.faces.tolist(), plan.targets.tolist(), strict=True):
        if target != NOBODY:
            theirs[people[target]].add(face)
    return theirs


def _found(
    run: Run, plan: Plan, people: Mapping[int, str]
) -> Iterator[tuple[str, Sequence[NDArray[np.int64]]]]:
    """Yield the looks that a run found of everyone who has any, by id."""
    known = run.outset.people
    for number, looks in enumerate(run.looks):
        new = people.get(len(plan.people) + number - len(known))
        owner = known[number] if number < len(known) else new
        if looks and owner is not None:
            yield owner, looks


def _ids(run: Run | None, indices: NDArray[np.int64]) -> set[int]:
    return set() if run is None else set(run.outset.faces.ids[indices].tolist())
