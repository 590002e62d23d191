"""Pure: what each similarity threshold would do, told from the user's own library.

Positives are confirmed faces, each against the looks of its person without the face itself: the
mean of n encodings without one, x, is (n mean - x) / (n - 1).  Negatives are two faces of one
photo, which are two people: each against the looks of the other's person, or against the other face
where neither has one.

Only faces that were confirmed independently of the threshold are positives.  Those are faces that
clustering put together, or that the user gave to the person unasked, and then confirmed.  A face
that the threshold gave to its person and that was only waved through is none: there, every
threshold up to the present one looks right.  Nor is the answer to a question about a doubtful face:
it was asked because the face is below the threshold.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.assign import Looks
from facewatchd.clustering.looks import looks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Encoding, Look
    from facewatchd.plugins import Scale

LEAST_POSITIVES = 200
_Z = 1.959964  # of the normal distribution, for 95 %
_ABOVE, _STEP = 0.04, 0.02  # thresholds shown: so far above the present one, then down to the floor
# Of the distance up to which a face is given to a person: two faces of one photo that are nearer
# are set aside as one person, in a collage or a mirror.  For dlib's encodings, similarity 0.7.
_ALIKE = 0.30 / 0.32
# The most wrong joins that a proposal may have: the bound of none in 1,000, which is what 0.68 was
# found to be with 1,000 strangers of LFW.
_STRANGERS = 1000
_BLOCK = 256  # faces that are compared with all looks at once


class Share(NamedTuple):
    """``hits`` of ``tries``, with Wilson's 95 % interval (Wilson 1927) from ``low`` to ``high``."""

    hits: int
    tries: int

    @property
    def share(self) -> float | None:
        """Hits over tries, 0 to 1; None when nothing was tried."""
        return self.hits / self.tries if self.tries else None

    @property
    def low(self) -> float:
        """The lower bound, 0 to 1."""
        return self._bound(-1)

    @property
    def high(self) -> float:
        """The upper bound, 0 to 1."""
        return self._bound(1)

    def _bound(self, sign: int) -> float:
        if not self.tries:
            return 0.0 if sign < 0 else 1.0
        share, z2 = self.hits / self.tries, _Z**2 / self.tries
        width = math.sqrt(z2 * share * (1 - share) + z2**2 / 4)
        return min(1.0, max(0.0, (share + z2 / 2 + sign * width) / (1 + z2)))


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A face: its id, its photo's, its ``encoding`` (D,).

    ``person`` is whose it is, None when it is nobody's, and ``owner`` the person, before merges,
    whose looks it is in.  ``independent``: it was confirmed independently of the threshold.
    """

    face: int
    photo: int
    encoding: Encoding
    person: str | None = None
    owner: str | None = None
    independent: bool = False


class Alike(NamedTuple):
    """Two faces of one photo that are too similar to be taken for two people."""

    photo: int
    one: int
    other: int
    similarity: float


class Row(NamedTuple):
    """What a threshold of ``similarity`` would do.

    ``given``: positives that go to their person; ``wrong``: that go to somebody else;
    ``strangers``: that would go to somebody else if nobody knew their person; ``joined``: negatives
    of which one face would go to the other's person.  A pair in ``joined`` is one face and one
    person, while a new face meets everyone: that is what ``strangers`` has and ``joined`` has not.
    """

    similarity: float
    given: Share
    wrong: Share
    strangers: Share
    joined: Share


@dataclass(frozen=True, slots=True)
class Calibration:
    """The table, highest threshold first, the pairs set aside, and what is proposed.

    ``proposal`` is a threshold, or None; ``why`` says in words how it comes.
    """

    rows: tuple[Row, ...]
    aside: tuple[Alike, ...]
    proposal: float | None
    why: str


def calibrate(faces: Sequence[Known], looks: Iterable[Look], scale: Scale) -> Calibration:
    """Return what thresholds would do with ``faces``, compared by ``looks`` of the same engine.

    ``faces`` are all faces of the people who have an independently confirmed one, and all faces of
    photos with two faces or more; others do no harm.  ``scale.similarity`` is the threshold in use.
    """
    everyone = Looks(looks)
    positives = list(_positives(faces, everyone, scale))
    different, aside = _pairs(faces, everyone, scale)
    own = np.array([own for own, _ in positives])
    others = np.array([other for _, other in positives])
    joined = np.array(different)
    rows = tuple(
        Row(
            threshold,
            _share((own >= threshold) & (own >= others)),
            _share((others >= threshold) & (others > own)),
            _share(others >= threshold),
            _share(joined >= threshold),
        )
        for threshold in _thresholds(scale)
    )
    proposal, why = _proposal(rows, scale)
    return Calibration(rows, tuple(aside), proposal, why)


def _share(hits: NDArray[np.bool_]) -> Share:
    return Share(int(np.count_nonzero(hits)), len(hits))


def _thresholds(scale: Scale) -> list[float]:
    """Return thresholds around the present one, which is among them, highest first."""
    steps = math.floor((scale.similarity - scale.floor) / _STEP + 1e-9)
    above = round(_ABOVE / _STEP)
    return [round(scale.similarity + _STEP * step, 6) for step in range(above, -steps - 1, -1)]


def _positives(faces: Sequence[Known], looks: Looks, scale: Scale) -> Iterator[tuple[float, float]]:
    """Yield for each positive the similarity to its person without it, and to the nearest other.

    A person who has nothing but the face is left out.
    """
    of_person: dict[str, list[Known]] = defaultdict(list)
    for face in faces:
        if face.person is not None:
            of_person[face.person].append(face)
    for person, members in of_person.items():
        asked = [face for face in members if face.independent]
        if not asked or len(members) == 1:
            continue
        own = _without_themselves(members, scale)
        others = _nearest(asked, looks, scale)
        for face, near in zip(asked, others, strict=True):
            elsewhere = max((s for who, s in near.items() if who != person), default=-math.inf)
            yield scale.similarity_at(own[face.face]), elsewhere


def _without_themselves(members: list[Known], scale: Scale) -> dict[int, float]:
    """Return how far (L2) each independent face is from the nearest look of all other ``members``.

    The looks are made as re-clustering makes them, for each owner.
    """
    away = {face.face: math.inf for face in members if face.independent}
    asked = [face for face in members if face.independent]
    points = np.stack([face.encoding for face in asked]).astype(np.float64)
    of_owner: dict[str | None, list[Known]] = defaultdict(list)
    for face in members:
        of_owner[face.owner].append(face)
    for owned in of_owner.values():
        encodings = np.stack([face.encoding for face in owned])
        for look in looks_of(encodings, scale.merge):
            total = encodings[look].sum(axis=0, dtype=np.float64)
            inside = {owned[at].face for at in look.tolist()}
            for face, point in zip(asked, points, strict=True):
                itself = face.face in inside
                if len(look) > itself:
                    mean = (total - itself * point) / (len(look) - itself)
                    distance = float(np.linalg.norm(point - mean))
                    away[face.face] = min(away[face.face], distance)
    return away


def _nearest(faces: Sequence[Known], looks: Looks, scale: Scale) -> list[dict[str, float]]:
    """Return for each face the similarity to the nearest look of everyone above the floor."""
    found = []
    for start in range(0, len(faces), _BLOCK):
        encodings = np.stack([face.encoding for face in faces[start : start + _BLOCK]])
        for near in looks.near(encodings, scale.distance_at(scale.floor)):
            best: dict[str, float] = {}
            for look in near:
                best.setdefault(look.person, scale.similarity_at(look.distance))
            found.append(best)
    return found


def _pairs(faces: Sequence[Known], looks: Looks, scale: Scale) -> tuple[list[float], list[Alike]]:
    """Return how similar the negatives are, and the pairs that are set aside.

    A photo in which two faces are one person, as the user said, gives neither.
    """
    of_photo: dict[int, list[Known]] = defaultdict(list)
    for face in faces:
        of_photo[face.photo].append(face)
    together = [shown for shown in of_photo.values() if _are_different_people(shown)]
    everyone = [face for shown in together for face in shown]
    near = dict(
        zip((face.face for face in everyone), _nearest(everyone, looks, scale), strict=True)
    )
    alike = _ALIKE * scale.distance_at(scale.similarity)
    different: list[float] = []
    aside: list[Alike] = []
    for one, other in (pair for shown in together for pair in combinations(shown, 2)):
        distance = float(np.linalg.norm(one.encoding.astype(np.float64) - other.encoding))
        if distance <= alike:
            similarity = scale.similarity_at(distance)
            aside.append(Alike(one.photo, one.face, other.face, similarity))
        elif one.person is None and other.person is None:
            different.append(scale.similarity_at(distance))
        else:
            to_each = (_to(near[one.face], other.person), _to(near[other.face], one.person))
            different.append(max(to_each))
    return different, sorted(aside, key=lambda pair: (-pair.similarity, pair.one, pair.other))


def _are_different_people(shown: Sequence[Known]) -> bool:
    people = [face.person for face in shown if face.person is not None]
    return len(shown) > 1 and len(people) == len(set(people))


def _to(near: dict[str, float], person: str | None) -> float:
    return -math.inf if person is None else near.get(person, -math.inf)


def _proposal(rows: Sequence[Row], scale: Scale) -> tuple[float | None, str]:
    """Return the lowest threshold that joins no more wrongly than the present one promises.

    That is: the upper bound of ``joined`` is no more than that of none in 1,000, and no more
    positives go to a wrong person than at the present threshold.
    """
    present = next(row for row in rows if row.similarity == round(scale.similarity, 6))
    promise = Share(0, _STRANGERS).high
    positives, negatives = present.given.tries, present.joined.tries
    if positives < LEAST_POSITIVES:
        return None, (
            f"There are {positives} faces that were confirmed independently of the threshold;"
            f" a proposal needs {LEAST_POSITIVES}."
        )
    good = [
        row for row in rows if row.joined.high <= promise and row.wrong.hits <= present.wrong.hits
    ]
    if not good and Share(0, negatives).high > promise:
        return None, (
            f"There are {negatives} pairs of faces in one photo; even with none joined wrongly, up"
            f" to {Share(0, negatives).high:.2%} could be, and a proposal needs {promise:.2%} or"
            f" less, which takes {_STRANGERS} pairs."
        )
    if not good:
        return None, (
            f"At every threshold down from {rows[0].similarity:.2f} more than {promise:.2%} of the"
            " faces of one photo could be joined wrongly (upper bound)."
        )
    best = good[-1]
    if best is present:
        return None, f"{present.similarity:.2f} stays: a lower threshold would join more wrongly."
    return best.similarity, (
        f"{best.similarity:.2f} is the lowest threshold at which at most {promise:.2%} of the faces"
        f" of one photo would be joined wrongly (upper bound) and no more confirmed faces go to a"
        f" wrong person than at {present.similarity:.2f}: it gives {best.given.share:.0%} of the"
        f" confirmed faces to their people instead of {present.given.share:.0%}."
    )
