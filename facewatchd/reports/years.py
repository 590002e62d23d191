"""In how many photos of each year people are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from facewatchd.reports import figures
from facewatchd.reports.groups import NOBODY, largest_first

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from facewatchd.reports.figures import Theme
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_MOST_PEOPLE = 30
_MOST_YEARS = 60
_ROW = 0.3  # inches
_COLUMN = 0.42
_DARK_CELL = 0.55  # of the colour scale, from where its text is light


def years_of(captured: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the year of each date, seconds since 1970 as the camera showed it; 0 for NaN."""
    known = ~np.isnan(captured)
    years = np.zeros(len(captured), dtype=np.int64)
    dates = captured[known].astype("datetime64[s]").astype("datetime64[Y]")
    years[known] = dates.astype(np.int64) + 1970
    return years


def photos_by_year(
    material: Material,
) -> tuple[list[int], NDArray[np.int64], NDArray[np.int64]]:
    """Return groups, years and how many photos of each year each group is in, int64 (G, Y).

    The groups with most faces come first, 30 at most; the years are all from the first to the last,
    the newest 60 at most.
    """
    years = years_of(material.captured)[material.photo]
    seen = (years != 0) & (material.groups != NOBODY)
    if not seen.any():
        return [], np.empty(0, np.int64), np.empty((0, 0), np.int64)
    newest = int(years[seen].max())
    span = np.arange(max(int(years[seen].min()), newest - _MOST_YEARS + 1), newest + 1)
    shown = [group for group, _ in largest_first(material) if group != NOBODY][:_MOST_PEOPLE]
    counts = np.zeros((len(shown), len(span)), dtype=np.int64)
    row_of = {group: row for row, group in enumerate(shown)}
    # Of several faces of one group in a photo one counts.
    for group, photo in np.unique(
        np.column_stack([material.groups[seen], material.photo[seen]]), axis=0
    ).tolist():
        column = int(years_of(material.captured[photo : photo + 1])[0]) - int(span[0])
        if group in row_of and column >= 0:
            counts[row_of[group], column] += 1
    return shown, span, counts


@dataclass(frozen=True)
class Years:
    """``plots/years.png``: a row a person, a column a year, in each the number of photos."""

    needs: ClassVar[tuple[str, ...]] = ("matplotlib",)

    def write(self, material: Material, folder: Folder) -> None:
        """Write the plot; leave it out where no photo of a group has a date."""
        groups, years, counts = photos_by_year(material)
        if not groups:
            folder.leave_out("people over the years", "No photo of a person has a date.")
            return
        names = [figures.label(material.names[group]) for group in groups]

        def draw(figure: Figure, theme: Theme) -> None:
            _draw(figure, theme, names, years, counts)

        says = (
            f"In how many photos of each year, {years[0]} to {years[-1]}, each of {len(groups):,}"
            " people is"
        )
        size = (max(5.0, 2.5 + _COLUMN * len(years)), max(2.2, 1.3 + _ROW * len(groups)))
        figures.save(folder, b"years", says, size, draw)


def _draw(
    figure: Figure,
    theme: Theme,
    names: list[str],
    years: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415 - of the extra

    axes = figure.add_subplot()
    colours = LinearSegmentedColormap.from_list("photos", [theme.paper, figures.COLOURS[0]])
    most = counts.max()
    # By the root, or the one year with most photos would leave all others pale.
    axes.imshow(np.sqrt(counts), colours, aspect="auto", vmin=0, vmax=np.sqrt(most))
    for row, column in np.argwhere(counts).tolist():
        is_dark = np.sqrt(counts[row, column] / most) > _DARK_CELL
        axes.text(
            column,
            row,
            f"{counts[row, column]:,}",
            ha="center",
            va="center",
            fontsize=7,
            color="#ffffff" if is_dark else theme.ink,
        )
    axes.set_xticks(range(len(years)), [str(year) for year in years], rotation=45)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Photos of people over the years")
