"""What users are asked: which two people may be one, who faces are, whom to name first."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from facewatchd.asking import Doubt, Misgiving, first_to_name, questions
from facewatchd.errors import NotFoundError
from facewatchd.pipeline.hearing import faces_at
from facewatchd.store import reading
from facewatchd.suggest import Somebody, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from facewatchd.asking import Question
    from facewatchd.model import Candidate
    from facewatchd.pipeline.hearing import Heard
    from facewatchd.store.views import Views
    from facewatchd.suggest import Suggestion

T = TypeVar("T")


class _Remembered(Generic[T]):
    """An answer that takes seconds, as long as nothing has changed since it was found."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: tuple[object, T] | None = None

    def get(self, key: object, find: Callable[[], T]) -> T:
        """Return what ``find`` answers; who asks meanwhile waits for the same answer."""
        with self._lock:
            if self._found is None or self._found[0] != key:
                self._found = key, find()
            return self._found[1]


class Advising:
    """Thread-safe: computes in the asking thread, from a snapshot of the store.

    ``hear`` returns what was said until now.  Suggestions keep their numbers, which count from 1,
    as long as this object lives: a number never means another pair than the one it was shown with.
    """

    def __init__(self, database: Path, hear: Callable[[], Heard]) -> None:
        self._database = database
        self._hear = hear
        self._suggested: _Remembered[list[Suggestion]] = _Remembered()
        self._asked: _Remembered[list[Question]] = _Remembered()
        self._numbering = Lock()
        self._pairs: list[tuple[str, str]] = []  # that were shown, by their numbers less 1
        self._numbers: dict[tuple[str, str], int] = {}

    def suggestions(self, limit: int) -> list[dict[str, Any]]:
        """Return which two people may be one, at most ``limit`` pairs, worth most first."""
        heard = self._hear()
        with reading(self._database) as store:
            found = self._suggested.get(
                (heard.revision, limit), lambda: _suggested(store, heard, limit)
            )
            folders = store.folders()
            return [
                {
                    "number": self._number(each),
                    "person": _person(store, folders, each.one),
                    "other": _person(store, folders, each.other),
                    "similarity": each.similarity,
                    "settles": each.settles,
                    "chance": each.chance,
                }
                for each in found
            ]

    def suggestion(self, number: int) -> dict[str, Any]:
        """Return the two people of the suggestion that was shown with ``number``."""
        with self._numbering:
            pair = self._pairs[number - 1] if 0 < number <= len(self._pairs) else None
        if pair is None:
            raise NotFoundError(
                f"No suggestion {number} was shown since the daemon started.",
                "See: facewatchctl suggestions",
            )
        with reading(self._database) as store:
            folders = store.folders()
            one, other = (_person(store, folders, person) for person in pair)
        return {"number": number, "person": one, "other": other}

    def questions(self, limit: int) -> dict[str, Any]:
        """Return what to ask about faces, first what settles most, and how much there is of it."""
        heard = self._hear()
        with reading(self._database) as store:
            found = self._asked.get(heard.revision, lambda: _questions(store, heard))
            folders = store.folders()
            return {
                "decision": heard.last,
                "waiting": len(found),
                "faces": sum(len(each.faces) for each in found),
                "questions": [_question(store, folders, each) for each in found[:limit]],
            }

    def first(self, store: Views) -> dict[str, Any] | None:
        """Return whom to name first, and their share of all faces of people; None: nobody."""
        people = store.advice.people()
        found = first_to_name(people)
        if not found.people:
            return None
        faces = {person: number for person, number, _ in people}
        folders = store.folders()
        return {
            "people": [
                {"person": each, "folder": _text(folders.get(each)), "faces": faces[each]}
                for each in found.people
            ],
            "share": found.share,
        }

    def _number(self, suggestion: Suggestion) -> int:
        pair = suggestion.one, suggestion.other
        with self._numbering:
            if pair not in self._numbers:
                self._pairs.append(pair)
                self._numbers[pair] = len(self._pairs)
            return self._numbers[pair]


def _suggested(store: Views, heard: Heard, limit: int) -> list[Suggestion]:
    people = {
        person: Somebody(photos, named)
        for person, (photos, named) in store.advice.photos_of_people().items()
    }
    return suggest(
        store.advice.looks(),
        people,
        heard.scale,
        lambda one, other: frozenset((one, other)) in heard.apart,
        limit,
    )


def _questions(store: Views, heard: Heard) -> list[Question]:
    spots = faces_at(heard.refused.keys(), heard.spots, store.decisions)
    refused = {face: heard.refused[spot] for face, spot in spots.items()}
    nobody = frozenset[str]()
    doubts = [
        Doubt(each.face, each.photo, each.encoding, each.candidates, refused.get(each.face, nobody))
        for each in store.advice.doubtful()
    ]
    misgivings = [
        Misgiving(face, person, other, similarity)
        for face, person, other, similarity in store.advice.misgivings()
        if other not in refused.get(face, nobody)
    ]
    return questions(doubts, misgivings, heard.scale)


def _question(store: Views, folders: Mapping[str, bytes], question: Question) -> dict[str, Any]:
    faces = (store.album.face(face) for face in question.faces)
    return {
        "faces": [
            {"face": each["face"], "photo": _text(each["photo"]), "box": each["box"]}
            for each in faces
            if each is not None
        ],
        "person": None if question.person is None else _person(store, folders, question.person),
        "candidates": [_candidate(store, folders, each) for each in question.candidates],
        "similarity": question.similarity,
        "margin": question.margin,
    }


def _candidate(store: Views, folders: Mapping[str, bytes], each: Candidate) -> dict[str, Any]:
    return {**_person(store, folders, each.person), "similarity": each.similarity}


def _person(store: Views, folders: Mapping[str, bytes], person: str) -> dict[str, Any]:
    shown = store.advice.shown(person)
    return {
        "person": person,
        "name": shown.name,
        "folder": _text(folders.get(person)),
        "faces": shown.faces,
        "face": shown.face,
    }


def _text(path: bytes | None) -> str | None:
    return None if path is None else os.fsdecode(path)
