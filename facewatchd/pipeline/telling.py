"""What users are told of people, faces and decisions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from facewatchd.decisions.contradictions import contradicted
from facewatchd.decisions.replaying import undone_by
from facewatchd.errors import NotFoundError
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from facewatchd.decisions import Decision
    from facewatchd.pipeline.loop import Pipeline
    from facewatchd.store.views import Views


class Telling:
    """Thread-safe: reads through connections of its own, and asks the pipeline for the rest."""

    def __init__(self, database: Path, pipeline: Pipeline) -> None:
        self._database = database
        self._pipeline = pipeline

    def person(self, text: str) -> dict[str, Any]:
        """Return all about the person that ``text`` names."""
        who = self._pipeline.ask(lambda: self._pipeline.saying.person(text))
        with reading(self._database) as store:
            found = store.album.person(who)
            if found is None:
                raise NotFoundError(
                    f"{text!r} is nobody any more.", "See: facewatchctl people list"
                )
            folder = store.folders().get(who)
            return found | {"folder": None if folder is None else os.fsdecode(folder)}

    def faces_of(self, text: str, limit: int) -> list[dict[str, Any]]:
        """Return faces of the person that ``text`` names, the least similar first."""
        who = self._pipeline.ask(lambda: self._pipeline.saying.person(text))
        with reading(self._database) as store:
            return [_face(row, store) for row in store.album.faces_of(who, limit)]

    def face(self, face: int) -> dict[str, Any]:
        """Return all about one face."""
        with reading(self._database) as store:
            found = store.album.face(face)
            if found is None:
                raise NotFoundError(
                    f"There is no face {face} (any more).",
                    "See the faces of a photo with: facewatchctl find PHOTO",
                )
            return _face(found, store)

    def photos(
        self,
        together: Sequence[str],
        without: Sequence[str],
        since: float | None,
        until: float | None,
    ) -> list[dict[str, Any]]:
        """Return the photos in which all of some people are, and none of others."""
        saying, deciding = self._pipeline.saying, self._pipeline.deciding
        these, others, present = self._pipeline.ask(
            lambda: (
                [saying.person(text) for text in together],
                [saying.person(text) for text in without],
                [(photo, deciding.said.root(who)) for photo, who in deciding.said.present],
            )
        )
        with reading(self._database) as store:
            found = store.album.photos(these, others, since, until, present)
        return [
            {"photo": picture.hex(), "path": os.fsdecode(path), "captured": captured}
            for picture, path, captured in found
        ]

    def unnamed(self, below: int) -> dict[str, int]:
        """Return how many people without a name are in fewer photos, and how many faces of them."""
        faces = self._pipeline.ask(lambda: self._pipeline.saying.unnamed(below))
        return {"people": len(set(faces.values())), "faces": len(faces)}

    def log(self, limit: int, first: int = 0) -> list[dict[str, Any]]:
        """Return the last decisions from number ``first`` on, the newest first."""
        return self._pipeline.ask(lambda: self._log(limit, first))

    def decided(self, decision: Decision) -> dict[str, Any]:
        """Return a decision as it is shown; in the pipeline's thread."""
        (told,) = self._told([decision])
        return told

    def _log(self, limit: int, first: int) -> list[dict[str, Any]]:
        last = self._pipeline.deciding.decisions[-limit:]
        return self._told([each for each in reversed(last) if each.number >= first])

    def _told(self, decisions: Sequence[Decision]) -> list[dict[str, Any]]:
        deciding = self._pipeline.deciding
        numbers = {each.id: each.number for each in deciding.decisions}
        undone = undone_by(deciding.decisions)
        called = self._called({who for d in decisions for who in (d.person, d.other) if who})
        return [
            {
                "number": each.number,
                "id": each.id,
                "at": each.at,
                "kind": each.kind.value,
                "origin": each.origin.value,
                "person": each.person,
                "person_called": called.get(each.person),
                "other": each.other,
                "other_called": called.get(each.other),
                "name": each.name,
                "faces": len(each.faces),
                "photos": len(each.photos),
                "of": None if each.of is None else numbers.get(each.of),
                "inert": _inert(each, undone, deciding.said.inert),
                "over": self._contradicted(each, undone),
            }
            for each in decisions
        ]

    def _contradicted(self, decision: Decision, undone: Collection[str]) -> int | None:
        """Return the number of the last decision that ``decision`` contradicts."""
        deciding = self._pipeline.deciding
        earlier = (
            each
            for each in deciding.decisions
            if each.number < decision.number and each.id not in undone
        )
        found = contradicted(decision, earlier, deciding.said.root)
        return None if found is None else found.number

    def _called(self, people: set[str]) -> dict[str | None, str]:
        """Return the names of ``people`` now, or else their folders."""
        said = self._pipeline.deciding.said.people
        called = {who: said[who].name for who in people if who in said}
        named: dict[str | None, str] = {who: name for who, name in called.items() if name}
        if people <= named.keys():
            return named
        with reading(self._database) as store:
            folders = store.folders()
        return {who: os.fsdecode(folders[who]) for who in people if who in folders} | named


def _inert(decision: Decision, undone: Collection[str], inert: Mapping[str, str]) -> str | None:
    if decision.erased:
        return "forgotten"
    return "undone" if decision.id in undone else inert.get(decision.id)


def _face(row: dict[str, Any], store: Views) -> dict[str, Any]:
    folders = store.folders()
    candidates = [
        {**each, "folder": _text(folders.get(each["person"]))}
        for each in store.candidates(row["face"])
    ]
    return row | {
        "photo": _text(row["photo"]),
        "folder": _text(folders.get(row["person"])),
        "candidates": candidates,
    }


def _text(path: bytes | None) -> str | None:
    return None if path is None else os.fsdecode(path)
