"""What can be asked of the daemon: one table of routes, from which the OpenAPI page is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

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
    Schema,
    list_of,
    shape,
)
from facewatchd.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

API_VERSION = "1"


class Control(Protocol):
    """What the API asks of the daemon; called from the API's threads, several at a time.

    The dicts have the shapes that ``/v1/openapi.json`` describes.
    """

    def status(self) -> dict[str, Any]:
        """Return what the daemon is doing."""
        ...

    def people(self) -> list[dict[str, Any]]:
        """Return every person."""
        ...

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` doubtful faces with their candidates."""
        ...

    def errors(self, limit: int) -> list[dict[str, Any]]:
        """Return up to ``limit`` failed files with their reason."""
        ...

    def find(self, path: bytes) -> dict[str, Any]:
        """Return who is in the photo at ``path``; NotFoundError if it is not known."""
        ...

    def retry(self) -> int:
        """Queue again what could not be read, and return how many there were."""
        ...

    def why(self, path: bytes) -> dict[str, Any]:
        """Return why the file at ``path`` is, or is not, in somebody's folder."""
        ...

    def scan(self, accept: bytes | None) -> None:
        """Ask for a walk over every root.

        With ``accept``: over that one, and what is missing there was deleted; NotFoundError if it
        is no root.
        """
        ...

    def recluster(self) -> None:
        """Ask for a re-clustering."""
        ...

    def estimate(self, engine: str) -> None:
        """Begin to measure what ``engine`` would take; ApiError if it is none to switch to."""
        ...

    def estimated(self) -> dict[str, Any]:
        """Return what was measured, without an estimate while that goes on."""
        ...

    def switch_engine(self, engine: str) -> None:
        """Begin to switch to ``engine``; ApiError if it was not tried, or another switch runs."""
        ...

    def pause_switch(self) -> None:
        """Halt the switch; this and the next two raise ApiError when there is none."""
        ...

    def resume_switch(self, without: Collection[str] = ()) -> None:
        """Go on with it; ``without`` "failed" photos, without the "rest" that is away, or both."""
        ...

    def abort_switch(self) -> None:
        """Drop it."""
        ...


class Query:
    """The parameters of one request."""

    def __init__(self, raw: bytes) -> None:
        text = raw.decode("utf-8", "surrogateescape")
        self._values = parse_qs(text, keep_blank_values=True, errors="surrogateescape")

    def path(self) -> bytes:
        """Return the parameter ``path`` as the bytes that it was before it was encoded."""
        if (path := self.path_or_none("path")) is None:
            raise ApiError("The parameter path is missing.", "Ask for /v1/find?path=PHOTO.")
        return path

    def path_or_none(self, name: str) -> bytes | None:
        """Return the parameter ``name`` likewise, or None if it is not there."""
        text = self._one(name)
        return text.encode("utf-8", "surrogateescape") if text else None

    def text(self, name: str) -> str:
        """Return the parameter ``name``."""
        if not (text := self._one(name)):
            raise ApiError(f"The parameter {name} is missing.", "See /v1/openapi.json.")
        return text

    def words(self, name: str, allowed: Collection[str]) -> list[str]:
        """Return the words of the parameter ``name``, with commas between, all of ``allowed``."""
        words = [word for word in (self._one(name) or "").split(",") if word]
        if not set(words) <= set(allowed):
            raise ApiError(
                f"The parameter {name} is {','.join(words)!r}.",
                f"Give one or more of {', '.join(allowed)}.",
            )
        return sorted(set(words))

    def limit(self) -> int:
        """Return the parameter ``limit``, 1 to 100,000, 100 by default."""
        text = self._one("limit") or "100"
        if text.isascii() and text.isdigit() and len(text) <= 6 and 1 <= int(text) <= 100_000:  # noqa: PLR2004 -- the range stands in the docstring and in the error
            return int(text)
        raise ApiError(f"The parameter limit is {text!r}.", "Give a whole number, 1 to 100000.")

    def _one(self, name: str) -> str | None:
        return self._values.get(name, [None])[-1]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One thing that can be asked; ``answer`` runs in a thread of its own."""

    method: str
    path: str
    summary: str
    result: Schema
    answer: Callable[[Control, Query], Any]
    parameters: dict[str, Schema]


def _scan(control: Control, query: Query) -> dict[str, Any]:
    control.scan(query.path_or_none("accept"))
    return {}


def _recluster(control: Control, _: Query) -> dict[str, Any]:
    control.recluster()
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
    ApiRoute("POST", "/v1/recluster", "Cluster everything anew now", shape(), _recluster, {}),
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
                    "content": {"application/json": {"schema": route.result}},
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
