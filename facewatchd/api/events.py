"""What has happened: the route of the event stream, which answers at once or as soon as it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.api.query import ApiRoute, Early
from facewatchd.api.shapes import INT, LIMIT, NUMBER, TEXT, TRUTH, list_of, shape
from facewatchd.errors import ApiError

if TYPE_CHECKING:
    from facewatchd.api.query import Control, Query

LONGEST_WAIT = 300.0  # seconds

EVENT = shape(id=TEXT, at=NUMBER, kind=TEXT, facts={"type": "object"})
EVENTS = shape(library=TEXT, events=list_of(EVENT), next=TEXT, missed=INT, other=TRUTH)
_WAIT = {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0}


def _events(control: Control, query: Query) -> dict[str, Any] | Early:
    after, seconds = query.text_or_none("after"), query.time_or_none("wait") or 0.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ApiError(
            f"The parameter wait is {seconds:g}.", f"Give 0 to {LONGEST_WAIT:g} seconds."
        )
    found = control.events(after, query.limit())
    if after is None or found["events"] or found["missed"] or found["other"]:
        return found
    return Early(found, seconds)


EVENT_ROUTES = (
    ApiRoute("GET", "/v1/events", "What has happened since an event", EVENTS, _events,
             {"after": {**TEXT, "default": ""}, "wait": _WAIT, **LIMIT}, waits=True),
)  # fmt: skip
