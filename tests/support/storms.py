"""Very many files and folders at once, by several writers."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.pictures import noise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_WRITERS = 4


def nested(top: Path, width: int, depth: int) -> list[Path]:
    """Return ``top`` and the folders of a tree below it, none before the one that holds it."""
    folders = [top]
    layer = folders
    for _ in range(depth):
        layer = [folder / f"{number:03}" for folder in layer for number in range(width)]
        folders = folders + layer
    return folders


def fill(folders: Iterable[Path], files: int, content: Callable[[int], bytes] | None = None) -> int:
    """Make all ``folders`` with so many files in each, several writers at a time.

    Without ``content`` the files are empty notes, which the daemon enters and does not read.
    Returns how many files there are.
    """

    def make(folder: Path) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(files):
            if content is None:
                os.close(os.open(folder / f"{number:03}.txt", os.O_CREAT | os.O_WRONLY))
            else:
                (folder / f"{number:03}.jpg").write_bytes(content(number))
        return files

    with ThreadPoolExecutor(_WRITERS) as writers:
        return sum(writers.map(make, folders))


def storm(top: Path, number: int) -> None:
    """Make 900 files in 31 nested folders: a picture here and there, and notes."""
    folders = nested(top, 5, 2)
    fill(folders, 29)
    (top / "one more.txt").touch()
    picture = noise(10_000 + number)
    (folders[-1] / "picture.jpg").write_bytes(picture)


def below(top: Path) -> set[bytes]:
    """Return every regular file at or below ``top``."""
    return {
        os.path.join(folder, name)
        for folder, _, names in os.walk(os.fsencode(top))
        for name in names
    }
