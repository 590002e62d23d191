"""HDBSCAN's condensed tree: how clusters split as faces must be ever more similar.

Campello, Moulavi and Sander, "Density-Based Clustering Based on Hierarchical Density Estimates"
(2013); condensed and drawn as in McInnes and Healy, "Accelerated Hierarchical Density Based
Clustering" (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from facewatchd.clustering.hdbscan import Hdbscan
from facewatchd.errors import ConfigError
from facewatchd.reports import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from facewatchd.reports.figures import Theme
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_MOST_FACES = 10_000  # its time grows with the square of their number
_LEAST = 0.02  # of the axis, that an ellipse is high


@dataclass(frozen=True)
class CondensedTree:
    """``plots/condensed-tree.png``, with the clusters that are taken in ellipses.

    The options are those of the clusterer hdbscan, in the same meaning.  The tree is that of the
    encodings, whichever clusterer made the groups.
    """

    min_cluster_size: int = 3
    min_samples: int | None = None
    cluster_selection_method: Literal["eom", "leaf"] = "eom"
    allow_single_cluster: bool = False
    needs: ClassVar[tuple[str, ...]] = ("hdbscan", "matplotlib")

    def __post_init__(self) -> None:
        try:
            Hdbscan(
                self.min_cluster_size,
                self.min_samples,
                cluster_selection_method=self.cluster_selection_method,
                allow_single_cluster=self.allow_single_cluster,
            )
        except ValueError as error:
            raise ConfigError(
                f"The condensed tree cannot be made: {error}.",
                "Give it the options of the clusterer hdbscan.",
            ) from error

    def write(self, material: Material, folder: Folder) -> None:
        """Write the plot; leave it out for too few faces, or so many that it would take hours."""
        fewest = max(self.min_cluster_size, self.min_samples or 0, 2) + 1
        if len(material) < fewest:
            folder.leave_out("HDBSCAN's condensed tree", f"It needs at least {fewest} faces.")
            return
        if len(material) > _MOST_FACES:
            why = f"It is made of {_MOST_FACES:,} faces at most; there are {len(material):,}."
            folder.leave_out("HDBSCAN's condensed tree", why)
            return
        drawn = self._tree(material)
        taken = len(drawn["chosen"])

        def draw(figure: Figure, theme: Theme) -> None:
            _draw(figure, theme, drawn)

        says = (
            f"HDBSCAN's condensed tree of {len(material):,} faces; the {taken:,} clusters that last"
            " longest are marked"
        )
        figures.save(folder, b"condensed-tree", says, (8.5, 5.5), draw)

    def _tree(self, material: Material) -> dict[str, Any]:
        """Return what hdbscan says of the tree's bars and lines, and the bounds of the chosen."""
        import hdbscan  # noqa: PLC0415 - of the extra, and slow to import

        # This package does not count the face itself among its neighbours; scikit-learn does.
        samples = max(1, (self.min_samples or self.min_cluster_size) - 1)
        fitted = hdbscan.HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=samples,
            cluster_selection_method=self.cluster_selection_method,
            allow_single_cluster=self.allow_single_cluster,
            algorithm="prims_kdtree",
            approx_min_span_tree=False,
            core_dist_n_jobs=1,
        ).fit(material.encodings.astype(np.float64))
        tree = fitted.condensed_tree_
        data: dict[str, Any] = tree.get_plot_data()
        table = tree.to_numpy()
        single = table[table["child_size"] == 1]
        labels = fitted.labels_[single["child"]]
        # A cluster's own branch is the one nearest to the root that lost a face of it.
        chosen = [single["parent"][labels == label].min() for label in range(labels.max() + 1)]
        data["chosen"] = [data["cluster_bounds"][branch] for branch in chosen]
        return data


def _draw(figure: Figure, theme: Theme, tree: dict[str, Any]) -> None:
    from matplotlib import colormaps  # noqa: PLC0415 - of the extra
    from matplotlib.cm import ScalarMappable  # noqa: PLC0415
    from matplotlib.colors import ListedColormap, Normalize  # noqa: PLC0415
    from matplotlib.patches import Ellipse  # noqa: PLC0415

    axes = figure.add_subplot()
    bottoms, heights, widths = (
        np.asarray(tree[key], dtype=float) for key in ("bar_bottoms", "bar_tops", "bar_widths")
    )
    tops = bottoms + heights
    # Faces with equal encodings never part: their branch has no end.
    finite = tops[np.isfinite(tops)]
    end = float(finite.max()) * 1.05 if len(finite) else 1.0
    bottoms, tops = np.minimum(bottoms, end), np.minimum(tops, end)
    # Without its darkest part, which would be lost on dark paper.
    colours = ListedColormap(colormaps["viridis"](np.linspace(0.25, 1, 256)))
    sizes = ScalarMappable(Normalize(0, widths.max()), colours)
    axes.bar(
        tree["bar_centers"],
        tops - bottoms,
        bottom=bottoms,
        width=widths,
        color=sizes.to_rgba(widths),
        linewidth=0,
    )
    for xs, ys in zip(tree["line_xs"], tree["line_ys"], strict=True):
        axes.plot(xs, np.minimum(ys, end), color=theme.ink, linewidth=0.8)
    for left, right, bottom, top in tree["chosen"]:
        high = max(min(top, end) - min(bottom, end), _LEAST * end)
        centre = ((left + right) / 2, (min(bottom, end) + min(top, end)) / 2)
        axes.add_patch(
            Ellipse(centre, 2 * (right - left), 1.2 * high, fill=False, color=figures.COLOURS[4])
        )
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    axes.set_ylabel("density (1 / distance)")
    axes.set_title("HDBSCAN's condensed tree")
    figure.colorbar(sizes, ax=axes, label="faces")
