"""What a detector, an encoder and a clusterer are, and how one is found by its name.

All three are found through entry points, the built-in ones too, so that a plugin is installed by
``pip install`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, cast

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.model import Box, Detection


@dataclass(frozen=True, slots=True)
class Scale:
    """An encoder's similarity scale.

    ``similarity`` is the threshold from which a face is given to a person, ``floor`` the one below
    which a person is not even a candidate; both are 1 - L2 distance.  ``eps`` and ``merge`` are L2
    distances: DBSCAN's radius, and the root of the mean squared distance up to which average
    linkage joins two groups.
    """

    dimensions: int
    similarity: float
    floor: float
    eps: float
    merge: float


class Detector(Protocol):
    """Finds faces.  Constructed once per worker process; construction may load weights."""

    name: str
    version: str

    def __init__(self, longest_side: int) -> None:
        """Scale pictures so that their longest side is about ``longest_side`` to look for faces."""
        ...

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the faces of an upright RGB picture (H, W, 3), in its own pixels."""
        ...


class Encoder(Protocol):
    """Turns faces into encodings.  ``scale`` belongs to the class, known without the weights."""

    name: str
    version: str
    scale: Scale

    def encode(self, pixels: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.float32]:
        """Return the encodings (n, D) of ``boxes`` in an upright RGB picture (H, W, 3)."""
        ...


def detector(name: str) -> type[Detector]:
    """Return the detector class registered as ``name``; PluginError if there is none."""
    return cast("type[Detector]", _load("facewatchd.detectors", "detector", name))


def encoder(name: str) -> type[Encoder]:
    """Return the encoder class registered as ``name``; PluginError if there is none."""
    return cast("type[Encoder]", _load("facewatchd.encoders", "encoder", name))


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
        return entry.load()
    except (ImportError, AttributeError) as cause:
        raise PluginError(
            f"The {kind} {entry.name!r} ({entry.value}) cannot be loaded: {cause}",
            "Install what it needs, or name another one in the configuration.",
        ) from cause
