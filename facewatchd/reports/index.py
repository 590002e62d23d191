"""``index.html``: one page that shows everything that was made, without a script or a network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, StrictUndefined, Template

from facewatchd.reports.folder import Kind, Made
from facewatchd.reports.groups import NOBODY, largest_first, shown_name
from facewatchd.reports.text import shown, shown_path
from facewatchd.reports.years import years_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from facewatchd.reports.cutting import Unreadable
    from facewatchd.reports.folder import Folder
    from facewatchd.reports.material import Material

_INDEX = Made(b"index.html", Kind.INDEX, "All reports on one page")


@dataclass(frozen=True)
class Index:
    """The page; it is made last, and shows what the same run made."""

    needs: ClassVar[tuple[str, ...]] = ()


class _Link(NamedTuple):
    href: str
    name: str
    says: str
    size: int  # bytes


class _Plot(NamedTuple):
    light: str
    dark: str
    says: str


class _Card(NamedTuple):
    """A group: its name, numbers in words, and its pictures, None where there is none."""

    name: str
    faces: int
    photos: int
    years: str
    montage: str | None
    thumbnails: str | None
    is_group: bool


def write_index(material: Material, folder: Folder, unreadable: Sequence[Unreadable]) -> None:
    """Write the page of all that was made in ``folder`` so far."""
    made = folder.made
    crops = [each for each in made if each.kind is Kind.CROP]
    page = _template().render(
        faces=len(material),
        photos=len(material.photos),
        groups=len({*material.groups.tolist()} - {NOBODY}),
        outliers=int((material.groups == NOBODY).sum()),
        engine=shown(material.engine),
        plots=_plots(made),
        cards=_cards(material, made),
        tables=[_link(folder, each) for each in made if each.kind is Kind.TABLE],
        pages=[_link(folder, each) for each in made if each.kind is Kind.PAGE],
        crops=len(crops),
        crops_in=_href(os.path.dirname(crops[0].path) + b"/") if crops else "",
        left_out=folder.left_out,
        unreadable=[(shown_path(each.photo), shown(each.reason)) for each in unreadable],
    )
    folder.write(_INDEX, page)


def _template() -> Template:
    text = files("facewatchd.reports").joinpath("index.html.j2").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)


def _plots(made: Sequence[Made]) -> list[_Plot]:
    dark = {each.light: each.path for each in made if each.kind is Kind.DARK_PLOT}
    return [
        _Plot(_href(each.path), _href(dark[each.path]), shown(each.says))
        for each in made
        if each.kind is Kind.PLOT
    ]


def _cards(material: Material, made: Sequence[Made]) -> list[_Card]:
    pictures = {(each.kind, each.group): _href(each.path) for each in made}
    years = years_of(material.captured)
    return [
        _Card(
            name=shown(shown_name(material, group)),
            faces=len(faces),
            photos=len(np.unique(material.photo[faces])),
            years=_span(years[material.photo[faces]]),
            montage=pictures.get((Kind.MONTAGE, group)),
            thumbnails=pictures.get((Kind.THUMBNAILS, group)),
            is_group=group != NOBODY,
        )
        for group, faces in largest_first(material)
    ]


def _span(years: NDArray[np.int64]) -> str:
    known = years[years != 0]
    if not len(known):
        return ""
    first, last = int(known.min()), int(known.max())
    return str(first) if first == last else f"{first}–{last}"  # noqa: RUF001 - a range's dash


def _link(folder: Folder, made: Made) -> _Link:
    size = os.stat(os.path.join(folder.path, made.path)).st_size
    return _Link(_href(made.path), shown_path(made.path), made.says, size)


def _href(path: bytes) -> str:
    """Return a relative path as a URL: never one with a scheme, as a colon is quoted too."""
    return quote(path, safe="/")
