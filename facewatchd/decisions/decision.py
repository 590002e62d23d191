"""One decision: something the user said, as a line of the journal.

A line is a JSON object of version 1, documented in docs/journal.md.  Faces are named by the hash of
their photo and by where they lie in it, people by their lasting id and by some of their faces, so
that a line means the same when faces were found again, by another engine or in a new store.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from facewatchd.errors import JournalError
from facewatchd.model import Box

VERSION = 1
_CORNERS = 4


class Kind(StrEnum):
    """What a decision says."""

    NAME = "name"  # ``person`` is called ``name``; without one: has no name
    MERGE = "merge"  # ``other`` is ``person``, who is called ``name``
    SPLIT = "split"  # ``faces`` are not ``person`` but ``other``, whom this makes
    IS = "is"  # ``faces`` are ``person``, maybe a new one
    IS_NOT = "is-not"  # ``faces`` are not ``person``; without faces: ``other`` is not ``person``
    CONFIRM = "confirm"  # ``faces``, which are with ``person``, are rightly there
    IGNORE = "ignore"  # ``faces`` are nobody's, for good
    HIDE = "hide"
    UNHIDE = "unhide"
    COVER = "cover"  # the one of ``faces`` is the cover of ``person``
    ADD_FACE = "add-face"  # the user's box in ``faces`` is ``person``; or in ``photos``, no box
    FORGET = "forget"  # ``person``, ``photos`` and ``faces`` are gone and never encoded again
    UNDO = "undo"  # the decision ``of`` is taken back


class Origin(StrEnum):
    """Where a decision was made."""

    COMMAND = "command"
    FOLDER = "folder"
    PAGE = "page"
    IMPORT = "import"
    PHOTO = "photo"  # the picture at a path changed; the new one inherits the decision ``of``


class Spot(NamedTuple):
    """A face by the hash of its picture and its box in the pixels as the file stores them."""

    photo: bytes
    box: Box


class Spoken(NamedTuple):
    """A face that a decision is about, and whose it ``was`` before."""

    spot: Spot
    was: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Something the user said; which fields mean what, `Kind` says.

    ``id`` is random, ``number`` its place in the journal of this library, from 1.  ``new``: this
    decision makes ``person``.  ``anchors`` are faces of the people that it names, by person: their
    confirmed ones and some others.  ``erased``: it was about what has been forgotten since, and
    only its place is left.
    """

    id: str
    number: int
    at: float
    kind: Kind
    origin: Origin = Origin.COMMAND
    person: str | None = None
    other: str | None = None
    name: str | None = None
    new: bool = False
    faces: tuple[Spoken, ...] = ()
    photos: tuple[bytes, ...] = ()
    anchors: dict[str, tuple[Spot, ...]] = field(default_factory=dict)
    of: str | None = None
    erased: bool = False

    @property
    def named(self) -> list[str]:
        """The people whom it names."""
        return [person for person in (self.person, self.other) if person is not None]


def to_line(decision: Decision) -> str:
    """Return the line of a decision, ASCII, without a newline; what it does not say is left out."""
    fields: dict[str, Any] = {
        "v": VERSION,
        "id": decision.id,
        "number": decision.number,
        "at": decision.at,
        "kind": decision.kind.value,
        "origin": decision.origin.value,
        "person": decision.person,
        "other": decision.other,
        "name": decision.name,
        "new": decision.new,
        "faces": [_spot(each.spot) | {"was": each.was} for each in decision.faces],
        "photos": [photo.hex() for photo in decision.photos],
        "anchors": {
            person: [_spot(spot) for spot in spots] for person, spots in decision.anchors.items()
        },
        "of": decision.of,
        "erased": decision.erased,
    }
    said = {key: v for key, v in fields.items() if v is not False and v not in (None, [], {})}
    return json.dumps(said, ensure_ascii=True, separators=(",", ":"))


_NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.NAME: ("person",),
    Kind.MERGE: ("person", "other"),
    Kind.SPLIT: ("person", "other", "faces"),
    Kind.IS: ("person", "faces"),
    Kind.IS_NOT: ("person",),
    Kind.CONFIRM: ("person", "faces"),
    Kind.IGNORE: ("faces",),
    Kind.HIDE: ("person",),
    Kind.UNHIDE: ("person",),
    Kind.COVER: ("person", "faces"),
    Kind.ADD_FACE: ("person",),
    Kind.UNDO: ("of",),
}


def from_line(line: str) -> Decision:
    """Return the decision of a line; JournalError if it is none, or of a newer version."""
    try:
        fields = json.loads(line)
        version = fields["v"]
        if version == VERSION:
            return _decision(fields)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise JournalError(
            f"This is no decision: {line[:80]!r} ({error}).",
            "Mend the line or take it out of the journal; the other places may hold it unharmed.",
        ) from error
    raise JournalError(
        f"A decision is of version {version}; this facewatchd knows version {VERSION}.",
        "Install the facewatchd that wrote it, or a newer one.",
    )


def _spot(spot: Spot) -> dict[str, Any]:
    return {"photo": spot.photo.hex(), "box": list(spot.box)}


def _decision(fields: dict[str, Any]) -> Decision:
    if not fields.get("erased"):
        lacking = [need for need in _NEEDS.get(fields["kind"], ()) if not fields.get(need)]
        if lacking:
            raise ValueError(f"it lacks {lacking[0]}")
    if not math.isfinite(fields["at"]):
        raise ValueError("no time")
    return Decision(
        id=_text(fields["id"]),
        number=int(fields["number"]),
        at=float(fields["at"]),
        kind=Kind(fields["kind"]),
        origin=Origin(fields["origin"]),
        person=_text_or_none(fields.get("person")),
        other=_text_or_none(fields.get("other")),
        name=_text_or_none(fields.get("name")),
        new=bool(fields.get("new", False)),
        faces=tuple(
            Spoken(_read_spot(each), _text_or_none(each.get("was")))
            for each in fields.get("faces", [])
        ),
        photos=tuple(bytes.fromhex(photo) for photo in fields.get("photos", [])),
        anchors={
            _text(person): tuple(_read_spot(spot) for spot in spots)
            for person, spots in fields.get("anchors", {}).items()
        },
        of=_text_or_none(fields.get("of")),
        erased=bool(fields.get("erased", False)),
    )


def _read_spot(fields: dict[str, Any]) -> Spot:
    box = [int(edge) for edge in fields["box"]]
    if len(box) != _CORNERS:
        raise ValueError(f"a box has 4 edges, not {len(box)}")
    return Spot(bytes.fromhex(fields["photo"]), Box(*box))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)
