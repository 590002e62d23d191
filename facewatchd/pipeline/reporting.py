"""All that a report is made of, as lines of JSON: what they are called, then photo after photo."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from facewatchd.plugins import Scale
    from facewatchd.store.everything import FaceThere
    from facewatchd.store.views import Views

_LETTERS = 6  # of an id, by which a person is called who has neither a name nor a folder


def lines(database: Path, scale: Scale, people: Collection[str] | None) -> Iterator[bytes]:
    """Yield a line with engine, scale and people, one for each photo with its faces, and the end.

    All of one snapshot.  Only faces of ``people`` (ids), or with None of everyone who is not hidden
    and of nobody.  Whoever gets no line with ``end`` did not get all.
    """
    with reading(database, by_turns=True) as store:
        called = _called(store, people)
        engine = store.engines.current.encodings
        yield _line({"engine": engine, "scale": asdict(scale), "people": called})
        faces = (f for f in store.everything.faces() if _is_wanted(f, called, people))
        of_photo = groupby(faces, key=lambda face: face.photo)
        number, found = next(of_photo, (None, iter(())))
        for photo in store.everything.photos():  # in the order of their faces
            if photo.id == number:
                told = {"path": os.fsdecode(photo.path), "captured": photo.captured}
                yield _line(told | {"faces": _told(found)})
                number, found = next(of_photo, (None, iter(())))
        yield _line({"end": True})


def _called(store: Views, people: Collection[str] | None) -> dict[str, str]:
    """Return the name of everyone in the report, or else the folder, or the start of the id."""
    folders = store.folders()
    return {
        row["id"]: row["name"] or os.fsdecode(folders.get(row["id"], row["id"][:_LETTERS].encode()))
        for row in store.people()
        if (row["id"] in people if people is not None else not row["hidden"])
    }


def _is_wanted(face: FaceThere, called: dict[str, str], people: Collection[str] | None) -> bool:
    return face.person in called or (face.person is None and people is None)


def _told(faces: Iterable[FaceThere]) -> list[dict[str, Any]]:
    return [
        {
            "box": list(face.box),
            "quality": face.quality,
            "person": face.person,
            "similarity": face.similarity,
            "encoding": base64.b64encode(face.encoding).decode("ascii"),
        }
        for face in faces
    ]


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
