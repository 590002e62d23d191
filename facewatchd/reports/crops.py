"""Each face as a picture of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from facewatchd.errors import ConfigError
from facewatchd.reports.cutting import box_of
from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import (
    NOBODY,
    folder_of_groups,
    numbers_in_group,
    numbers_in_photo,
    shown_name,
)
from facewatchd.reports.naming import Pattern, picture_format
from facewatchd.reports.text import shown_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.reports.cutting import View
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_FIELDS = ("group", "cluster", "photo", "face", "number", "ext")
_QUALITY = 95
_WIDEST = 10  # times the box


@dataclass(frozen=True)
class Crops:
    """Each face as large as its photo has it, with ``margin`` of its box's sides around it.

    ``at`` names the files, with the fields ``group`` (the group's folder name) or ``cluster`` (its
    number), ``photo`` (the photo's name without extension), ``face`` (the face's number in its
    photo, from 0), ``number`` (its number in its group, from 0) and ``ext`` (png of a PNG, else
    jpg).  Two that would be equal are told apart by ``~2`` before the extension.
    """

    at: str = "crops/{cluster}_{photo}_{face}.{ext}"
    margin: float = 0.0
    outliers: bool = True
    needs: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        Pattern(self.at, _FIELDS)
        if not 0 <= self.margin <= _WIDEST:
            raise ConfigError(
                f"No crop has a margin of {self.margin}.", f"Give one from 0 to {_WIDEST}."
            )

    def sides(self, material: Material) -> NDArray[np.float64]:
        """Return infinity for each face that is wanted: a crop is never scaled down."""
        return np.where(_is_wanted(self, material), np.inf, 0.0)

    def maker(self, material: Material, folder: Folder) -> Cutter:
        """Return what makes the crops."""
        return Cutter(self, material, folder)


class Cutter:
    """Writes each crop when its photo is open."""

    def __init__(self, crops: Crops, material: Material, folder: Folder) -> None:
        self._margin = crops.margin
        self._material = material
        self._folder = folder
        faces = np.flatnonzero(_is_wanted(crops, material)).tolist()
        names = Pattern(crops.at, _FIELDS).names(_fields(material, faces))
        self._names = dict(zip(faces, names, strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing: there is no scratch."""

    def take(self, face: int, view: View) -> None:
        """Write the crop of ``face``."""
        material, path = self._material, self._names[face]
        group = int(material.groups[face])
        photo = shown_path(os.path.basename(material.photos[material.photo[face]]))
        made = Made(path, Kind.CROP, f"{shown_name(material, group)} in {photo}", group)
        crop = view.rectangle(box_of(material, face), self._margin)
        with self._folder.new(made) as file:
            crop.save(file, picture_format(path), quality=_QUALITY)

    def finish(self) -> None:
        """Do nothing: all crops are written."""


def _is_wanted(crops: Crops, material: Material) -> NDArray[np.bool_]:
    wanted: NDArray[np.bool_] = (material.groups != NOBODY) | crops.outliers
    return wanted


def _fields(material: Material, faces: list[int]) -> list[dict[str, bytes]]:
    folders = folder_of_groups(material)
    in_photo, in_group = numbers_in_photo(material), numbers_in_group(material)
    rows = []
    for face in faces:
        group = int(material.groups[face])
        name = os.path.basename(material.photos[material.photo[face]])
        stem, extension = os.path.splitext(name)
        rows.append(
            {
                "group": folders[group],
                "cluster": b"%d" % group,
                "photo": stem,
                "face": b"%d" % in_photo[face],
                "number": b"%d" % in_group[face],
                "ext": b"png" if extension.lower() == b".png" else b"jpg",
            }
        )
    return rows
