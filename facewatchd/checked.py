"""What plugins do, checked where it enters: whatever goes wrong in one is a PluginError.

Their code is not ours.  What it raises becomes one sentence with its name, and what it returns is
believed only when it keeps to the protocol, so that nothing else can come into the store.
"""

from __future__ import annotations

import inspect
import math
import operator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from facewatchd import plugins
from facewatchd.errors import FacewatchError, PluginError
from facewatchd.model import Box, Detection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from facewatchd.model import Setup

_LONGEST = 1e-3  # by which the length of a unit vector in float32 may differ from 1
_POINTS = 5
_OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate memory")  # as ONNX Runtime says it
_REMEDY = "Report it to the author of the plugin, or name another one in the configuration."


class _BrokenPromiseError(Exception):
    """What a plugin returned is not what its protocol says."""


class _CancelledError(BaseException):
    """What the caller's progress raised, on its way through a plugin, which must not catch it."""


def detector(name: str, setup: Setup) -> plugins.Detector:
    """Return the detector registered as ``name``, constructed."""
    with _blaming("detector", name):
        return plugins.detector(name)(setup)


def encoder(name: str, setup: Setup) -> plugins.Encoder:
    """Return the encoder registered as ``name``, constructed."""
    with _blaming("encoder", name):
        return plugins.encoder(name)(setup)


def detections(detector: plugins.Detector, pixels: NDArray[np.uint8]) -> list[Detection]:
    """Return the faces that ``detector`` finds in an upright RGB picture (H, W, 3)."""
    with _blaming("detector", detector.name):
        found = detector.detect(pixels)
        return [_detection(each, pixels, points=detector.finds_points) for each in found]


def encodings(
    encoder: plugins.Encoder, pixels: NDArray[np.uint8], faces: Sequence[Detection]
) -> NDArray[np.float32]:
    """Return the encodings (n, D) of ``faces`` of an upright RGB picture (H, W, 3)."""
    with _blaming("encoder", encoder.name):
        found = encoder.encode(pixels, faces)
        shape = (len(faces), encoder.scale.dimensions)
        _check_array(found, np.float32, shape)
        if not np.isfinite(found).all():
            raise _BrokenPromiseError("an encoding that is not finite")
        lengths = np.linalg.norm(found, axis=1)
        if encoder.scale.metric == "cosine" and (np.abs(lengths - 1.0) > _LONGEST).any():
            raise _BrokenPromiseError("an encoding that is no unit vector, as its metric has it")
        return found


def clusterer(name: str, options: Mapping[str, Any]) -> plugins.Clusterer:
    """Return the clusterer registered as ``name``, constructed with ``options``.

    PluginError with the options that it knows when it cannot be constructed with these.
    """
    with _blaming("clusterer", name):
        kind = plugins.clusterer(name)
        try:
            inspect.signature(kind).bind(**options)
            return kind(**options)
        except (TypeError, ValueError) as cause:
            known = ", ".join(inspect.signature(kind).parameters) or "none"
            raise PluginError(
                f"The clusterer {name!r} cannot be used with these options: {cause}.",
                f"Change recluster.options in the configuration; this clusterer knows: {known}.",
            ) from cause


def labels(
    name: str,
    encodings: NDArray[np.float32],
    photos: NDArray[np.int64],
    *,
    options: Mapping[str, Any],
    progress: Callable[[float], None],
    **given: Any,
) -> NDArray[np.int64]:
    """Return the cluster of each face, as the clusterer ``name`` has it with ``options``.

    See `plugins.Clusterer.group`, which says what else is ``given``.  What ``progress`` raises to
    cancel the run is raised unchanged.
    """
    made = clusterer(name, options)
    remedy = f"Change recluster.options. {_REMEDY}" if options else _REMEDY

    def told(share: float) -> None:
        try:
            progress(share)
        except Exception as cause:
            raise _CancelledError(cause) from cause

    try:
        with _blaming("clusterer", name, remedy):
            found = made.group(encodings, photos, progress=told, **given)
            _check_array(found, np.int64, photos.shape)
            numbers = np.unique(found[found >= 0])
            if found.min(initial=-1) < -1 or not np.array_equal(numbers, np.arange(len(numbers))):
                raise _BrokenPromiseError("clusters that are not numbered from 0 without gaps")
            return found
    except _CancelledError as cancelled:
        raise cancelled.args[0] from None


@contextmanager
def _blaming(kind: str, name: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Say of whatever goes wrong here that the plugin ``name`` did it, and what to do.

    What it says of itself is left as it is said, and lack of memory is not its fault.
    """
    try:
        yield
    except (FacewatchError, MemoryError):
        raise
    except _BrokenPromiseError as broken:
        raise PluginError(
            f"The {kind} {name!r} does not keep to the plugins' protocol: it returned {broken}.",
            _REMEDY,
        ) from broken
    except Exception as cause:
        words = str(cause)
        if any(sign in words for sign in _OUT_OF_MEMORY):
            raise MemoryError(words) from cause
        said = f"{type(cause).__name__}: {words}" if words else type(cause).__name__
        raise PluginError(f"The {kind} {name!r} failed: {said}.", remedy) from cause


def _detection(found: object, pixels: NDArray[np.uint8], *, points: bool) -> Detection:
    if not isinstance(found, Detection):
        raise _BrokenPromiseError(f"{type(found).__name__} in the place of a Detection")
    height, width = pixels.shape[:2]
    try:
        box = Box(*(operator.index(edge) for edge in found.box))
    except TypeError as cause:
        raise _BrokenPromiseError(f"a box that is not four whole numbers: {found.box}") from cause
    if not (0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height):
        raise _BrokenPromiseError(
            f"a box that is empty or outside of the picture of {width} x {height}: {tuple(box)}"
        )
    if not 0.0 <= found.confidence <= 1.0:
        raise _BrokenPromiseError(f"a confidence that is not from 0 to 1: {found.confidence}")
    return Detection(box, float(found.confidence), _points(found) if points else None)


def _points(found: Detection) -> tuple[tuple[float, float], ...]:
    points = tuple((float(x), float(y)) for x, y in found.points or ())
    if len(points) != _POINTS or not all(math.isfinite(x + y) for x, y in points):
        raise _BrokenPromiseError(f"other than five points of a face: {found.points}")
    return points


def _check_array(found: object, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    if not isinstance(found, np.ndarray):
        raise _BrokenPromiseError(f"{type(found).__name__} in the place of an array")
    if found.dtype != dtype or found.shape != shape:
        wanted = f"{np.dtype(dtype)} {shape}"
        raise _BrokenPromiseError(f"{found.dtype} {found.shape} in the place of {wanted}")
