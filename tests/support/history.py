"""Former versions of the program, out of the history of this checkout."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from tests.conftest import missing

_REPOSITORY = Path(__file__).resolve().parents[2]
_SCHEMA = "facewatchd/store/schema.py"


def before_migration(name: str, into: Path) -> Path:
    """Unpack the last version without the migration ``name``; return the folder to import from.

    While the migration is not committed, that is the newest one.
    """
    added = _git("log", "--format=%H", "--reverse", f"-S{name}", "--", _SCHEMA).split()
    commit = f"{added[0]}^" if added else "HEAD"
    archive = into / "former.tar"
    _git("archive", "--output", archive, commit, "facewatchd", "config")
    with tarfile.open(archive) as packed:
        packed.extractall(into, filter="data")
    return into


def _git(*arguments: str | Path) -> str:
    """Return what git says; where there is no history, the test cannot be."""
    ended = subprocess.run(
        ["git", *arguments], cwd=_REPOSITORY, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        missing(f"the history of the repository ({ended.stderr.strip()})")
    return ended.stdout
