"""Sheets of a group's faces, the best first: a montage of few, and thumbnails of many."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from PIL import Image

from facewatchd.errors import ConfigError
from facewatchd.reports.cutting import box_of
from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import (
    NOBODY,
    best_first,
    folder_of_groups,
    largest_first,
    shown_name,
)
from facewatchd.reports.naming import Pattern, picture_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from facewatchd.reports.cutting import View
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_FIELDS = ("group", "cluster")
_MARGIN = 0.2  # of the box, so that chin and hair are seen
_GAP = 4  # pixels between two faces
_PAPER = (24, 24, 27)  # dark, as faces stand out from it whatever the page's colours are
_KEPT = 95  # JPEG's quality, of faces that wait in scratch and of sheets
_LARGEST_SHEET = 16_000  # pixels a side; JPEG and WebP end at 65,535 and 16,383


@dataclass(frozen=True)
class Montage:
    """The best ``columns`` x ``rows`` faces of each group.

    It has the same size for every group, and is dark where a group has fewer.  ``side`` is that of
    a face in pixels.  ``at`` names the files, with the fields ``group`` (its folder name) and
    ``cluster`` (its number).  ``outliers``: of the faces in no group there is one too.
    """

    at: str = "montages/{group}.jpg"
    columns: int = 5
    rows: int = 5
    side: int = 128
    outliers: bool = False
    needs: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[Kind] = Kind.MONTAGE
    whole: ClassVar[bool] = True  # whether empty rows are drawn

    def __post_init__(self) -> None:
        Pattern(self.at, _FIELDS)
        fewest = min(self.columns, self.rows, self.side)
        if fewest < 1 or max(_size(self, self.rows)) > _LARGEST_SHEET:
            raise ConfigError(
                f"No sheet has {self.columns} x {self.rows} faces of {self.side} pixels.",
                f"Give at least 1 of each, and no more than {_LARGEST_SHEET:,} pixels a side.",
            )

    def sides(self, material: Material) -> NDArray[np.float64]:
        """Return the side of each face that is on a sheet."""
        sides = np.zeros(len(material))
        for _, faces in _chosen(self, material):
            sides[faces] = self.side
        return sides

    def maker(self, material: Material, folder: Folder) -> Sheets:
        """Return what makes the sheets."""
        return Sheets(self, material, folder)


@dataclass(frozen=True)
class Thumbnails(Montage):
    """The best ``columns`` x ``rows`` faces of each group and of the outliers, as many as it has.

    The options are those of a montage.
    """

    at: str = "thumbnails/{group}.jpg"
    columns: int = 10
    rows: int = 20
    side: int = 96
    outliers: bool = True
    kind: ClassVar[Kind] = Kind.THUMBNAILS
    whole: ClassVar[bool] = False


def _chosen(sheet: Montage, material: Material) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the groups that get a sheet, and the faces on it, the best first."""
    most = sheet.columns * sheet.rows
    return [
        (group, best_first(material, faces)[:most])
        for group, faces in largest_first(material)
        if group != NOBODY or sheet.outliers
    ]


class Sheets:
    """Keeps each face, small and compressed, in a scratch file until its sheet is made of them.

    So memory holds one sheet, however many people and faces there are.
    """

    def __init__(self, sheet: Montage, material: Material, folder: Folder) -> None:
        self._sheet = sheet
        self._material = material
        self._folder = folder
        self._pattern = Pattern(sheet.at, _FIELDS)
        self._scratch = _Scratch(folder.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.close()

    def take(self, face: int, view: View) -> None:
        """Keep ``face``."""
        self._scratch.keep(
            face, view.square(box_of(self._material, face), self._sheet.side, _MARGIN)
        )

    def finish(self) -> None:
        """Write the sheet of each group of which a face could be cut out."""
        chosen = _chosen(self._sheet, self._material)
        folders = folder_of_groups(self._material)
        fields = [{"group": folders[g], "cluster": b"%d" % g} for g, _ in chosen]
        for (group, faces), path in zip(chosen, self._pattern.names(fields), strict=True):
            there = [face for face in faces.tolist() if face in self._scratch]
            if there:
                self._write(group, there, path)

    def _write(self, group: int, faces: list[int], path: bytes) -> None:
        sheet, columns = self._sheet, self._sheet.columns
        rows = sheet.rows if sheet.whole else -(-len(faces) // columns)
        canvas = Image.new("RGB", _size(sheet, rows), _PAPER)
        step = sheet.side + _GAP
        for place, face in enumerate(faces):
            row, column = divmod(place, columns)
            canvas.paste(self._scratch.kept(face), (_GAP + column * step, _GAP + row * step))
        says = f"{shown_name(self._material, group)}: the best {len(faces)} faces"
        with self._folder.new(Made(path, sheet.kind, says, group)) as file:
            canvas.save(file, picture_format(path), quality=_KEPT)


def _size(sheet: Montage, rows: int) -> tuple[int, int]:
    step = sheet.side + _GAP
    return sheet.columns * step + _GAP, rows * step + _GAP


class _Scratch:
    """Small pictures in a file without a name, so that nothing is left of it whatever happens."""

    def __init__(self, folder: bytes) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - close() closes it
        self._places: dict[int, tuple[int, int]] = {}

    def close(self) -> None:
        self._file.close()

    def __contains__(self, face: int) -> bool:
        return face in self._places

    def keep(self, face: int, picture: Image.Image) -> None:
        packed = BytesIO()
        picture.save(packed, "JPEG", quality=_KEPT, subsampling=0)
        self._places[face] = (self._file.seek(0, os.SEEK_END), packed.tell())
        self._file.write(packed.getbuffer())

    def kept(self, face: int) -> Image.Image:
        start, length = self._places[face]
        self._file.seek(start)
        with Image.open(BytesIO(self._file.read(length))) as picture:
            return picture.copy()
