"""Figures for Prometheus: the route that hands them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.api.query import ApiRoute, File

if TYPE_CHECKING:
    from facewatchd.api.query import Control, Query
    from facewatchd.api.shapes import Schema

MEDIA_TYPE = "text/plain; version=0.0.4"  # of Prometheus's text format; a charset follows
_TEXT: Schema = {"type": "string", "contentMediaType": MEDIA_TYPE}


def _metrics(control: Control, _: Query) -> File:
    return File(control.metrics(), MEDIA_TYPE)


METRICS_ROUTES = (
    ApiRoute("GET", "/v1/metrics", "Figures in Prometheus's text format", _TEXT, _metrics, {}),
)
