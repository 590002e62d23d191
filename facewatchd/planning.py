"""Pure: what a clustering run would change, as a plan that can wait, be read and be applied.

A plan speaks of faces by their ids and of people by number: those it names, then new ones.  It
holds moves alone; how many people merge or split, and the churn, follow from them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from facewatchd.clustering.matching import Before
    from facewatchd.clustering.questions import Question
    from facewatchd.plugins import Scale

NOBODY = -1
MOST_DROPPED = 0.05  # when a larger share of the moves is no longer valid, the plan is made again
_VERSION = 1
_DIGEST = 32  # bytes of a SHA-256


class Kind(StrEnum):
    """What it is that faces go from one to another."""

    JOIN = "join"  # faces of nobody find a person who is known
    NEW = "new"  # faces of nobody are somebody new
    LEAVE = "leave"  # faces become nobody's
    MERGE = "merge"  # somebody becomes part of another, and is no more
    SPLIT = "split"  # a part of somebody is somebody new
    MOVE = "move"  # faces go to another person, who both go on to be


class Change(NamedTuple):
    """So many ``faces`` go from a person to another, both by number; -1 is nobody."""

    kind: Kind
    source: int
    target: int
    faces: int


class Doubt(NamedTuple):
    """Is ``face``, by id, not ``other`` rather than ``person``?  Both are numbers of the plan.

    ``similarity`` is that to the other.
    """

    face: int
    person: int
    other: int
    similarity: float


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a run would change, made at ``made_at`` when ``decided`` was the last decision.

    ``faces`` int64 (M,) are ids, ``sources`` and ``targets`` int64 (M,) the owners before and
    after: numbers of ``people``, from ``len(people)`` on new ones, -1 nobody.  ``in_people`` is
    how many of all faces of the run were somebody's, ``ended`` are the people of whom none of
    these faces is left.  ``questions`` are what the run thinks wrong in kept people.
    """

    id: str
    made_at: float
    decided: int
    people: tuple[str, ...]
    faces: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    in_people: int
    ended: frozenset[int]
    questions: tuple[Doubt, ...]

    @property
    def churn(self) -> float:
        """Return the share of the faces that were somebody's whose person changes, 0 to 1."""
        changed = int(np.count_nonzero(self.sources != NOBODY))
        return changed / self.in_people if changed else 0.0

    @property
    def new_people(self) -> int:
        """Return how many people are new."""
        return len(set(self.targets[self.targets >= len(self.people)].tolist()))

    def changes(self) -> list[Change]:
        """Return what happens, by who gives faces to whom: most faces first, then by number."""
        pairs = zip(self.sources.tolist(), self.targets.tolist(), strict=True)
        flows = sorted((-faces, *pair) for pair, faces in Counter(pairs).items())
        return [Change(self._kind(one, to), one, to, -faces) for faces, one, to in flows]

    def faces_by_kind(self) -> Counter[Kind]:
        """Return how many faces join, leave, are new and so on."""
        faces: Counter[Kind] = Counter()
        for change in self.changes():
            faces[change.kind] += change.faces
        return faces

    def people_by_kind(self, kind: Kind) -> int:
        """Return of how many people faces merge, split, leave and so on."""
        return len({change.source for change in self.changes() if change.kind is kind})

    def _kind(self, source: int, target: int) -> Kind:
        if target == NOBODY:
            return Kind.LEAVE
        is_new = target >= len(self.people)
        if source == NOBODY:
            return Kind.NEW if is_new else Kind.JOIN
        if is_new:
            return Kind.SPLIT
        return Kind.MERGE if source in self.ended else Kind.MOVE


def plan(  # noqa: PLR0913 - a run's faces and result, and by what the plan is known
    faces: NDArray[np.int64],
    people: Sequence[str],
    before: Before,
    after: NDArray[np.int64],
    asked: Sequence[Question],
    scale: Scale,
    *,
    id: str,  # noqa: A002 - it is the plan's, and named as the field is
    made_at: float,
    decided: int,
) -> Plan:
    """Return the plan that makes the owners ``after`` (N,) of those ``before``.

    ``faces`` (N,) are the ids of the faces of the run and ``people`` those of the P owners that it
    numbers; ``asked`` is what the run asks, on ``scale``.
    """
    moved = before.owners != after
    sources, targets = before.owners[moved], after[moved]
    spoken = [*sources.tolist(), *targets.tolist(), *(who for q in asked for who in q[1:3])]
    known = sorted({owner for owner in spoken if 0 <= owner < len(people)})
    numbers = _numbers(known, len(people), max([NOBODY, *spoken]) + 1)
    left = {NOBODY, *after.tolist()}
    return Plan(
        id=id,
        made_at=made_at,
        decided=decided,
        people=tuple(people[owner] for owner in known),
        faces=faces[moved],
        sources=numbers[sources],
        targets=numbers[targets],
        in_people=int(np.count_nonzero(before.owners >= 0)),
        ended=frozenset(int(numbers[owner]) for owner in set(sources.tolist()) - left),
        questions=tuple(
            Doubt(
                int(faces[q.face]),
                int(numbers[q.owner]),
                int(numbers[q.other]),
                scale.similarity_at(q.distance),
            )
            for q in asked
        ),
    )


