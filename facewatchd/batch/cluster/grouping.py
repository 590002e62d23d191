"""What is made of the faces that were read: groups, by the clusterer of the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from facewatchd import checked
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.grouping import MIN_SAMPLES
from facewatchd.reports.groups import NOBODY, centroids
from facewatchd.reports.material import Material
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings
    from facewatchd.model import EngineId
    from facewatchd.plugins import Scale


def faces_of(settings: Settings, engine: EngineId, scale: Scale) -> Material:
    """Return all faces in the store whose photos are there, none of them in a group."""
    with reading(settings.database) as store:
        photos, faces = list(store.everything.photos()), list(store.everything.faces())
    number = {photo.id: n for n, photo in enumerate(photos)}
    captured = [np.nan if photo.captured is None else photo.captured for photo in photos]
    encodings = np.frombuffer(b"".join(face.encoding for face in faces), dtype="<f4")
    return Material(
        photos=tuple(photo.path for photo in photos),
        captured=np.array(captured, dtype=np.float64),
        photo=np.array([number[face.photo] for face in faces], dtype=np.int64),
        boxes=np.array([face.box for face in faces], dtype=np.int64).reshape(-1, 4),
        quality=np.array([face.quality for face in faces], dtype=np.float64),
        groups=np.full(len(faces), NOBODY, dtype=np.int64),
        names=(),
        similarity=np.full(len(faces), np.nan),
        encodings=encodings.astype(np.float32).reshape(len(faces), scale.dimensions),
        engine=engine.encodings,
        scale=scale,
    )


def grouped(
    faces: Material,
    settings: Settings,
    names: str,
    min_samples: int | None,
    progress: Callable[[float], None],
) -> Material:
    """Return ``faces`` in groups, called by ``names`` with their number in the place of ``{}``.

    Those of too low a quality (``engine.min_quality``) are in none.  FacewatchError when there are
    fewer faces than clusters were asked for, PluginError when the clusterer fails.
    """
    clear = np.flatnonzero(faces.quality >= settings.engine.min_quality)
    _check_number(settings.recluster.options.get("clusters"), len(clear))
    groups = faces.groups.copy()
    groups[clear] = checked.labels(
        settings.recluster.clusterer,
        faces.encodings[clear],
        faces.photo[clear],
        options=settings.recluster.options,
        eps=faces.scale.eps,
        min_samples=MIN_SAMPLES if min_samples is None else min_samples,
        merge=faces.scale.merge,
        reach=faces.scale.distance_at(faces.scale.similarity),
        progress=progress,
    )
    count = int(groups.max(initial=NOBODY)) + 1
    called = tuple(names.replace("{}", str(number)) for number in range(count))
    found = replace(faces, groups=groups, names=called)
    return replace(found, similarity=_similarities(found))


def _similarities(found: Material) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return that of each face to the centroid of its group, NaN without one."""
    similarity = np.full(len(found.groups), np.nan)
    there = np.flatnonzero(found.groups != NOBODY)
    away = found.encodings[there] - centroids(found)[found.groups[there]]
    similarity[there] = found.scale.similarity_at(np.linalg.norm(away, axis=1))
    return similarity


def _check_number(clusters: object, faces: int) -> None:
    if isinstance(clusters, int) and clusters > faces:
        raise FacewatchError(
            f"{clusters:,} clusters were asked for, but there are only {faces:,} faces.",
            "Ask for fewer: --clusters N. What was read is kept.",
        )
