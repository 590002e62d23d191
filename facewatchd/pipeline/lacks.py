"""Faces that the user spoke of and that are not there: what is told of them, and what to do.

Those at boxes of the user's that no engine could encode (`Adding`), and those that were not found
again when a picture was changed (`Inheriting`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from facewatchd.decisions import Kind, Origin
from facewatchd.decisions.replaying import undone_by
from facewatchd.pipeline.adding import TRIES
from facewatchd.pipeline.boxes import shown_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.decisions import Decision, Spot
    from facewatchd.model import Box
    from facewatchd.pipeline.adding import Adding
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.store import Store
    from facewatchd.store.successions import Unfound


class Lack(NamedTuple):
    """The path of the photo, why a face lacks in it, with the next step, and the tries made."""

    path: bytes
    reason: str
    tries: int


class Lacks:
    """Looks up what lacks now; in the pipeline's thread."""

    def __init__(self, store: Store, deciding: Deciding, adding: Adding) -> None:
        self._store = store
        self._deciding = deciding
        self._adding = adding
        self._heard = -1
        self._standing: dict[str, Decision] = {}
        self._answered: set[bytes] = set()  # pictures of which the user has spoken

    def look(self) -> tuple[Lack, ...]:
        """Return what lacks, by path; cheap while nothing does.

        What was not found again is listed until its decision is undone, its file is gone, or the
        user has said something of the changed picture.
        """
        unfound, failures = self._store.successions.unfound(), self._adding.failures
        if not unfound and not failures:
            return ()
        self._hear()
        found = [lack for spot, reason in failures.items() for lack in self._failed(spot, reason)]
        found += [lack for each in unfound for lack in self._unfound(each)]
        return tuple(sorted(set(found)))

    def _hear(self) -> None:
        if self._deciding.last == self._heard:
            return
        self._heard = self._deciding.last
        undone = undone_by(self._deciding.decisions)
        standing = [each for each in self._deciding.decisions if each.id not in undone]
        self._standing = {each.id: each for each in standing}
        own = [each for each in standing if each.origin is not Origin.PHOTO]
        self._answered = {spoken.spot.photo for each in own for spoken in each.faces}
        self._answered |= {photo for each in own for photo in each.photos}

    def _failed(self, spot: Spot, reason: str) -> Iterator[Lack]:
        lying = self._store.lacking.lying(spot.photo)
        said = next(
            (each for each in reversed(self._standing.values()) if _about(each, spot)), None
        )
        if lying is None or said is None:
            return
        readable = self._store.lacking.readable([lying.photo], ())
        if readable is None:
            return
        box = _words(shown_at(spot, lying, readable.orientation))
        yield Lack(
            readable.stat.path,
            f"No face could be encoded at {box}, where one is by decision {said.number}: {reason}"
            " Try again with: facewatchctl retry; or draw the box closer around the face:"
            f" facewatchctl undo {said.number}, then facewatchctl face add",
            TRIES,
        )

    def _unfound(self, unfound: Unfound) -> Iterator[Lack]:
        said, file = self._standing.get(unfound.decision), self._store.files.at(unfound.path)
        if said is None or file is None or file.photo is None:
            return
        if self._store.lacking.picture(file.photo) in self._answered:
            return
        if unfound.box is None:
            what, how = "a person without a box is in it no more", "--no-box"
        else:
            what, how = f"the face at {_words(unfound.box)} was not found again", "--box L,T,R,B"
        yield Lack(
            unfound.path,
            f"Its picture was changed, and {what}, of which decision {said.number} speaks. If it is"
            f" still there: facewatchctl face add PHOTO PERSON {how}; if not:"
            f" facewatchctl undo {said.number}",
            0,
        )


def _about(decision: Decision, spot: Spot) -> bool:
    return decision.kind is not Kind.UNDO and any(each.spot == spot for each in decision.faces)


def _words(box: Box) -> str:
    return ",".join(map(str, box))
