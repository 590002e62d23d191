"""What users are told of people, faces and decisions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from facewatchd.errors import NotFoundError
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    ) -> list[str]:
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
            paths = store.album.photos(these, others, since, until, present)
        return [os.fsdecode(path) for path in paths]

    def log(self, limit: int) -> list[dict[str, Any]]:
        """Return the last decisions, the newest first."""
        return self._pipeline.ask(lambda: self._log(limit))

    def decided(self, decision: Decision) -> dict[str, Any]:
        """Return a decision as it is shown; in the pipeline's thread."""
        deciding = self._pipeline.deciding
        numbers = {each.id: each.number for each in deciding.decisions}
        return {
            "number": decision.number,
            "id": decision.id,
            "at": decision.at,
            "kind": decision.kind.value,
            "origin": decision.origin.value,
            "person": decision.person,
            "other": decision.other,
            "name": decision.name,
            "faces": len(decision.faces),
            "photos": len(decision.photos),
            "of": None if decision.of is None else numbers.get(decision.of),
            "inert": deciding.effect(decision),
        }

    def _log(self, limit: int) -> list[dict[str, Any]]:
        return [self.decided(each) for each in reversed(self._pipeline.deciding.decisions[-limit:])]


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
