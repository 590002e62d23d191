"""What ``make install`` lays out, made once for all tests that need it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = Path("/usr/bin/python3")  # the system's: what a service can see
_PLACE = CHECKOUT / ".pytest_cache" / "installed"
_SOURCES = ("Makefile", "pyproject.toml", "install.lock", "facewatchd", "systemd", "config")


@contextmanager
def installed() -> Iterator[Path]:
    """Give a folder that stands for a system's ``/`` in which this checkout was installed.

    It takes a quarter of a minute, so it is done once for the sources as they are; while somebody
    uses the folder, a test run of changed sources, which has one of its own, does not remove it.
    """
    if not PYTHON.exists():
        missing(str(PYTHON))
    _PLACE.mkdir(parents=True, exist_ok=True)
    name = _fingerprint()
    folder = _PLACE / name
    with (_PLACE / "lock").open("w") as all_of_them, _lock_of(folder).open("w") as lock:
        fcntl.flock(all_of_them, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_SH)
        if not folder.exists():
            _install(folder.with_suffix(".part"))
            folder.with_suffix(".part").rename(folder)
            _remove_others(folder)
        fcntl.flock(all_of_them, fcntl.LOCK_UN)
        yield folder


def _fingerprint() -> str:
    """Return what tells these sources from others."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        top = CHECKOUT / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path}\0{path.stat().st_size}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _install(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was cut off
    done = subprocess.run(
        ["make", "--no-print-directory", "install", f"DESTDIR={folder}", f"PYTHON={PYTHON}"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _remove_others(folder: Path) -> None:
    for other in _PLACE.iterdir():
        if other.is_dir() and other != folder and _is_free(_lock_of(other)):
            shutil.rmtree(other)


def _lock_of(folder: Path) -> Path:
    return folder.with_suffix(".lock")


def _is_free(lock: Path) -> bool:
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
