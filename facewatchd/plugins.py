"""What a detector, an encoder and a clusterer are, and how one is found by its name.

All three are found through entry points, the built-in ones too, so that a plugin is installed by
``pip install`` alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from facewatchd.errors import FacewatchError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup

Number = TypeVar("Number", float, "NDArray[np.float64]")

_REPORT = "Report it to the author of the plugin, or name another one in the configuration."
PROTOCOL = 1  # the version of the protocols below; a plugin says for which it was written


@dataclass(frozen=True, slots=True)
class Scale:
    """An encoder's similarity scale.

    ``similarity`` is the threshold from which a face is given to a person, ``floor`` the one below
    which a person is not even a candidate.  With the ``metric`` euclidean both are 1 - L2 distance;
    with cosine, which is for unit vectors, both are the cosine, 1 - L2 distance squared / 2.
    Whatever the metric, ``eps`` is an L2 distance, DBSCAN's radius, and ``merge`` a distance of
    directions, which are encodings scaled to length 1: the root of the mean squared distance up to
    which average linkage joins two groups; at most 2.
    """

    dimensions: int
    similarity: float
    floor: float
    eps: float
    merge: float
    metric: Literal["euclidean", "cosine"] = "euclidean"

    def similarity_at(self, distance: Number) -> Number:
        """Return the similarity of faces whose encodings are ``distance`` (L2) apart."""
        if self.metric == "cosine":
            return 1.0 - distance * distance / 2.0
        return 1.0 - distance

    def distance_at(self, similarity: float) -> float:
        """Return the L2 distance at which faces have ``similarity``; no less than 0."""
        if self.metric == "cosine":
            return math.sqrt(max(0.0, 2.0 * (1.0 - similarity)))
        return max(0.0, 1.0 - similarity)


class Detector(Protocol):
    """Finds faces.  Constructed once per worker process; construction may load weights.

    ``finds_points``: its detections have five points.
    """

    protocol: int
    name: str
    version: str
    finds_points: bool

    def __init__(self, setup: Setup) -> None: ...

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        ...


class Encoder(Protocol):
    """Turns faces into encodings.  All attributes belong to the class, known without the weights.

    ``needs_points``: its detections must have five points.
    """

    protocol: int
    name: str
    version: str
    needs_points: bool
    scale: Scale

    def __init__(self, setup: Setup) -> None: ...

    def encode(self, pixels: NDArray[np.uint8], faces: Sequence[Detection]) -> NDArray[np.float32]:
        """Return the encodings (n, D) of ``faces`` of an upright RGB picture (H, W, 3)."""
        ...


class Clusterer(Protocol):
    """Puts the faces of a library into clusters.  Constructed for each run, in a process for it.

    All attributes belong to the class.  The options of the configuration (``recluster.options``)
    come as keyword arguments; construction raises TypeError or ValueError, in words for a user,
    when one cannot be used.  The daemon constructs it too, to see at its start that this works, so
    what is slow or large to import is imported in ``group``.
    """

    protocol: int
    name: str
    version: str

    def __init__(self, **options: Any) -> None: ...

    def group(
        self,
        encodings: NDArray[np.float32],
        photos: NDArray[np.int64],
        *,
        eps: float,
        min_samples: int,
        merge: float,
        reach: float,
        progress: Callable[[float], None],
    ) -> NDArray[np.int64]:
        """Return the cluster of each face, int64 (N,): numbers from 0 without gaps, -1 is none.

        A pure function of all faces: ``encodings`` (N, D), and ``photos`` (N,), which numbers the
        photo of each face.  A cluster may hold two faces of one photo; facewatchd then takes it
        apart, and joins its faces again by average linkage up to ``merge``.  For whoever has a use
        for them there are ``min_samples``, which is DBSCAN's, ``eps`` and ``merge`` of the
        encoder's scale, and ``reach``, the L2 distance of the similarity from which a face is given
        to a person.  ``progress`` may be called with the share that is done, from 0 to 1; a run is
        cancelled by what it raises, which must pass through.
        """
        ...


def detector(name: str) -> type[Detector]:
    """Return the detector class registered as ``name``; PluginError if there is none."""
    return cast("type[Detector]", _load("facewatchd.detectors", "detector", name))


def encoder(name: str) -> type[Encoder]:
    """Return the encoder class registered as ``name``; PluginError if there is none."""
    return cast("type[Encoder]", _load("facewatchd.encoders", "encoder", name))


def clusterer(name: str) -> type[Clusterer]:
    """Return the clusterer class registered as ``name``; PluginError if there is none."""
    return cast("type[Clusterer]", _load("facewatchd.clusterers", "clusterer", name))


def _load(group: str, kind: str, name: str) -> object:
    found = {entry.name: entry for entry in entry_points(group=group)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PluginError(
            f"There is no {kind} named {name!r}.",
            f"Installed ones: {known}. Name one of them in the configuration, or install a plugin.",
        )
    return _import(found[name], kind)


def _import(entry: EntryPoint, kind: str) -> object:
    try:
        found = entry.load()
    except Exception as cause:  # a plugin's own code runs here, and may raise anything
        raise PluginError(
            f"The {kind} {entry.name!r} ({entry.value}) cannot be loaded: {cause}",
            "Install what it needs, or name another one in the configuration.",
        ) from cause
    written_for = getattr(found, "protocol", None)
    if written_for != PROTOCOL:
        raise PluginError(
            f"The {kind} {entry.name!r} ({entry.value}) was written for version {written_for}"
            f" of the plugins' protocol; this facewatchd has version {PROTOCOL}.",
            "Install a version of the plugin that fits, or name another one in the configuration.",
        )
    lacks = [name for name, what in _NEEDED[kind].items() if not what(getattr(found, name, None))]
    if lacks:
        raise PluginError(
            f"The {kind} {entry.name!r} ({entry.value}) does not keep to the plugins' protocol:"
            f" its class has no {', no '.join(lacks)} of the right kind.",
            "Report it to the author of the plugin, or name another one in the configuration.",
        )
    return found


def _is(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


_NEEDED: dict[str, dict[str, Callable[[object], bool]]] = {
    "detector": {"name": _is(str), "finds_points": _is(bool), "detect": callable},
    "encoder": {
        "name": _is(str),
        "version": _is(str),
        "needs_points": _is(bool),
        "scale": _is(Scale),
        "encode": callable,
    },
    "clusterer": {"name": _is(str), "version": _is(str), "group": callable},
}


def identity(encoder: type[Encoder], setup: Setup) -> tuple[str, Scale]:
    """Return the version and the scale of ``encoder``, which may depend on the weights there are.

    An encoder whose weights the user brings says so by a class method ``identify`` that takes
    ``setup`` and returns both, without loading the weights; all others have them as attributes.
    """
    identify = getattr(encoder, "identify", lambda _: (encoder.version, encoder.scale))
    try:
        version, scale = identify(setup)
    except FacewatchError:
        raise
    except Exception as cause:  # a plugin's own code runs here, and may raise anything
        raise PluginError(
            f"The encoder {encoder.name!r} cannot say its version: {type(cause).__name__}: {cause}",
            _REPORT,
        ) from cause
    if not (isinstance(version, str) and isinstance(scale, Scale)) or "/" in version:
        raise PluginError(
            f"The encoder {encoder.name!r} says the version {version!r} and the scale {scale!r},"
            " which must be a text without a slash and a Scale.",
            _REPORT,
        )
    return version, scale


def check_together(detector: type[Detector], encoder: type[Encoder]) -> None:
    """Raise PluginError when ``encoder`` needs points that ``detector`` does not find."""
    if encoder.needs_points and not detector.finds_points:
        raise PluginError(
            f"The encoder {encoder.name!r} needs the eyes, nose and mouth of each face, which the"
            f" detector {detector.name!r} does not find.",
            "Name a detector that does in the configuration (engine.detector), like mtcnn.",
        )
