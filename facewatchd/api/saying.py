"""What can be said to the daemon, and asked about people, faces and decisions: routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.api.query import ApiRoute, Query
from facewatchd.api.shapes import (
    DECISION,
    FACE,
    INT,
    LIMIT,
    PERSON_IN_FULL,
    PHOTO,
    TEXT,
    TRUTH,
    list_of,
    shape,
)
from facewatchd.errors import ApiError
from facewatchd.model import Box

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.api.query import Control
    from facewatchd.api.shapes import Schema
    from facewatchd.decisions import Decision
    from facewatchd.pipeline.saying import Saying

_EDGES = 4


def _say(
    route: str,
    summary: str,
    wish: Callable[[Saying, Query], Decision],
    /,
    **parameters: Schema,
) -> ApiRoute:
    def answer(control: Control, query: Query) -> dict[str, Any]:
        return control.say(lambda saying: wish(saying, query))

    return ApiRoute("POST", route, summary, DECISION, answer, parameters)


def _check_open(saying: Saying, query: Query) -> None:
    if query.text_or_none("since") is not None:
        saying.check_open(query.numbers("faces"), query.number("since"))


def _reject(saying: Saying, query: Query) -> Decision:
    _check_open(saying, query)
    return saying.reject(query.numbers("faces"), query.text_or_none("person"))


def _assign(saying: Saying, query: Query) -> Decision:
    _check_open(saying, query)
    new = query.text_or_none("new")
    if new is not None:
        return saying.assign_new(query.numbers("faces"), new, another=query.truth("another"))
    return saying.assign(query.numbers("faces"), query.text("person"))


def _ignore(saying: Saying, query: Query) -> Decision:
    below = query.text_or_none("unnamed_below")
    if below is not None:
        return saying.ignore_unnamed(query.number("unnamed_below"))
    _check_open(saying, query)
    return saying.ignore(query.numbers("faces"))


def _add_face(saying: Saying, query: Query) -> Decision:
    box = None if query.text_or_none("box") is None else _box(query.numbers("box"))
    return saying.add_face(query.path(), box, query.text("person"))


def _box(edges: list[int]) -> Box:
    if len(edges) != _EDGES:
        raise ApiError(
            f"A box has four edges, not {len(edges)}.", "Give left,top,right,bottom in pixels."
        )
    return Box(*edges)


_MAYBE = {"type": "string", "default": ""}
_FACES = {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"}
_FLAG = {**TRUTH, "default": False}

SAYING_ROUTES = (
    _say("/v1/people/name", "Call a person by a name, or without one by none",
         lambda saying, query: saying.name(
             query.text("person"), query.text_or_none("name"), another=query.truth("another")),
         person=TEXT, name=_MAYBE, another=_FLAG),
    _say("/v1/people/merge", "Say that another person is this one",
         lambda saying, query: saying.merge(
             query.text("person"), query.text("other"), query.text_or_none("name")),
         person=TEXT, other=TEXT, name=_MAYBE),
    _say("/v1/people/apart", "Say that two are not one person",
         lambda saying, query: saying.apart(query.text("person"), query.text("other")),
         person=TEXT, other=TEXT),
    _say("/v1/people/split", "Make a new person of some faces of one",
         lambda saying, query: saying.split(query.text("person"), query.numbers("faces")),
         person=TEXT, faces=_FACES),
    _say("/v1/people/confirm", "Say that all faces of a person are rightly there",
         lambda saying, query: saying.confirm(query.text("person")), person=TEXT),
    _say("/v1/people/hide", "Show a person nowhere",
         lambda saying, query: saying.hide(query.text("person")), person=TEXT),
    _say("/v1/people/unhide", "Show a person again",
         lambda saying, query: saying.unhide(query.text("person")), person=TEXT),
    _say("/v1/people/cover", "Choose the cover of a person",
         lambda saying, query: saying.cover(query.text("person"), query.number("face")),
         person=TEXT, face=INT),
    _say("/v1/faces/assign", "Say who faces are: a person, or somebody new by a name", _assign,
         faces=_FACES, person=_MAYBE, new=_MAYBE, another=_FLAG, since=_MAYBE),
    _say("/v1/faces/reject", "Say who faces are not; without a person: not whom they are with",
         _reject, faces=_FACES, person=_MAYBE, since=_MAYBE),
    _say("/v1/faces/ignore", "Say that faces are nobody's, or all of small unnamed people", _ignore,
         faces={**_FACES, "default": ""}, unnamed_below={**INT, "default": 0}, since=_MAYBE),
    _say("/v1/faces/add", "Say that a person is in a photo, at a box or without one", _add_face,
         path=TEXT, person=TEXT, box=_MAYBE),
    _say("/v1/undo", "Take back a decision, by default the last one",
         lambda saying, query: saying.undo(query.text_or_none("decision")), decision=_MAYBE),
    ApiRoute("GET", "/v1/decisions", "The last decisions, the newest first", list_of(DECISION),
             lambda control, query: control.telling.log(
                 query.limit(), query.number("first") if query.text_or_none("first") else 0),
             {**LIMIT, "first": {**INT, "default": 0}}),
    ApiRoute("GET", "/v1/people/unnamed", "How much /v1/faces/ignore?unnamed_below= ignores",
             shape(people=INT, faces=INT),
             lambda control, query: control.telling.unnamed(query.number("below")),
             {"below": INT}),
    ApiRoute("GET", "/v1/person", "All about one person", PERSON_IN_FULL,
             lambda control, query: control.telling.person(query.text("person")),
             {"person": TEXT}),
    ApiRoute("GET", "/v1/person/faces", "Faces of a person, the least similar first",
             list_of(FACE),
             lambda control, query: control.telling.faces_of(
                 query.text("person"), query.limit()),
             {"person": TEXT, **LIMIT}),
    ApiRoute("GET", "/v1/face", "All about one face", FACE,
             lambda control, query: control.telling.face(query.number("face")), {"face": INT}),
    ApiRoute("GET", "/v1/photos", "Photos with these people and without those", list_of(PHOTO),
             lambda control, query: control.telling.photos(
                 query.texts("with"), query.texts("without"),
                 query.time_or_none("since"), query.time_or_none("until")),
             {"with": _MAYBE, "without": _MAYBE, "since": _MAYBE, "until": _MAYBE}),
)  # fmt: skip
