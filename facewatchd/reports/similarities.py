"""How similar faces are to their own person and to the nearest other one, and the thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facewatchd.reports import figures
from facewatchd.reports.groups import centroids

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facewatchd.reports.figures import Theme
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_AT_ONCE = 1 << 22  # distances that are in memory at once: 32 MB
_BINS = 60


def to_nearest_other(material: Material) -> NDArray[np.float64]:
    """Return the similarity of each face to the nearest centroid that is not its own group's.

    float64 (N,), NaN where there is no other group.
    """
    means = centroids(material)
    known = np.flatnonzero(~np.isnan(means).any(axis=1))
    nearest = np.full(len(material), np.inf)
    if len(known):
        squares = (means[known] ** 2).sum(axis=1)
        step = max(1, _AT_ONCE // len(known))
        for start in range(0, len(material), step):
            faces = material.encodings[start : start + step].astype(np.float64)
            distances = squares - 2 * (faces @ means[known].T)
            distances += (faces**2).sum(axis=1)[:, None]
            distances[material.groups[start : start + step, None] == known] = np.inf
            nearest[start : start + step] = distances.min(axis=1)
    nearest = np.sqrt(np.maximum(nearest, 0))
    similarity: NDArray[np.float64] = material.scale.similarity_at(nearest)
    return np.where(np.isinf(nearest), np.nan, similarity)


@dataclass(frozen=True)
class Similarities:
    """``plots/similarities.png``: two histograms, and the thresholds of the engine's scale."""

    needs: ClassVar[tuple[str, ...]] = ("matplotlib",)

    def write(self, material: Material, folder: Folder) -> None:
        """Write the plot; leave it out where no face is in a group."""
        own = material.similarity[~np.isnan(material.similarity)]
        if not len(own):
            folder.leave_out("histogram of similarities", "No face is in a group.")
            return
        other = to_nearest_other(material)
        other = other[~np.isnan(other)]

        def draw(figure: Figure, theme: Theme) -> None:
            _draw(figure, theme, material, own, other)

        above = (own >= material.scale.similarity).mean()
        says = (
            f"Similarity of {len(own):,} faces to their person: {above:.0%} reach the threshold of"
            f" {material.scale.similarity:.2f}, the median is {np.median(own):.2f}"
        )
        figures.save(folder, b"similarities", says, (8.5, 4.2), draw)


def _draw(
    figure: Figure,
    theme: Theme,
    material: Material,
    own: NDArray[np.float64],
    other: NDArray[np.float64],
) -> None:
    axes = figure.add_subplot()
    scale = material.scale
    shown = np.concatenate([own, other, [scale.floor, scale.similarity]])
    bins = np.linspace(shown.min(), shown.max() + 1e-6, _BINS + 1).tolist()
    axes.hist(own, bins, color=figures.COLOURS[0], alpha=0.8, label="to their own person")
    if len(other):
        axes.hist(other, bins, color=figures.COLOURS[1], alpha=0.6, label="to the nearest other")
    for at, words, line in (
        (scale.similarity, f"given to a person from {scale.similarity:.2f}", "-"),
        (scale.floor, f"a candidate from {scale.floor:.2f}", ":"),
        (float(scale.similarity_at(scale.eps)), f"DBSCAN's radius {scale.eps:.2f}", "--"),
    ):
        axes.axvline(at, color=theme.ink, linestyle=line, linewidth=1, label=words)
    axes.set_xlabel(f"similarity ({scale.metric}, {figures.label(material.engine)})")
    axes.set_ylabel("faces")
    axes.set_title("How similar faces are")
    figure.legend(loc="outside right upper")
