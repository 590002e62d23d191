"""Pure: what to ask the user first, so that one answer settles as many faces as it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from facewatchd.clustering.labels import by_first_face, means, members, nearest_of_photo
from facewatchd.clustering.linkage import average_linkage
from facewatchd.clustering.looks import TIGHTER
from facewatchd.model import Candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Encoding
    from facewatchd.plugins import Scale

_CANDIDATES = 3
_AT_MOST = 10  # people whom the user is asked to name first
_WORTH_A_NAME = 0.01  # of all faces of people; whoever has fewer is not asked for first


@dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """A doubtful face: its id, its photo's, its ``encoding`` (D,) and who it may be.

    ``refused`` are the people of whom the user said that it is not they.
    """

    face: int
    photo: int
    encoding: Encoding
    candidates: tuple[Candidate, ...]
    refused: frozenset[str] = frozenset()


class Misgiving(NamedTuple):
    """That a settled face of ``person`` may be wrong there, and be ``other`` or nobody (None)."""

    face: int
    person: str
    other: str | None
    similarity: float


@dataclass(frozen=True, slots=True)
class Question:
    """Who ``faces`` are; one answer settles them together.

    ``candidates`` are nearest first, ``similarity`` that of the first, ``margin`` how much less the
    second has (None: there is no second).  ``person`` is whose the face is now, and None when it is
    doubtful.
    """

    faces: tuple[int, ...]
    candidates: tuple[Candidate, ...]
    similarity: float
    margin: float | None
    person: str | None = None


class First(NamedTuple):
    """Whom to name first, most faces first, and their ``share`` (0 to 1) of all faces of people."""

    people: tuple[str, ...]
    share: float


def questions(
    doubts: Sequence[Doubt], misgivings: Iterable[Misgiving], scale: Scale
) -> list[Question]:
    """Return what to ask, in this order; nothing is asked of faces without a candidate.

    Doubtful faces come first, grouped as tight groups are for looks: by average linkage up to 3/4
    of the scale's merge distance, and never two faces of one photo.  Most faces come first, then
    the surest answers.  Misgivings follow, each by itself, the most similar first.
    """
    asked = [
        question
        for group in _groups(doubts, scale)
        if (question := _about([doubts[at] for at in group], scale)) is not None
    ]
    asked.sort(key=lambda each: (-len(each.faces), -each.similarity, each.faces))
    again = [
        Question(
            (each.face,),
            () if each.other is None else (Candidate(each.other, each.similarity),),
            each.similarity,
            None,
            each.person,
        )
        for each in sorted(misgivings, key=lambda each: (-each.similarity, each.face))
    ]
    return asked + again


def first_to_name(people: Iterable[tuple[str, int, bool]]) -> First:
    """Return whom to name first of ``people``: (person, number of faces, whether named).

    They are up to ten without a name, who have a hundredth of all faces of people or more each.
    """
    everyone = list(people)
    total = sum(faces for _, faces, _ in everyone)
    unnamed = sorted((-faces, person) for person, faces, named in everyone if not named)
    first = [(person, -less) for less, person in unnamed if -less >= _WORTH_A_NAME * total]
    first = [(person, faces) for person, faces in first if faces][:_AT_MOST]
    share = sum(faces for _, faces in first) / total if first else 0.0
    return First(tuple(person for person, _ in first), share)


def _groups(doubts: Sequence[Doubt], scale: Scale) -> list[NDArray[np.int64]]:
    if not doubts:
        return []
    encodings = np.stack([doubt.encoding for doubt in doubts])
    alone = np.full(len(doubts), -1)
    joined = by_first_face(average_linkage(encodings, alone, TIGHTER * scale.merge))
    photos = np.array([doubt.photo for doubt in doubts])
    return members(by_first_face(_one_face_a_photo(encodings, joined, photos)))


def _one_face_a_photo(
    encodings: NDArray[np.float32], groups: NDArray[np.int64], photos: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Make groups of their own of all faces of a photo but the one nearest to the group's mean."""
    number = int(groups.max()) + 1
    away = np.linalg.norm(encodings - means(encodings, groups, number)[groups], axis=1)
    kept = nearest_of_photo(groups, photos, away)
    return np.where(kept, groups, number + np.arange(len(groups)))


def _about(group: Sequence[Doubt], scale: Scale) -> Question | None:
    """Return the question about a group, None when none of its faces has a candidate.

    A candidate's similarity is the mean over the faces; one that does not have the person among its
    candidates counts with the scale's floor.  Whom the user refused for one face is not asked for
    the others, who look the same.
    """
    refused = frozenset[str]().union(*(doubt.refused for doubt in group))
    similarities: dict[str, list[float]] = {}
    for doubt in group:
        for person, similarity in doubt.candidates:
            if person not in refused:
                similarities.setdefault(person, []).append(similarity)
    if not similarities:
        return None
    missing = {person: len(group) - len(found) for person, found in similarities.items()}
    candidates = sorted(
        (
            Candidate(person, (sum(found) + missing[person] * scale.floor) / len(group))
            for person, found in similarities.items()
        ),
        key=lambda each: (-each.similarity, each.person),
    )[:_CANDIDATES]
    margin = candidates[0].similarity - candidates[1].similarity if candidates[1:] else None
    faces = tuple(sorted(doubt.face for doubt in group))
    return Question(faces, tuple(candidates), candidates[0].similarity, margin)
