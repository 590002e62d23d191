"""Re-clustering and the plan that waits: routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.api.query import ApiRoute, Query
from facewatchd.api.shapes import INT, NUMBER, TEXT, TRUTH, list_of, maybe, one_of, shape

if TYPE_CHECKING:
    from facewatchd.api.query import Control

_CHANGE = shape(
    kind=one_of("join", "new", "leave", "merge", "split", "move"),
    source=maybe(TEXT),
    source_called=maybe(TEXT),
    target=maybe(TEXT),
    target_called=maybe(TEXT),
    new=maybe(INT),
    faces=INT,
)
_PLAN = shape(
    id=TEXT,
    made=NUMBER,
    churn=NUMBER,
    faces=INT,
    joins=INT,
    leaves=INT,
    moves=INT,
    merges=INT,
    splits=INT,
    new_people=INT,
    questions=INT,
    changes=list_of(_CHANGE),
)
_APPLIED = shape(id=TEXT, moves=INT, dropped=list_of(INT), again=TRUTH)
_WHICH = {"plan": {"type": "string", "default": ""}}


def _recluster(control: Control, query: Query) -> dict[str, Any]:
    control.recluster(dry=query.truth("dry_run"))
    return {}


def _drop(control: Control, query: Query) -> dict[str, Any]:
    control.drop_plan(query.text_or_none("plan"))
    return {}


PLANNING_ROUTES = (
    ApiRoute("POST", "/v1/recluster", "Cluster everything anew now, or for a plan that waits",
             shape(), _recluster, {"dry_run": {**TRUTH, "default": False}}),
    ApiRoute("GET", "/v1/plan", "The plan that waits", _PLAN,
             lambda control, _: control.plan(), {}),
    ApiRoute("POST", "/v1/plan/apply", "Do what the plan says, but for what has changed since",
             _APPLIED, lambda control, query: control.apply_plan(query.text_or_none("plan")),
             _WHICH),
    ApiRoute("POST", "/v1/plan/drop", "Forget the plan", shape(), _drop, _WHICH),
)  # fmt: skip
