"""From PyTorch's file of weights to an ONNX model in its place; see `known.CONVERTIBLE`."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from facewatchd.errors import FacewatchError
from facewatchd.models.folder import sha256_of
from facewatchd.models.install import made_anew, put_in_place, write_record
from facewatchd.models.known import CONVERTIBLE
from facewatchd.models.torch_file import state_dict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facewatchd.models.folder import Folder
    from facewatchd.models.known import Convertible


def convert(source: Path, folder: Folder) -> Convertible:
    """Convert the weights in ``source`` and put the model into ``folder``; return what it is.

    Which network it is for is told by what is in the file.  FacewatchError when it is damaged or of
    no network that is known, or the model cannot be written.
    """
    tensors = state_dict(source)
    known = _told_by(tensors, source)
    model = known.convert(tensors, str(source))
    del tensors  # as large as the model
    folder.prepare()
    staging = folder.staging(known)
    try:
        with made_anew(staging):
            _write(staging / known.brought.place, model)
            put_in_place(known, folder, staging)
            digest = hashlib.sha256(model).hexdigest()
            write_record(folder.record(known), {known.brought.place: digest})
    except OSError as error:
        raise FacewatchError(
            f"{known.name} cannot be put into {folder.path}: {error.strerror}.",
            "Free space there, or run this as the user that the folder belongs to.",
        ) from error
    return known


def is_published(source: Path, known: Convertible) -> bool:
    """Whether ``source`` is, byte for byte, the file that is meant."""
    return sha256_of(source) == known.published.sha256


def _told_by(names: Iterable[str], source: Path) -> Convertible:
    here = set(names)
    for known in CONVERTIBLE:
        if known.sign in here:
            return known
    files = " and ".join(f"{known.published.name} ({known.name})" for known in CONVERTIBLE)
    raise FacewatchError(
        f"{source} holds the weights of another network.", f"These can be converted: {files}."
    )


def _write(path: Path, model: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(model)
        file.flush()
        os.fsync(file.fileno())
