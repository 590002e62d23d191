"""Forgetting for good: how much it would be, doing it, and what stays: routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.api.query import ApiRoute
from facewatchd.api.shapes import INT, TEXT, TRUTH, list_of, maybe, shape
from facewatchd.errors import ApiError
from facewatchd.pipeline.forgetting import What

if TYPE_CHECKING:
    from facewatchd.api.query import Control, Query

_NAMES = ("person", "photo", "face")
_MUCH = {
    "person": maybe(TEXT),
    "faces": INT,
    "photos": INT,
    "people": INT,
    "names": list_of(TEXT),
    "decisions": INT,
}
_WHAT = {name: {"type": "string", "default": ""} for name in _NAMES}


def _what(query: Query) -> What:
    given = [name for name in _NAMES if query.text_or_none(name) is not None]
    if len(given) != 1:
        raise ApiError(
            f"{len(given)} things are to be forgotten.", "Give one of person=, photo= and face=."
        )
    face = query.number("face") if given == ["face"] else None
    return What(query.text_or_none("person"), query.path_or_none("photo"), face)


def _forget(control: Control, query: Query) -> dict[str, Any]:
    return control.forget(_what(query))


FORGETTING_ROUTES = (
    ApiRoute("GET", "/v1/forget", "How much would be forgotten", shape(**_MUCH),
             lambda control, query: control.forgettable(_what(query)), _WHAT),
    ApiRoute("POST", "/v1/forget", "Forget a person, a photo or a face for good",
             shape(**_MUCH, number=INT), _forget, _WHAT),
    ApiRoute("GET", "/v1/forget/traces", "Whether all traces of what was forgotten are gone",
             shape(done=TRUTH, waits=maybe(TEXT), left=list_of(TEXT)),
             lambda control, _: control.traces(), {}),
)  # fmt: skip
