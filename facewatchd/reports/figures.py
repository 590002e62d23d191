"""What all plots share: a light and a dark version, names as they are, and the same bytes again.

matplotlib draws without pyplot, which would keep figures of its own.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from facewatchd.reports.folder import Folder

_DPI = 150
_LONGEST_LABEL = 28  # characters
# Ten colours that people who see red and green alike tell apart by lightness and hue, after Okabe
# and Ito ("Color universal design", 2008) and Tol ("Colour schemes", 2021, "muted").
COLOURS = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
    "#999933",
    "#aa4499",
    "#44aa99",
    "#882255",
)
# Families that have letters which DejaVu Sans, matplotlib's own, lacks.
_FAMILIES = ("Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Zen Hei", "Noto Sans Devanagari")


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of a plot: paper, what is written, lines that only guide, faces in no group."""

    paper: str
    ink: str
    guide: str
    nobody: str


LIGHT = Theme(paper="#ffffff", ink="#1c1c1f", guide="#c9c9cf", nobody="#a3a3ab")
DARK = Theme(paper="#1b1b1f", ink="#e6e6ea", guide="#46464e", nobody="#6e6e78")


def save(
    folder: Folder,
    stem: bytes,
    says: str,
    size: tuple[float, float],
    draw: Callable[[Figure, Theme], None],
) -> None:
    """Write what ``draw`` draws as ``plots/STEM.png`` and ``plots/STEM-dark.png``.

    ``size`` is in inches; ``says`` is what somebody is told who does not see the plot.
    """
    import matplotlib as mpl  # noqa: PLC0415 - of the extra, which not every report needs
    from matplotlib.figure import Figure  # noqa: PLC0415

    light = b"plots/%s.png" % stem
    dark = b"plots/%s-dark.png" % stem
    for theme, made in (
        (LIGHT, Made(light, Kind.PLOT, says)),
        (DARK, Made(dark, Kind.DARK_PLOT, says, light=light)),
    ):
        with mpl.rc_context(_settings(theme)), warnings.catch_warnings():
            # A name in a script without an installed font is drawn as boxes; the page has it whole.
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            figure = Figure(size, layout="constrained")
            draw(figure, theme)
            with folder.new(made) as file:
                # Without the library's version, which would change the bytes.
                figure.savefig(file, format="png", metadata={"Software": None})


def label(name: str) -> str:
    """Return a person's name as it stands in a plot: one line, and not too long."""
    text = shown(name)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def _settings(theme: Theme) -> dict[Any, Any]:
    from matplotlib import font_manager  # noqa: PLC0415 - of the extra

    there = set(font_manager.get_font_names())
    return {
        "figure.dpi": _DPI,
        "savefig.dpi": _DPI,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.guide,
        "axes.labelcolor": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 12,
        "text.color": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "legend.frameon": False,
        "font.family": ["DejaVu Sans", *(name for name in _FAMILIES if name in there)],
        "font.size": 9,
        # A name may hold a dollar sign, and no name is a formula.
        "text.usetex": False,
        "text.parse_math": False,
    }
