"""Writes a chosen set of reports, and says what it wrote."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

from facewatchd.errors import ConfigError, ReportError
from facewatchd.reports.crops import Crops
from facewatchd.reports.cutting import Limits, views
from facewatchd.reports.folder import Folder
from facewatchd.reports.index import Index, write_index
from facewatchd.reports.rows import JsonLines, Parquet
from facewatchd.reports.sheets import Montage, Thumbnails
from facewatchd.reports.similarities import Similarities
from facewatchd.reports.space import Space, SpacePage
from facewatchd.reports.tables import Clusters, Faces, Outliers
from facewatchd.reports.tree import CondensedTree
from facewatchd.reports.years import Years

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from facewatchd.reports.cutting import Unreadable
    from facewatchd.reports.folder import LeftOut, Made
    from facewatchd.reports.material import Material
    from facewatchd.reports.report import Maker, PictureReport, Report

REPORTS: dict[str, type[Any]] = {
    "clusters.csv": Clusters,
    "outliers.csv": Outliers,
    "faces.csv": Faces,
    "montages": Montage,
    "thumbnails": Thumbnails,
    "crops": Crops,
    "space": Space,
    "space_page": SpacePage,
    "similarities": Similarities,
    "years": Years,
    "condensed_tree": CondensedTree,
    "faces.parquet": Parquet,
    "faces.jsonl": JsonLines,
    "index": Index,
}


_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it: the files, in the order in which they were made; what could not be, and why.

    ``unreadable`` are photos whose faces are in no picture.
    """

    made: tuple[Made, ...]
    left_out: tuple[LeftOut, ...]
    unreadable: tuple[Unreadable, ...]


def report(
    name: str, options: Mapping[str, object] | None = None
) -> Report | PictureReport | Index:
    """Return the report called ``name`` in a preset, with its ``options``; ConfigError if wrong."""
    if name not in REPORTS:
        raise ConfigError(
            f"There is no report named {name!r}.", f"Name some of: {', '.join(REPORTS)}."
        )
    kind = REPORTS[name]
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for option, value in (options or {}).items():
        if option not in known:
            raise ConfigError(
                f"The report {name!r} has no option {option!r}.",
                f"It has: {', '.join(known) or 'none'}.",
            )
        try:
            TypeAdapter(hints[option]).validate_python(value, strict=True)
        except ValidationError as error:
            raise ConfigError(
                f"The report {name!r} cannot have the {option} {value!r}.",
                f"{error.errors()[0]['msg']}.",
            ) from error
    return cast("Report | PictureReport | Index", kind(**(options or {})))


def write(
    material: Material,
    folder: bytes,
    wanted: Sequence[Report | PictureReport | Index],
    *,
    limits: Limits = _LIMITS,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    making: Callable[[bytes], None] = lambda _path: None,
) -> Written:
    """Make the ``wanted`` reports in ``folder``, which is there and the caller's, the index last.

    Files that are there under the same names are replaced.  ``progress`` is told how many steps are
    done and of how many; what it raises cancels the run, and only whole files are left.  ``making``
    is told the path of each file in ``folder`` before it is there, so that a list of all files
    never lacks one.  Photos that cannot be read are left out and named.  ReportError when a package
    is missing (before anything is made) or a file cannot be written.
    """
    check_installed(wanted)
    place = Folder(folder, making)
    plain = [each for each in wanted if not isinstance(each, Index | Montage | Crops)]
    pictures: list[PictureReport] = [each for each in wanted if isinstance(each, Montage | Crops)]
    sides = [each.sides(material) for each in pictures]
    most = np.max(sides, axis=0) if sides else np.zeros(len(material))
    photos = len(np.unique(material.photo[most > 0]))
    total, done = photos + len(wanted), 0
    progress(done, total)
    unreadable: list[Unreadable] = []
    with ExitStack() as scratch:
        makers: list[Maker] = [
            scratch.enter_context(each.maker(material, place)) for each in pictures
        ]
        for faces, view in views(material, most, limits, unreadable):
            for side, maker in zip(sides, makers, strict=True):
                for face in faces:
                    if view is not None and side[face] > 0:
                        maker.take(face, view)
            done += 1
            progress(done, total)
        for maker in makers:
            maker.finish()
            done += 1
            progress(done, total)
    for each in plain:
        cast("Report", each).write(material, place)
        done += 1
        progress(done, total)
    if any(isinstance(each, Index) for each in wanted):
        write_index(material, place, unreadable)
        progress(total, total)
    return Written(tuple(place.made), tuple(place.left_out), tuple(unreadable))


def check_installed(wanted: Sequence[Report | PictureReport | Index]) -> None:
    """Raise ReportError if a module that one of ``wanted`` imports is not installed."""
    needed = dict.fromkeys(module for each in wanted for module in each.needs)
    if missing := [module for module in needed if find_spec(module) is None]:
        raise ReportError(
            f"These reports need what is not installed: {', '.join(missing)}.",
            "Install it with: pip install 'facewatchd[reports]'",
        )
