"""Pure: what each similarity threshold would do, told from the user's own library.

Positives are confirmed faces, each against the looks of its person without the face itself: the
mean of n encodings without one, x, is (n mean - x) / (n - 1).  Negatives are two faces of one
photo, which are two people: each against the looks of the other's person, or against the other face
where neither has one.  Strangers are all settled faces, each as if nobody knew its person: against
the looks of everyone else.

Only faces that were confirmed independently of the threshold are positives.  Those are faces that
clustering put together, or that the user gave to the person unasked, and then confirmed.  A face
that the threshold gave to its person and that was only waved through is none: there, every
threshold up to the present one looks right.  Nor is the answer to a question about a doubtful face:
it was asked because the face is below the threshold.  How near a face is to other people was no
reason to confirm it, so as strangers all count.

Intervals take faces for independent, which many faces of a few people are not: with few people in
the library they are narrower than they should be.
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
from facewatchd.wilson import Share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Encoding, Look
    from facewatchd.plugins import Scale

    Numbers = NDArray[np.float64]
    _Near = dict[int, dict[str, float]]  # of each face, the similarity to each person

LEAST_POSITIVES = 200
_ABOVE, _STEP = 0.04, 0.02  # thresholds shown: so far above the present one, then down to the floor
# Of the distance up to which a face is given to a person: two faces of one photo that are nearer
# are set aside as one person, in a collage or a mirror.  For dlib's encodings, similarity 0.7.
_ALIKE = 0.30 / 0.32
# What a proposal must promise, as 0.68 does: none of 1,000 strangers of LFW was taken in.
_PROMISED = 1000
_BLOCK = 256  # faces that are compared with all looks at once


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A face: its id, its photo's, its ``encoding`` (D,).

    ``person`` is whose it is if it is settled, else None (unnamed people may be parts of named
    ones, and would look like mistakes), and ``owner`` the person, before merges, in whose looks it
    is.  ``independent``: it was confirmed independently of the threshold.
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
    ``strangers``: settled faces that would go to somebody else if nobody knew their person;
    ``joined``: negatives of which one face would go to the other's person.  A pair in ``joined`` is
    one face and one person, while a stranger meets everyone.
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

    ``faces`` are all settled faces, and all faces of photos with two faces or more; others do no
    harm.  Looks of people without a settled face are left out.  ``scale.similarity`` is the
    threshold in use.
    """
    people = {face.person for face in faces}
    near = _nearest(faces, Looks(look for look in looks if look.person in people), scale)
    own, elsewhere = _positives(faces, near, scale)
    strangers = np.array([_elsewhere(face, near) for face in faces if face.person is not None])
    different, aside = _pairs(faces, near, scale)
    rows = tuple(
        Row(
            threshold,
            _share((own >= threshold) & (own >= elsewhere)),
            _share((elsewhere >= threshold) & (elsewhere > own)),
            _share(strangers >= threshold),
            _share(different >= threshold),
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


def _nearest(faces: Sequence[Known], looks: Looks, scale: Scale) -> _Near:
    """Return by face the similarity to the nearest look of each person who reaches the floor."""
    found: _Near = {}
    for start in range(0, len(faces), _BLOCK):
        block = faces[start : start + _BLOCK]
        encodings = np.stack([face.encoding for face in block])
        all_near = looks.near(encodings, scale.distance_at(scale.floor))
        for face, near in zip(block, all_near, strict=True):
            best = found[face.face] = {}
            for look in near:
                best.setdefault(look.person, scale.similarity_at(look.distance))
    return found


def _elsewhere(face: Known, near: _Near) -> float:
    """Return the similarity to the nearest other person, minus infinity below the floor."""
    others = (similarity for who, similarity in near[face.face].items() if who != face.person)
    return max(others, default=-math.inf)


def _positives(faces: Sequence[Known], near: _Near, scale: Scale) -> tuple[Numbers, Numbers]:
    """Return for each positive the similarity to its person without it, and to the nearest other.

    A person who has nothing but the face is left out.
    """
    of_person: dict[str, list[Known]] = defaultdict(list)
    for face in faces:
        if face.person is not None:
            of_person[face.person].append(face)
    own, elsewhere = [], []
    for members in of_person.values():
        asked = [face for face in members if face.independent]
        if asked and len(members) > 1:
            away = _without_themselves(asked, members, scale)
            own += [scale.similarity_at(each) for each in away]
            elsewhere += [_elsewhere(face, near) for face in asked]
    return np.array(own), np.array(elsewhere)


def _without_themselves(asked: list[Known], members: list[Known], scale: Scale) -> list[float]:
    """Return how far (L2) each face of ``asked`` is from the nearest look of its other ``members``.

    The looks are made as re-clustering makes them, for each owner.
    """
    away = [math.inf] * len(asked)
    points = np.stack([face.encoding for face in asked]).astype(np.float64)
    of_owner: dict[str | None, list[Known]] = defaultdict(list)
    for face in members:
        of_owner[face.owner].append(face)
    for owned in of_owner.values():
        encodings = np.stack([face.encoding for face in owned])
        for look in looks_of(encodings, scale.merge):
            total = encodings[look].sum(axis=0, dtype=np.float64)
            inside = {owned[at].face for at in look.tolist()}
            for at, (face, point) in enumerate(zip(asked, points, strict=True)):
                itself = face.face in inside
                if len(look) > itself:
                    mean = (total - itself * point) / (len(look) - itself)
                    away[at] = min(away[at], float(np.linalg.norm(point - mean)))
    return away


def _pairs(faces: Sequence[Known], near: _Near, scale: Scale) -> tuple[Numbers, list[Alike]]:
    """Return how similar the negatives are, and the pairs that are set aside.

    A photo in which two faces are one person, as the user said, gives neither.
    """
    of_photo: dict[int, list[Known]] = defaultdict(list)
    for face in faces:
        of_photo[face.photo].append(face)
    together = [shown for shown in of_photo.values() if _are_different_people(shown)]
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
    aside.sort(key=lambda pair: (-pair.similarity, pair.one, pair.other))
    return np.array(different), aside


def _are_different_people(shown: Sequence[Known]) -> bool:
    people = [face.person for face in shown if face.person is not None]
    return len(shown) > 1 and len(people) == len(set(people))


def _to(near: dict[str, float], person: str | None) -> float:
    return -math.inf if person is None else near.get(person, -math.inf)


def _proposal(rows: Sequence[Row], scale: Scale) -> tuple[float | None, str]:
    """Return the lowest threshold that promises what 0.68 does, None if it is the present one.

    That is: of ``strangers`` and of ``joined`` the upper bound is no more than that of none in
    1,000.  The second return value says in words how that comes.
    """
    present = next(row for row in rows if row.similarity == round(scale.similarity, 6))
    promise = Share(0, _PROMISED).high
    if present.given.tries < LEAST_POSITIVES:
        return None, (
            f"{present.given.tries} faces were confirmed independently of the threshold;"
            f" a proposal needs {LEAST_POSITIVES}."
        )
    for what, tries in (
        ("settled faces", present.strangers.tries),
        ("pairs of faces in one photo", present.joined.tries),
    ):
        if tries < _PROMISED:
            return None, (
                f"There are {tries} {what}; even if no threshold joins one of them wrongly,"
                f" {Share(0, tries).high:.2%} of all could be joined wrongly, and a proposal"
                f" promises {promise:.2%} or less, which takes {_PROMISED}."
            )
    good = [row for row in rows if max(row.strangers.high, row.joined.high) <= promise]
    if not good:
        return None, (
            f"At every threshold up to {rows[0].similarity:.2f} more than {promise:.2%} of"
            " strangers or of faces of one photo could be joined wrongly."
        )
    best = good[-1]
    if best is present:
        return None, (
            f"{present.similarity:.2f} stays: it is the lowest threshold at which at most"
            f" {promise:.2%} of strangers and of faces of one photo would be joined wrongly."
        )
    return best.similarity, (
        f"{best.similarity:.2f} is the lowest threshold at which at most {promise:.2%} of strangers"
        f" and of faces of one photo would be joined wrongly (upper bounds). It gives"
        f" {best.given.share:.0%} of the confirmed faces to their people,"
        f" {present.similarity:.2f} gives {present.given.share:.0%}."
    )
