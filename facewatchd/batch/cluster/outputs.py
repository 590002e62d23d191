"""What a run writes: folders of photos, and reports."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd import reports
from facewatchd.batch.cluster import folders
from facewatchd.clustering.progress import part
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.reports import Material

_FOLDERS = "folders"
_NOBODY = "nobody"  # the only option of folders
_CROPS = "crops"
_TREE = "condensed_tree"
_REPORTS = 0.9  # of the time that all takes: pictures are decoded once more


class Output(NamedTuple):
    """An entry of a preset's ``outputs``: ``folders``, or a report with its options."""

    name: str
    options: dict[str, Any]


class Written(NamedTuple):
    """Photos that were lost on the way, with reasons, and reports that were left out, likewise."""

    lost: dict[bytes, str]
    left_out: list[tuple[str, str]]


def output(entry: object) -> Output:
    """Return the output that an entry of a preset names; ValueError, in words, if it is none."""
    match entry:
        case str(name):
            found = Output(name, {})
        case dict() if len(entry) == 1:
            [(name, options)] = entry.items()
            found = Output(str(name), {} if options is None else options)
        case _:
            found = Output("", {})
    if not found.name or not isinstance(found.options, dict):
        raise ValueError("must be the name of an output, or NAME: {OPTION: VALUE}")
    if found.name == _FOLDERS:
        _check_folders(found.options)
        return found
    try:
        reports.report(*found)
    except FacewatchError as error:
        raise ValueError(f"{error.title} {error.remedy}") from error
    return found


def nobody(wanted: Sequence[Output]) -> str | None:
    """Return what the preset calls the faces in no group, if it has a folder for them."""
    named = (each.options.get(_NOBODY) for each in wanted if each.name == _FOLDERS)
    return next((name for name in named if name is not None), None)


def asked_for(
    outputs: Sequence[Output], settings: Settings, *, crops: bool | None
) -> tuple[Output, ...]:
    """Return ``outputs`` with crops, without, or (None) as the preset has it.

    The condensed tree is that of the clusterer, where that is hdbscan.  ReportError when a package
    is missing that one of them needs.
    """
    wanted = [each for each in outputs if crops is not False or each.name != _CROPS]
    if crops and not any(each.name == _CROPS for each in wanted):
        wanted.append(Output(_CROPS, {}))
    if settings.recluster.clusterer == "hdbscan":
        of_clusterer = settings.recluster.options
        wanted = [
            Output(name, of_clusterer | options if name == _TREE else options)
            for name, options in wanted
        ]
    reports.check_installed([reports.report(*each) for each in wanted if each.name != _FOLDERS])
    return tuple(wanted)


def write(
    wanted: Sequence[Output],
    material: Material,
    folder: Path,
    settings: Settings,
    *,
    copy: bool,
    progress: Callable[[float], None],
) -> Written:
    """Write what is ``wanted`` into ``folder``, which is moved to the output of ``settings``."""
    chosen = [reports.report(*each) for each in wanted if each.name != _FOLDERS]
    share = part(progress, 0.0, _REPORTS)
    limits = reports.Limits(settings.limits.file_mb, settings.limits.megapixels)
    made = reports.write(
        material,
        os.fsencode(folder),
        chosen,
        limits=limits,
        progress=lambda done, total: share(done / max(1, total)),
    )
    lost = {each.photo: each.reason for each in made.unreadable}
    for each in wanted:
        if each.name == _FOLDERS:
            missing = folders.write(
                material,
                folder,
                settings.output.path,
                nobody=each.options.get(_NOBODY) is not None,
                copy=copy,
                progress=part(progress, _REPORTS, 1.0),
            )
            lost |= dict(missing)
    return Written(lost, [(each.report, each.reason) for each in made.left_out])


def _check_folders(options: dict[str, Any]) -> None:
    for option, value in options.items():
        if option != _NOBODY:
            raise ValueError(f"folders has no option {option!r}; it has: {_NOBODY}")
        named = value is None or (isinstance(value, str) and value.strip("."))
        if not named or "/" in (value or ""):
            raise ValueError(f"nobody must be the name of a folder, or null, not {value!r}")
