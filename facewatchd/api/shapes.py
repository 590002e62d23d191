"""The shapes of the API's answers, as JSON schemas.

Times are seconds since 1970, boxes left, top, right, bottom in pixels of the upright original.
"""

from __future__ import annotations

from typing import Any

from facewatchd.pipeline.live import STATES
from facewatchd.pipeline.root import ROOT_STATES

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
INT: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}


def maybe(schema: Schema) -> Schema:
    """Return the schema of ``schema`` or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(items: Schema) -> Schema:
    """Return the schema of an array of ``items``."""
    return {"type": "array", "items": items}


def one_of(*words: str) -> Schema:
    """Return the schema of one of ``words``."""
    return {"type": "string", "enum": list(words)}


def shape(**fields: Schema) -> Schema:
    """Return the schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


_BOX = {**list_of(INT), "minItems": 4, "maxItems": 4}
_CANDIDATES = list_of(shape(person=TEXT, name=maybe(TEXT), folder=maybe(TEXT), similarity=NUMBER))
_SAID = maybe(one_of("confirmed", "added", "ignored"))
_ROOT = shape(
    path=TEXT,
    state=one_of(*ROOT_STATES),
    scanning=TRUTH,
    reason=maybe(TEXT),
    file_system=TEXT,
    vanished=INT,
    unwatched=list_of(TEXT),
    unwatched_count=INT,
    ignored=list_of(shape(rule=TEXT, files=INT)),
    files=INT,
    backlog=INT,
)
_RECLUSTER = shape(
    running=TRUTH,
    runs=INT,
    error=maybe(TEXT),
    last=maybe(NUMBER),
    last_seconds=maybe(NUMBER),
    next=maybe(NUMBER),
    paused=maybe(TEXT),
    paused_until=maybe(NUMBER),
    new_faces=INT,
    plan=maybe(shape(id=TEXT, made=NUMBER, churn=NUMBER, moves=INT)),
)
_SWITCH = shape(
    to=TEXT,
    halted=maybe(TEXT),
    done=INT,
    total=INT,
    away=INT,
    waits_until=maybe(NUMBER),
    seconds_left=maybe(NUMBER),
)
_ENGINE = shape(
    name=TEXT,
    note=maybe(TEXT),
    waiting=INT,
    unreadable=INT,
    last=maybe(TEXT),
    switch=maybe(_SWITCH),
)
_COST = shape(
    photos=INT,
    unreachable=INT,
    measured=INT,
    seconds_a_photo=NUMBER,
    workers=INT,
    seconds=NUMBER,
    bytes=INT,
)
ESTIMATE = shape(engine=TEXT, estimate=maybe(_COST))
FAILED = shape(path=TEXT, reason=TEXT, tries=INT)
STATUS = shape(
    version=TEXT,
    api=INT,
    state=one_of(*STATES),
    pid=INT,
    started=NUMBER,
    time=NUMBER,
    roots=list_of(_ROOT),
    settling=INT,
    files=shape(pending=INT, done=INT, failed=INT, unsupported=INT),
    failures=list_of(shape(reason=TEXT, files=INT)),
    unsupported=list_of(shape(kind=TEXT, files=INT)),
    photos=INT,
    missing=INT,
    faces=INT,
    people=INT,
    folders=INT,
    doubtful=INT,
    recluster=_RECLUSTER,
    engine=_ENGINE,
    paused=maybe(TEXT),
    paused_until=maybe(NUMBER),
    rate=maybe(NUMBER),
    seconds_left=maybe(NUMBER),
    workers=INT,
    output=shape(
        path=TEXT,
        links=INT,
        conflicts=list_of(TEXT),
        error=maybe(TEXT),
        style=maybe(shape(way=TEXT, reason=TEXT)),
        copying=maybe(shape(files=INT, bytes=INT)),
        waiting=INT,
    ),
    first=maybe(
        shape(people=list_of(shape(person=TEXT, folder=maybe(TEXT), faces=INT)), share=NUMBER)
    ),
    questions=shape(faces=INT),
    journal=shape(decisions=INT, mended=list_of(TEXT), behind=list_of(TEXT)),
    backup=shape(last=maybe(NUMBER), path=maybe(TEXT), error=maybe(TEXT), running=TRUTH),
    store=shape(path=TEXT, error=maybe(TEXT), since=maybe(NUMBER)),
    lost=maybe(TEXT),
    lacking=INT,
    errors=list_of(FAILED),
)
PERSON = shape(
    id=TEXT,
    name=maybe(TEXT),
    hidden=TRUTH,
    folder=maybe(TEXT),
    faces=INT,
    photos=INT,
    first=maybe(NUMBER),
    last=maybe(NUMBER),
)
PERSON_IN_FULL = shape(
    id=TEXT,
    name=maybe(TEXT),
    folder=maybe(TEXT),
    hidden=TRUTH,
    kept=TRUTH,
    looks=INT,
    faces=INT,
    photos=INT,
    confirmed=INT,
    first=maybe(NUMBER),
    last=maybe(NUMBER),
    merged=list_of(TEXT),
)
FACE = shape(
    face=INT,
    photo=maybe(TEXT),
    box=_BOX,
    captured=NUMBER,
    quality=NUMBER,
    engine=TEXT,
    said=_SAID,
    person=maybe(TEXT),
    name=maybe(TEXT),
    folder=maybe(TEXT),
    similarity=maybe(NUMBER),
    candidates=_CANDIDATES,
)
DECISION = shape(
    number=INT,
    id=TEXT,
    at=NUMBER,
    kind=TEXT,
    origin=TEXT,
    person=maybe(TEXT),
    person_called=maybe(TEXT),
    other=maybe(TEXT),
    other_called=maybe(TEXT),
    name=maybe(TEXT),
    faces=INT,
    photos=INT,
    of=maybe(INT),
    inert=maybe(TEXT),
    over=maybe(INT),
)
DOUBTFUL = shape(face=INT, photo=TEXT, box=_BOX, quality=NUMBER, candidates=_CANDIDATES)
_SOMEBODY = shape(person=TEXT, name=maybe(TEXT), folder=maybe(TEXT), faces=INT, face=maybe(INT))
SUGGESTED = shape(number=INT, person=_SOMEBODY, other=_SOMEBODY)
SUGGESTION = shape(
    number=INT, person=_SOMEBODY, other=_SOMEBODY, similarity=NUMBER, settles=INT, chance=NUMBER
)
_QUESTION = shape(
    faces=list_of(shape(face=INT, photo=maybe(TEXT), box=_BOX)),
    person=maybe(_SOMEBODY),
    candidates=list_of(
        shape(
            person=TEXT,
            name=maybe(TEXT),
            folder=maybe(TEXT),
            faces=INT,
            face=maybe(INT),
            similarity=NUMBER,
        )
    ),
    similarity=NUMBER,
    margin=maybe(NUMBER),
)
QUESTIONS = shape(decision=INT, waiting=INT, faces=INT, questions=list_of(_QUESTION))
_SHARE = shape(hits=INT, of=INT, share=maybe(NUMBER), low=NUMBER, high=NUMBER)
CALIBRATION = shape(
    threshold=NUMBER,
    confirmed=INT,
    needed=INT,
    rows=list_of(
        shape(similarity=NUMBER, given=_SHARE, wrong=_SHARE, strangers=_SHARE, joined=_SHARE)
    ),
    aside=list_of(shape(faces=list_of(INT), similarity=NUMBER)),
    proposal=maybe(NUMBER),
    why=TEXT,
)
PHOTO = shape(photo=TEXT, path=TEXT, captured=NUMBER)
_FOUND_FACE = shape(
    face=INT,
    box=_BOX,
    quality=NUMBER,
    said=_SAID,
    person=maybe(TEXT),
    name=maybe(TEXT),
    hidden=TRUTH,
    folder=maybe(TEXT),
    similarity=maybe(NUMBER),
    candidates=_CANDIDATES,
)
FOUND = shape(
    path=TEXT,
    state=one_of("pending", "done", "failed", "unsupported"),
    reason=maybe(TEXT),
    kind=maybe(TEXT),
    tries=INT,
    photo=maybe(TEXT),
    paths=list_of(TEXT),
    captured=maybe(shape(at=NUMBER, source=one_of("exif", "name", "file"))),
    faces=list_of(_FOUND_FACE),
    links=list_of(TEXT),
)
VERDICTS = (
    "not in a root",
    "offline",
    "not there",
    "ignored",
    "unsupported",
    "settling",
    "waiting",
    "failed",
    "no face",
    "low quality",
    "doubtful",
    "no folder",
    "linked",
)
WHY = shape(path=TEXT, verdict=one_of(*VERDICTS), chain=list_of(TEXT))
ERROR = shape(error=shape(title=TEXT, remedy=TEXT, exit_code=INT))
LIMIT = {"limit": {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 100}}
