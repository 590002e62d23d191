"""Files of weights: are they what was recorded, and does ONNX Runtime load them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from facewatchd.doctor import probe
from facewatchd.doctor.finding import Finding
from facewatchd.models.folder import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.models.folder import Weights

_LOADING = 120.0  # seconds


def examine(file: Weights) -> Finding:
    """Compare ``file`` with its checksum and have it loaded in a process of its own."""
    about = file.about
    try:
        digest = sha256_of(file.path)
    except OSError as error:
        return Finding(about, *_unreadable(file, error))
    if file.sha256 is not None and digest != file.sha256:
        return Finding(
            about, "is damaged or another file: its SHA-256 is not the one that is known", file.mend
        )
    same = "is what it should be" if file.sha256 else f"has no known SHA-256 ({digest})"
    if file.path.suffix != ".onnx":
        return Finding(about, same)
    trouble = _trouble_to_load(file.path)
    if trouble is not None:
        return Finding(about, trouble, file.mend)
    return Finding(about, f"{same}, and loads")


def _unreadable(file: Weights, error: OSError) -> tuple[str, str]:
    """Say why a file cannot be read, and what to type."""
    match error:
        case FileNotFoundError():
            return "is missing", file.mend
        case IsADirectoryError():
            return "is a folder, not a model", f"mv {shlex.quote(str(file.path))} ELSEWHERE"
    return f"cannot be read: {error.strerror}", "Run this as its owner."


def _trouble_to_load(path: Path) -> str | None:
    try:
        return probe.ask(probe.model, path, patience=_LOADING)
    except probe.ProbeError as error:
        return f"a process that loads it {error}"
