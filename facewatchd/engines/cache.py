"""Keeps converted models, each under the hash of the file that it was made from.

Converting takes longer than loading what was converted, and every worker that starts would do it. A
kept file is a digest and what it is the digest of, so that a damaged one is noticed and made anew.
"""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import suppress
from functools import cache
from hashlib import blake2b, file_digest
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from facewatchd.engines.weights import intact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)
_DIGEST = 32
_LEFT_BEHIND = 3600.0  # seconds; nobody writes for so long


def converted(
    source: Path, kind: str, convert: Callable[[bytes], bytes], folder: Path | None
) -> bytes:
    """Return ``convert`` of the bytes of ``source``, from ``folder`` where it is kept.

    ``kind`` names what ``convert`` makes, and a number in it changes when that changes.  With None
    as ``folder`` nothing is kept; where it cannot be written, neither, and that is logged once.
    Raises what `intact` raises when it converts.
    """
    if folder is None:
        return convert(intact(source))
    kept = folder / f"{source.stem}-{_hash(source)}.{kind}"
    model = _read(kept)
    if model is None:
        model = convert(intact(source))
        try:
            _write(kept, model)
        except OSError as error:
            _say_once(folder, error.strerror or str(error))
    _tidy(kept, source.stem, kind)
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


def _tidy(kept: Path, stem: str, kind: str) -> None:
    """Remove what was made of other weights or by other versions, and what a kill left behind.

    At every start, not only after a write: what was killed a minute ago may still be written.
    """
    family = rf"{re.escape(stem)}-[0-9a-f]+\.{re.sub('[0-9]+', '[0-9]+', re.escape(kind))}"
    old, unfinished = re.compile(family), re.compile(rf"\.{family}\.[^.]+")
    with suppress(OSError):  # what cannot be removed takes space, and is tried again
        for path in list(kept.parent.iterdir()):
            left = unfinished.fullmatch(path.name) and _age(path) > _LEFT_BEHIND
            if left or (old.fullmatch(path.name) and path != kept):
                path.unlink(missing_ok=True)


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


@cache
def _say_once(folder: Path, reason: str) -> None:
    _log.warning(
        "Converted models cannot be kept in %s (%s); each worker converts them anew. "
        "Set engine.cache to a folder that can be written.",
        folder,
        reason,
    )
