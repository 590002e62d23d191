"""The encodings in three dimensions, coloured by person: a plot, and a page to turn it around."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from facewatchd.reports import figures
from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import NOBODY, largest_first, shown_name
from facewatchd.reports.text import shown, shown_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facewatchd.reports.figures import Theme
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_DIMENSIONS = 3
_IN_LEGEND = 20
_APART_IN_PAGE = 100  # people with a colour and a switch of their own; a page bears no thousands
_FEWEST = 2  # faces, below which there is no direction to look along
_TOO_FEW = "It needs at least two faces."


def projected(encodings: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first three principal components of N > 1 encodings, and what each explains.

    The coordinates are (N, 3); the shares of all variance (3,) are 0 where faces are too few or too
    alike.  The sign of a component, which is arbitrary, is such that its largest weight is
    positive: the same faces give the same picture.
    """
    centred = encodings.astype(np.float64) - encodings.mean(axis=0, dtype=np.float64)
    # Eigenvectors of the small covariance: memory grows with N, not with N x D.
    values, vectors = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(-values, kind="stable")[:_DIMENSIONS]
    values, vectors = np.maximum(values, 0), vectors[:, order]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
    coordinates = np.zeros((len(encodings), _DIMENSIONS))
    shares = np.zeros(_DIMENSIONS)
    coordinates[:, : len(order)] = centred @ vectors
    shares[: len(order)] = values[order] / (values.sum() or 1.0)
    return coordinates, shares


@dataclass(frozen=True)
class Space:
    """``plots/space.png``: the largest groups each in a colour, faces in none in grey."""

    needs: ClassVar[tuple[str, ...]] = ("matplotlib",)

    def write(self, material: Material, folder: Folder) -> None:
        """Write the plot; leave it out for less than two faces."""
        if len(material) < _FEWEST:
            folder.leave_out("3-D plot", _TOO_FEW)
            return
        coordinates, shares = projected(material.encodings)

        def draw(figure: Figure, theme: Theme) -> None:
            _draw(figure, theme, material, coordinates, shares)

        says = (
            f"{len(material):,} faces in three dimensions, which hold {shares.sum():.0%} of all"
            " variance, coloured by person"
        )
        figures.save(folder, b"space", says, (8.5, 6.5), draw)


@dataclass(frozen=True)
class SpacePage:
    """``faces-3d.html``: the same to turn and zoom; without a network, its script is in it."""

    needs: ClassVar[tuple[str, ...]] = ("plotly",)

    def write(self, material: Material, folder: Folder) -> None:
        """Write the page; leave it out for less than two faces."""
        if len(material) < _FEWEST:
            folder.leave_out("3-D page", _TOO_FEW)
            return
        made = Made(b"faces-3d.html", Kind.PAGE, "All faces in three dimensions, to turn and zoom")
        folder.write(made, _page(material))


def _draw(
    figure: Figure,
    theme: Theme,
    material: Material,
    coordinates: NDArray[np.float64],
    shares: NDArray[np.float64],
) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 - of the extra

    axes: Any = figure.add_subplot(projection="3d")
    colours = np.full(len(material), theme.nobody)
    handles, labels = [], []
    for place, (group, faces) in enumerate(largest_first(material)):
        colours[faces] = colour = theme.nobody if group == NOBODY else _colour(place)
        if place < _IN_LEGEND or group == NOBODY:
            handles.append(Line2D([], [], color=colour, marker="o", linestyle=""))
            labels.append(figures.label(shown_name(material, group)))
    size = float(np.clip(6000 / len(material), 3, 24))
    axes.scatter(*coordinates.T, s=size, c=colours, depthshade=False, linewidths=0)
    for axis, share, number in zip(
        (axes.xaxis, axes.yaxis, axes.zaxis), shares, (1, 2, 3), strict=True
    ):
        axis.set_label_text(f"component {number} ({share:.0%})")
        axis.set_pane_color(theme.paper)
        axis.set_ticklabels([])
        axis._axinfo["grid"]["color"] = theme.guide  # noqa: SLF001 - there is no public way
    figure.suptitle(f"{len(material):,} faces by similarity", x=0.02, ha="left")
    axes.set_box_aspect(None, zoom=0.92)
    figure.legend(handles, labels, loc="outside right upper", markerscale=0.8)


def _colour(place: int) -> str:
    return figures.COLOURS[place % len(figures.COLOURS)]


def _page(material: Material) -> str:
    import plotly.graph_objects as go  # noqa: PLC0415 - of the extra, and slow to import
    import plotly.io  # noqa: PLC0415

    coordinates, shares = projected(material.encodings)
    coordinates = coordinates.round(4)
    photos = [html.escape(shown_path(os.path.basename(path))) for path in material.photos]
    traces = []
    for name, faces, colour in _traces(material):
        x, y, z = coordinates[faces].T.tolist()
        traces.append(
            go.Scatter3d(
                x=x,
                y=y,
                z=z,
                mode="markers",
                name=html.escape(shown(name)),  # plotly takes some tags for its own
                text=[photos[photo] for photo in material.photo[faces].tolist()],
                hovertemplate="%{text}<extra>%{fullData.name}</extra>",
                marker={"size": 3.5, "color": colour},
            )
        )
    figure = go.Figure(traces, {"template": "none", **_LOOKS, "scene": _axes(shares)})
    plot: str = plotly.io.to_html(
        figure,
        config={"displayModeBar": False, "responsive": True},
        include_plotlyjs=True,
        full_html=False,
        div_id="faces",  # else random
        default_height="100%",
    )
    return _HEAD + plot + _FOOT


def _traces(material: Material) -> Iterator[tuple[str, NDArray[np.int64], str]]:
    """Yield name, faces and colour of what can be switched on and off."""
    ordered = largest_first(material)
    people = [entry for entry in ordered if entry[0] != NOBODY]
    for place, (group, faces) in enumerate(people[:_APART_IN_PAGE]):
        yield material.names[group], faces, _colour(place)
    if others := people[_APART_IN_PAGE:]:
        yield f"{len(others):,} others", np.concatenate([f for _, f in others]), _OTHERS
    if len(people) < len(ordered):
        yield material.nobody, ordered[-1][1], figures.LIGHT.nobody


def _axes(shares: NDArray[np.float64]) -> dict[str, Any]:
    return {
        f"{axis}axis": {
            "title": {"text": f"component {number + 1} ({shares[number]:.0%})"},
            "showticklabels": False,
            "gridcolor": _GUIDE,
            "zeroline": False,
        }
        for number, axis in enumerate("xyz")
    }


_OTHERS = "#6b7f99"
_GUIDE = "rgba(128,128,140,0.4)"
# In between, so that it can be read on a light page and on a dark one.
_LOOKS = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "font": {"color": "#80808c", "family": "system-ui, sans-serif"},
    "legend": {"itemsizing": "constant"},
    "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
}
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Faces in three dimensions</title>
<style>
html, body { height: 100%; margin: 0; background: Canvas; color: CanvasText; \
font-family: system-ui, sans-serif }
body { display: flex; flex-direction: column }
p { margin: .6rem 1rem }
body > div { flex: 1; min-height: 0 }
</style>
</head>
<body>
<p>Each dot is a face, and near dots are similar faces. Drag to turn, scroll to zoom, point at a \
dot for its photo, click a name to hide or show it, twice to see it alone.</p>
<noscript><p>This page draws with its own script, which your browser does not run.</p></noscript>
"""
_FOOT = """
</body>
</html>
"""
