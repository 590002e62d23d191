"""Everything that a report is made of: the route that hands it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.api.query import ApiRoute, Stream

if TYPE_CHECKING:
    from facewatchd.api.query import Control, Query
    from facewatchd.api.shapes import Schema

MEDIA_TYPE = "application/jsonl"
_LINES: Schema = {"type": "string", "contentMediaType": MEDIA_TYPE}
_PEOPLE: Schema = {"type": "array", "items": {"type": "string"}, "default": []}


def _report(control: Control, query: Query) -> Stream:
    return Stream(control.report(query.texts("person")), MEDIA_TYPE)


REPORTING_ROUTES = (
    ApiRoute("GET", "/v1/report", "All faces with their encodings, as lines of JSON", _LINES,
             # By encodings people are recognised elsewhere, for life: not for who may only read.
             _report, {"person": _PEOPLE}, for_owners=True),
)  # fmt: skip
