"""``clusters.csv``, ``outliers.csv`` and ``faces.csv``: UTF-8, a header, a comma between cells.

How a path stands in a cell is told in ``text``.
"""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import NOBODY, numbers_in_photo
from facewatchd.reports.text import cell, path_cell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_COLUMNS = (
    *("photo", "face", "left", "top", "right", "bottom"),
    *("person", "similarity", "quality", "engine"),
)


@dataclass(frozen=True)
class Clusters:
    """A row a face: its photo, and the number of its cluster, -1 for none."""

    needs: ClassVar[tuple[str, ...]] = ()

    def write(self, material: Material, folder: Folder) -> None:
        """Write ``clusters.csv``."""
        photos = _photo_cells(material)
        made = Made(b"clusters.csv", Kind.TABLE, "The cluster of each face, -1 for none")
        rows = zip((photos[p] for p in material.photo), material.groups.tolist(), strict=True)
        _write(folder, made, ("photo", "cluster"), rows)


@dataclass(frozen=True)
class Outliers:
    """A row a face in no cluster: its photo, and its number among that photo's faces, from 0."""

    needs: ClassVar[tuple[str, ...]] = ()

    def write(self, material: Material, folder: Folder) -> None:
        """Write ``outliers.csv``."""
        photos, numbers = _photo_cells(material), numbers_in_photo(material)
        rows = [
            (photos[material.photo[face]], int(numbers[face]))
            for face in (material.groups == NOBODY).nonzero()[0]
        ]
        made = Made(b"outliers.csv", Kind.TABLE, "The faces that are in no cluster")
        _write(folder, made, ("photo", "face"), rows)


@dataclass(frozen=True)
class Faces:
    """A row a face: where it is, whose, how similar to that person, how well seen, by what engine.

    ``face`` is its number among those of its photo, from 0; left, top, right and bottom are pixels
    of the upright photo.  Person and similarity are empty for a face that nobody has.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def write(self, material: Material, folder: Folder) -> None:
        """Write ``faces.csv``."""
        photos, numbers = _photo_cells(material), numbers_in_photo(material).tolist()
        names, engine = [*(cell(name) for name in material.names), ""], cell(material.engine)
        rows = (
            (
                photos[photo],
                number,
                *box,
                names[group],
                _figure(similarity),
                _figure(quality),
                engine,
            )
            for photo, number, box, group, similarity, quality in zip(
                material.photo.tolist(),
                numbers,
                material.boxes.tolist(),
                material.groups.tolist(),
                material.similarity.tolist(),
                material.quality.tolist(),
                strict=True,
            )
        )
        made = Made(b"faces.csv", Kind.TABLE, "Each face: its box, person, similarity and quality")
        _write(folder, made, _COLUMNS, rows)


def _photo_cells(material: Material) -> list[str]:
    return [path_cell(path) for path in material.photos]


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def _write(
    folder: Folder, made: Made, header: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    with folder.new(made) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
