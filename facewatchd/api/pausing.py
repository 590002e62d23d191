"""Putting all work off for a while: routes."""

from __future__ import annotations

from facewatchd.api.query import ApiRoute
from facewatchd.api.shapes import NUMBER, TEXT, maybe, shape

_PAUSED = shape(paused=maybe(TEXT), paused_until=maybe(NUMBER))


PAUSING_ROUTES = (
    ApiRoute("POST", "/v1/pause", "Read no photo and cluster nothing, for some time or until told",
             _PAUSED, lambda control, query: control.pause(query.duration_or_none("seconds")),
             {"seconds": {"type": "string", "default": ""}}),
    ApiRoute("POST", "/v1/resume", "Take the pause back",
             _PAUSED, lambda control, _: control.resume(), {}),
)  # fmt: skip
