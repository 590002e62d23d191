"""Clusterers by their names, as the daemon would run them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.libraries import Library, load
from bench.scoring import album, has_album
from facewatchd import checked
from facewatchd.clustering.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.libraries import Mask, Numbers
    from facewatchd.plugins import Scale

MIN_SAMPLES = 2
# What clusterers import when they run, here before the clock starts and memory is measured.
_IMPORTED = ("scipy.cluster.hierarchy", "scipy.sparse.csgraph", "sklearn.cluster", "threadpoolctl")


def cluster(algorithm: str, library: Library, scale: Scale, options: dict[str, Any]) -> Numbers:
    """Return the cluster of each face, int64 (N,), by ``algorithm``, -1 for none.

    K-Means has to be told how many clusters there are.  Unless ``options`` says it, it is told how
    many people are known in ``library``.  PluginError when the algorithm is not there, or fails.
    """
    if algorithm == "kmeans" and "clusters" not in options and (library.people >= 0).any():
        people = len(np.unique(library.people[library.people >= 0]))
        options = options | {"clusters": people}
    return checked.labels(
        algorithm,
        library.encodings,
        library.photos,
        eps=scale.eps,
        min_samples=MIN_SAMPLES,
        merge=scale.merge,
        reach=scale.distance_at(scale.similarity),
        options=options,
        progress=silent,
    )


def ready(
    path: Path, which: Mask, algorithm: str, scale: Scale, options: dict[str, Any]
) -> Callable[[], Numbers]:
    """Return the run of ``algorithm`` on the faces of ``path`` that ``which`` marks."""
    warm_up()
    library = load(path).some(which)
    return lambda: cluster(algorithm, library, scale, options)


def warm_up() -> None:
    """Import the libraries of the clusterers, and let BLAS take the memory that it keeps."""
    for name in _IMPORTED:
        import_module(name)
    square = np.ones((512, 512), dtype=np.float32)
    _ = square @ square


def settings_of(library: Library) -> dict[str, Mask]:
    """Return the faces of the settings of a fair test: ``all``, and ``album`` where there is one.

    In the album is also whoever of nobody known is in its photos: clustered, but not scored.
    """
    settings = {"all": np.ones(len(library.people), dtype=np.bool_)}
    if has_album(library.people):
        own = album(library.people)
        beside = (library.people < 0) & np.isin(library.photos, library.photos[own])
        settings["album"] = own | beside
    return settings
