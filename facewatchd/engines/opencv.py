"""What the engines that OpenCV runs have in common: the package, and their files of weights."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facewatchd.engines import listing
from facewatchd.engines.onnx_header import read_header
from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from facewatchd.engines.onnx_header import Header


def imported(engine: str) -> Any:
    """Return the module ``cv2``, with one thread; PluginError, for ``engine``, if it is missing."""
    try:
        import cv2  # noqa: PLC0415 - an extra, and only a worker should spend what loading it takes
    except ImportError as cause:
        raise PluginError(
            f"The {engine} needs OpenCV, which cannot be loaded: {cause}",
            "Install it: pip install 'facewatchd[opencv]'",
        ) from cause
    cv2.setNumThreads(1)  # the pool has one worker a core
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # its warnings tell nothing
    return cv2


def model(folder: Path, pattern: str, is_right: Callable[[Header], bool], engine: str) -> Path:
    """Return the last file by name in ``folder`` that fits ``pattern``.

    PluginError, for ``engine``, when there is none or none may be read, or it is damaged or not
    ``is_right``: OpenCV itself would crash, or say it in words that help nobody.
    """
    paths = listing.models(folder, pattern)
    if not paths:
        raise PluginError(
            f"The {engine} needs a file {pattern} in {folder} (engine.models).",
            "Fetch it. See: facewatchctl models list",
        )
    if not is_right(read_header(paths[-1])):
        raise PluginError(
            f"{paths[-1]} is no model for the {engine}.",
            "Fetch the right one. See: facewatchctl models list",
        )
    return paths[-1]


@contextmanager
def errors(path: Path) -> Iterator[None]:
    """Turn what OpenCV raises while it loads ``path`` into a PluginError."""
    import cv2  # noqa: PLC0415 - as above

    try:
        yield
    except cv2.error as cause:
        raise PluginError(
            f"The model {path} cannot be loaded: {cause}",
            "It may be damaged or of another kind. See: facewatchctl models check",
        ) from cause