def _numbers(known: Sequence[int], people: int, owners: int) -> NDArray[np.int64]:
    """Return by owner of a run, of ``owners``, the number in a plan that names those ``known``.

    New owners are those from ``people`` on.  The last entry is that of -1, which stays.
    """
    numbers = np.full(max(owners, people) + 1, NOBODY)
    numbers[known] = np.arange(len(known))
    numbers[people:-1] = len(known) + np.arange(len(numbers) - 1 - people)
    return numbers


class Valid(NamedTuple):
    """What of a plan can still be done, the faces whose moves were dropped, and their share."""

    plan: Plan
    dropped: NDArray[np.int64]
    share: float


def still_valid(
    plan: Plan,
    owners_now: Mapping[int, str | None],
    people_now: Collection[str],
    *,
    decided_faces: Collection[int],
    decided_people: Collection[str],
) -> Valid:
    """Drop the moves and questions that speak of what has changed since the plan was made.

    ``owners_now`` holds the owner of each face of the plan that still is, ``people_now`` who still
    is; ``decided_faces`` and ``decided_people`` are those that a decision since then touches.
    """
    gone = [who not in people_now or who in decided_people for who in plan.people]
    names = (*plan.people, None)  # so that -1 is nobody

    def is_gone(number: int) -> bool:
        return 0 <= number < len(gone) and gone[number]

    def is_changed(face: int, source: int) -> bool:
        same = face in owners_now and owners_now[face] == names[source]
        return not same or face in decided_faces or is_gone(source)

    moves = zip(plan.faces.tolist(), plan.sources.tolist(), plan.targets.tolist(), strict=True)
    drop = np.array([is_changed(face, one) or is_gone(to) for face, one, to in moves], dtype=bool)
    rest = replace(
        plan,
        faces=plan.faces[~drop],
        sources=plan.sources[~drop],
        targets=plan.targets[~drop],
        ended=plan.ended - set(plan.sources[drop].tolist()),
        questions=tuple(
            each
            for each in plan.questions
            if not is_changed(each.face, each.person) and not is_gone(each.other)
        ),
    )
    return Valid(rest, plan.faces[drop], float(drop.mean()) if len(drop) else 0.0)


def to_bytes(plan: Plan) -> bytes:
    """Return a plan as the SHA-256 of the rest, a line of JSON, and moves as rows of int64."""
    head = {
        "version": _VERSION,
        "id": plan.id,
        "made_at": plan.made_at,
        "decided": plan.decided,
        "people": plan.people,
        "in_people": plan.in_people,
        "ended": sorted(plan.ended),
        "questions": plan.questions,
    }
    moves = np.stack([plan.faces, plan.sources, plan.targets]).astype("<i8")
    rest = json.dumps(head).encode() + b"\n" + moves.tobytes()
    return sha256(rest).digest() + rest


def from_bytes(data: bytes) -> Plan:
    """Return the plan that `to_bytes` wrote; StoreError when a byte of it is another."""
    digest, rest = data[:_DIGEST], data[_DIGEST:]
    if sha256(rest).digest() != digest:
        raise _unreadable("is damaged")
    line, _, body = rest.partition(b"\n")
    head = json.loads(line)
    if head["version"] != _VERSION:
        raise _unreadable(f"is of version {head['version']}, which is not {_VERSION}")
    faces, sources, targets = np.frombuffer(body, dtype="<i8").astype(np.int64).reshape(3, -1)
    return Plan(
        id=head["id"],
        made_at=head["made_at"],
        decided=head["decided"],
        people=tuple(head["people"]),
        faces=faces,
        sources=sources,
        targets=targets,
        in_people=head["in_people"],
        ended=frozenset(head["ended"]),
        questions=tuple(Doubt(*each) for each in head["questions"]),
    )


def _unreadable(how: str) -> StoreError:
    return StoreError(
        f"The plan that waits in the store {how}.",
        "Drop it with facewatchctl plan drop, and have another made: facewatchctl recluster.",
    )
