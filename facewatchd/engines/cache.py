"""Keeps converted models, each under the hash of the file that it was made from.

Converting takes longer than loading what was converted, and every worker that starts would do it. A
kept file is a digest and what it is the digest of, so that a damaged one is noticed and made anew.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from hashlib import blake2b, file_digest
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)
_DIGEST = 32


def converted(
    source: Path, kind: str, convert: Callable[[bytes], bytes], folder: Path | None
) -> bytes:
    """Return ``convert`` of the bytes of ``source``, from ``folder`` where it is kept.

    ``kind`` names what ``convert`` makes and changes when that changes.  With None as ``folder``
    nothing is kept; where it cannot be written, neither, and that is logged once.
    """
    if folder is None:
        return convert(source.read_bytes())
    kept = folder / f"{source.stem}-{_hash(source)}.{kind}"
    model = _read(kept)
    if model is None:
        model = convert(source.read_bytes())
        try:
            _write(kept, model)
        except OSError as error:
            _say_once(folder, error.strerror or str(error))
    return model


def _hash(source: Path) -> str:
    with source.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _read(kept: Path) -> bytes | None:
    """Return what is kept; None when nothing is, or when it is damaged."""
    try:
        with kept.open("rb") as file:
            digest, model = file.read(_DIGEST), file.read()
    except OSError:  # not there, or not to be read: it is converted, which needs neither
        return None
    return model if blake2b(model, digest_size=_DIGEST).digest() == digest else None


def _write(kept: Path, model: bytes) -> None:
    """Write a file that is there as a whole or not at all, for nobody else to read."""
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=kept.parent, prefix=f".{kept.name}.", delete=False) as file:
        try:
            file.write(blake2b(model, digest_size=_DIGEST).digest())
            file.write(model)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, kept)
        except OSError:
            os.unlink(file.name)
            raise


@cache
def _say_once(folder: Path, reason: str) -> None:
    _log.warning(
        "Converted models cannot be kept in %s (%s); each worker converts them anew. "
        "Set engine.cache to a folder that can be written.",
        folder,
        reason,
    )
