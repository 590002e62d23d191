"""Pure: the faces of each group, in which order they are shown, and what its folder is called."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from facewatchd.names import folder_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.reports.material import Material

NOBODY = -1  # the group of a face that is in none

_NUMBERED = re.compile(r"person_([0-9]{4}|[1-9][0-9]{4,8})")
_NAMED = 10**9  # those with a name come after all who have but a number


def members(material: Material) -> dict[int, NDArray[np.int64]]:
    """Return the faces of each group that has any, of NOBODY last."""
    order = np.argsort(material.groups, kind="stable")
    numbers, starts = np.unique(material.groups[order], return_index=True)
    found = dict(zip(numbers.tolist(), np.split(order, starts[1:]), strict=False))
    if NOBODY in found:
        found[NOBODY] = found.pop(NOBODY)
    return found


def largest_first(material: Material) -> list[tuple[int, NDArray[np.int64]]]:
    """Return groups with their faces, those with most faces first, NOBODY last."""
    found = members(material).items()
    return sorted(found, key=lambda entry: (entry[0] == NOBODY, -len(entry[1]), entry[0]))


def best_first(material: Material, faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``faces`` of one group: of the half that is nearest to its centroid the best first.

    Then the others, the best first, as a sharp face far from the centroid may not be this person.
    Of faces that are as good the nearer comes first.  The first one is thus a person's cover.
    """
    nearness = np.nan_to_num(material.similarity[faces], nan=-np.inf)
    nearest = np.argsort(-nearness, kind="stable")
    is_far = np.ones(len(faces), dtype=bool)
    is_far[nearest[: max(2, (len(faces) + 1) // 2)]] = False
    if np.isnan(material.similarity[faces]).all():
        is_far[:] = False
    return faces[np.lexsort((faces, -nearness, -material.quality[faces], is_far))]


def numbers_in_photo(material: Material) -> NDArray[np.int64]:
    """Return the number, from 0, of each face among those of its photo."""
    return _counted(material.photo)


def numbers_in_group(material: Material) -> NDArray[np.int64]:
    """Return the number, from 0, of each face among those of its group."""
    return _counted(material.groups)


def centroids(material: Material) -> NDArray[np.float64]:
    """Return the mean encoding of each group, float64 (C, D); NaN for one without a face."""
    means = np.full((len(material.names), material.encodings.shape[1]), np.nan)
    for group, faces in members(material).items():
        if group != NOBODY:
            means[group] = material.encodings[faces].mean(axis=0, dtype=np.float64)
    return means


def shown_name(material: Material, group: int) -> str:
    """Return the name of ``group``."""
    return material.nobody if group == NOBODY else material.names[group]


def folder_of_groups(material: Material) -> dict[int, bytes]:
    """Return the file or folder name of each group, and of NOBODY: distinct, and safe everywhere.

    It is the group's name wherever that can be one; ``names.folder_names`` says how it changes.
    """
    uses = Counter(material.names)
    wanted: dict[str, tuple[str | None, int | None]] = {str(NOBODY): (material.nobody, 0)}
    for group, name in enumerate(material.names):
        numbered = _NUMBERED.fullmatch(name) if uses[name] == 1 else None
        # Whoever has no name is shown by the folder of a number that nobody else has.
        wanted[str(group)] = (None, int(numbered[1])) if numbered else (name, _NAMED + group)
    return {int(key): folder for key, folder in folder_names(wanted).items()}


def _counted(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many equal keys stand before each one."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    places = np.arange(len(keys))
    starts = np.maximum.accumulate(np.where(np.diff(ordered, prepend=np.nan) != 0, places, 0))
    counted = np.empty(len(keys), dtype=np.int64)
    counted[order] = places - starts
    return counted
