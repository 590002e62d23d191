"""Backups: the route that makes one, and what the status says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.api.query import ApiRoute, Query
from facewatchd.api.shapes import TEXT, TRUTH, shape

if TYPE_CHECKING:
    from facewatchd.api.query import Control


def _back_up(control: Control, query: Query) -> dict[str, Any]:
    control.back_up(query.path(), force=query.truth("force"))
    return {}


BACKUP_ROUTES = (
    ApiRoute("POST", "/v1/backup", "Begin to copy the store to a file; the status tells the end",
             shape(), _back_up, {"path": TEXT, "force": {**TRUTH, "default": False}}),
)  # fmt: skip
