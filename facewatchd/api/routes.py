"""What can be asked of the daemon: one table of routes, from which the OpenAPI page is made."""

from __future__ import annotations

from typing import Any

from facewatchd.api.asking import ASKING_ROUTES
from facewatchd.api.backup import BACKUP_ROUTES
from facewatchd.api.events import EVENT_ROUTES
from facewatchd.api.forgetting import FORGETTING_ROUTES
from facewatchd.api.metrics import METRICS_ROUTES
from facewatchd.api.pausing import PAUSING_ROUTES
from facewatchd.api.planning import PLANNING_ROUTES
from facewatchd.api.query import ApiRoute, Control, Query
from facewatchd.api.reporting import REPORTING_ROUTES
from facewatchd.api.saying import SAYING_ROUTES
from facewatchd.api.shapes import (
    DOUBTFUL,
    ERROR,
    ESTIMATE,
    FAILED,
    FOUND,
    INT,
    LIMIT,
    PERSON,
    STATUS,
    TEXT,
    WHY,
    list_of,
    shape,
)

API_VERSION = "1"


def _scan(control: Control, query: Query) -> dict[str, Any]:
    control.scan(query.path_or_none("accept"))
    return {}


def _estimate(control: Control, query: Query) -> dict[str, Any]:
    control.estimate(query.text("engine"))
    return {}


def _switch(control: Control, query: Query) -> dict[str, Any]:
    control.switch_engine(query.text("engine"))
    return {}


def _pause(control: Control, _: Query) -> dict[str, Any]:
    control.pause_switch()
    return {}


def _resume(control: Control, query: Query) -> dict[str, Any]:
    control.resume_switch(query.words("without", ("failed", "rest")))
    return {}


def _abort(control: Control, _: Query) -> dict[str, Any]:
    control.abort_switch()
    return {}


ROUTES = (
    ApiRoute("GET", "/v1/status", "What the daemon is doing", STATUS,
             lambda control, _: control.status(), {}),
    ApiRoute("GET", "/v1/people", "Every person", list_of(PERSON),
             lambda control, _: control.people(), {}),
    ApiRoute("GET", "/v1/doubtful", "Doubtful faces with their candidates", list_of(DOUBTFUL),
             lambda control, query: control.doubtful(query.limit()), LIMIT),
    ApiRoute("GET", "/v1/errors", "Failed files with their reason", list_of(FAILED),
             lambda control, query: control.errors(query.limit()), LIMIT),
    ApiRoute("GET", "/v1/find", "Who is in a photo", FOUND,
             lambda control, query: control.find(query.path()), {"path": TEXT}),
    ApiRoute("POST", "/v1/retry", "Queue again what could not be read", shape(queued=INT),
             lambda control, _: {"queued": control.retry()}, {}),
    ApiRoute("GET", "/v1/why", "Why a file is, or is not, in a person's folder", WHY,
             lambda control, query: control.why(query.path()), {"path": TEXT}),
    ApiRoute("POST", "/v1/scan", "Walk over every root now, or accept what one has lost", shape(),
             _scan, {"accept": {"type": "string", "default": ""}}),
    ApiRoute("POST", "/v1/reload", "Read the configuration again, and go by it",
             shape(changed=list_of(TEXT)), lambda control, _: {"changed": control.reload()}, {}),
    *PAUSING_ROUTES,
    *PLANNING_ROUTES,
    ApiRoute("POST", "/v1/engine/estimate", "Measure what another engine would take", shape(),
             _estimate, {"engine": TEXT}),
    ApiRoute("GET", "/v1/engine/estimate", "What another engine would take", ESTIMATE,
             lambda control, _: control.estimated(), {}),
    ApiRoute("POST", "/v1/engine/switch", "Go over to another engine", shape(),
             _switch, {"engine": TEXT}),
    ApiRoute("POST", "/v1/engine/pause", "Halt the switch of the engine", shape(), _pause, {}),
    ApiRoute("POST", "/v1/engine/resume", "Go on with the switch", shape(), _resume,
             {"without": {"type": "string", "pattern": "^((failed|rest)(,(failed|rest))*)?$",
                          "default": ""}}),
    ApiRoute("POST", "/v1/engine/abort", "Drop the switch and what it found", shape(), _abort, {}),
    *SAYING_ROUTES,
    *ASKING_ROUTES,
    *BACKUP_ROUTES,
    *FORGETTING_ROUTES,
    *REPORTING_ROUTES,
    *METRICS_ROUTES,
    *EVENT_ROUTES,
    ApiRoute("GET", "/v1/openapi.json", "This description", {"type": "object"},
             lambda *_: openapi(), {}),
)  # fmt: skip


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of every route."""
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = {
            "summary": route.summary,
            "parameters": [
                {"name": name, "in": "query", "required": "default" not in schema, "schema": schema}
                for name, schema in route.parameters.items()
            ],
            "responses": {
                "200": {
                    "description": route.summary,
                    "content": {route.media_type: {"schema": route.result}},
                },
                "default": {
                    "description": "What failed, and the next step",
                    "content": {"application/json": {"schema": ERROR}},
                },
            },
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "facewatchd", "version": API_VERSION},
        "paths": paths,
    }
