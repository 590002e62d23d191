"""What is forgotten for good, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.render.words import count

if TYPE_CHECKING:
    from collections.abc import Iterator


def forgetting_words(kind: str, much: dict[str, Any]) -> Iterator[str]:
    """Say what would go and what stays, of a person, a photo or a face."""
    faces = f"{count(much['faces'], 'face')} in {count(much['photos'], 'photo')}"
    yield f"This {kind} is forgotten for good: {faces}, with what was computed of them."
    if much["names"]:
        yield f"Names that go: {', '.join(much['names'])}"
    if much["people"] > 1:
        yield f"Who was merged into this person goes too: {much['people'] - 1}"
    yield f"Erased from earlier decisions: {much['decisions']}"
    yield "facewatchd's own backups from before are deleted, and so are stores set aside."
    yield "What stays: the photo files, and where in them nothing is to be looked for again."


def forgotten_words(gone: dict[str, Any], traces: dict[str, Any]) -> Iterator[str]:
    """Say what went, and what of it could not be reached."""
    yield f"Forgotten: {count(gone['faces'], 'face')} in {count(gone['photos'], 'photo')}."
    if not traces["done"]:
        yield f"The rest goes by itself later: {traces['waits']}"
    for each in traces["left"]:
        yield f"Out of reach: {each}"
