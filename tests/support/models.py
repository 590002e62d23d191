"""Invented models of one file and of a pack."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from facewatchd.models.known import File, Licence, Model

if TYPE_CHECKING:
    from facewatchd.models.folder import Folder

DATA = bytes(range(256)) * 12_000  # 3 MB
LICENCE = Licence("none", "A test's.", "https://example.org/licence")


def file_of(name: str, data: bytes, *, cited: bool = True) -> File:
    return File(name, len(data), hashlib.sha256(data).hexdigest() if cited else None)


def single(data: bytes = DATA, *, cited: bool = True) -> Model:
    """Return a model of one file; without ``cited`` nobody states its checksum."""
    file = file_of("one.onnx", data, cited=cited)
    return Model(
        "one", "", "https://example.org/one.onnx", file, "X" * cited or None, (file,), LICENCE
    )


def silent(_have: int, _total: int | None) -> None:
    pass


def there(folder: Folder) -> dict[str, bytes]:
    """Return all files at and below the model folder."""
    paths = [path for path in folder.path.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in paths}
