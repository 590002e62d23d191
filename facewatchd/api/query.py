"""What a request is: its parameters, the route that answers it, and whom that asks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import parse_qs

from facewatchd.errors import ApiError
from facewatchd.model import LARGEST_INTEGER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from facewatchd.api.shapes import Schema
    from facewatchd.decisions import Decision
    from facewatchd.model import PictureForm
    from facewatchd.pipeline.advising import Advising
    from facewatchd.pipeline.bell import Bell
    from facewatchd.pipeline.forgetting import What
    from facewatchd.pipeline.saying import Saying
    from facewatchd.pipeline.telling import Telling

_YEAR = 366 * 86400.0  # seconds


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

    def events(self, after: str | None, limit: int) -> dict[str, Any]:
        """Return up to ``limit`` events after that with the id ``after``; ApiError for no id."""
        ...

    @property
    def bell(self) -> Bell:
        """What is rung when something has happened."""
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

    def reload(self) -> list[str]:
        """Read the configuration again, and return the settings that have changed.

        Returns when all goes by them; when it raises, all goes by the former ones.
        """
        ...

    def recluster(self, *, dry: bool) -> None:
        """Ask for a re-clustering, whose plan waits in any case if it is ``dry``."""
        ...

    def pause(self, seconds: float | None) -> dict[str, Any]:
        """Begin no work for so long, or until `resume`; return why it pauses, and until when."""
        ...

    def resume(self) -> dict[str, Any]:
        """Take that back; return why work pauses all the same, if it does."""
        ...

    def metrics(self) -> bytes:
        """Return figures in Prometheus's text format."""
        ...

    def plan(self) -> dict[str, Any]:
        """Return the plan that waits; NotFoundError if there is none."""
        ...

    def apply_plan(self, plan: str | None) -> dict[str, Any]:
        """Do what the plan that waits says; NotFoundError if it is not ``plan`` (id)."""
        ...

    def drop_plan(self, plan: str | None) -> None:
        """Forget the plan that waits; NotFoundError likewise."""
        ...

    def back_up(self, path: bytes, *, force: bool) -> None:
        """Begin to copy the store to ``path``; BackupError if that is no place for it."""
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

    def say(self, wish: Callable[[Saying], Decision]) -> dict[str, Any]:
        """Take a decision and return it; DecisionError or NotFoundError if it makes no sense."""
        ...

    def forgettable(self, what: What) -> dict[str, Any]:
        """Return how much would be forgotten; NotFoundError for what is not there."""
        ...

    def forget(self, what: What) -> dict[str, Any]:
        """Forget it for good, and return how much that was; its traces go after that."""
        ...

    def traces(self) -> dict[str, Any]:
        """Return whether all traces of what was forgotten are gone, and what stays."""
        ...

    def calibrated(self) -> dict[str, Any]:
        """Return what other thresholds would do."""
        ...

    def report(self, people: Collection[str]) -> Iterator[bytes]:
        """Return all faces, or those of ``people``, as lines of JSON; NotFoundError for nobody."""
        ...

    def picture(self, face: int, side: int, form: PictureForm) -> bytes:
        """Return a face cut out of its photo; NotFoundError or ApiError if that cannot be."""
        ...

    @property
    def advising(self) -> Advising:
        """What users are asked."""
        ...

    @property
    def telling(self) -> Telling:
        """What can be asked about people, faces and decisions."""
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

    def text_or_none(self, name: str) -> str | None:
        """Return the parameter ``name``, or None if it is not there or empty."""
        return self._one(name) or None

    def texts(self, name: str) -> list[str]:
        """Return every value of the parameter ``name``, which may be given several times."""
        return [value for value in self._values.get(name, []) if value]

    def truth(self, name: str) -> bool:
        """Return the parameter ``name``, true or false; without it false."""
        text = self._one(name) or "false"
        if text not in {"true", "false"}:
            raise ApiError(f"The parameter {name} is {text!r}.", "Give true or false.")
        return text == "true"

    def number(self, name: str) -> int:
        """Return the parameter ``name`` as a whole number."""
        return self._whole(name, self.text(name))

    def numbers(self, name: str) -> list[int]:
        """Return the whole numbers of the parameter ``name``, with commas between."""
        return [self._whole(name, each) for each in self.text(name).split(",")]

    def time_or_none(self, name: str) -> float | None:
        """Return the parameter ``name`` as seconds since 1970, or None if it is not there."""
        return self._real(name, "seconds since 1970", math.isfinite)

    def duration_or_none(self, name: str) -> float | None:
        """Return the parameter ``name``, seconds, at most a year; or None if it is not there."""
        return self._real(name, "seconds above 0, at most a year", lambda s: 0 < s <= _YEAR)

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

    def _real(self, name: str, what: str, fits: Callable[[float], bool]) -> float | None:
        text = self._one(name)
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not fits(number):
            raise ApiError(f"The parameter {name} is {text!r}.", f"Give {what}.")
        return number

    def _whole(self, name: str, text: str) -> int:
        if text.isascii() and text.isdigit() and int(text) <= LARGEST_INTEGER:
            return int(text)
        raise ApiError(f"The parameter {name} has {text!r}.", "Give whole numbers from 0 on.")

    def _one(self, name: str) -> str | None:
        return self._values.get(name, [None])[-1]


class File(NamedTuple):
    """An answer that is not JSON."""

    data: bytes
    media_type: str


class Stream(NamedTuple):
    """An answer that is sent while it is made."""

    parts: Iterator[bytes]
    media_type: str


class Early(NamedTuple):
    """An answer that tells nothing yet; whoever asked would wait ``seconds`` for another."""

    content: Any
    seconds: float


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One thing that can be asked; ``answer`` runs in a thread of its own.

    Where it ``waits``, it may be asked twice: when it was `Early`, and when there is more to tell.
    What is ``for_owners`` may not be asked by those either who may only read.
    """

    method: str
    path: str
    summary: str
    result: Schema
    answer: Callable[[Control, Query], Any]
    parameters: dict[str, Schema]
    waits: bool = False
    for_owners: bool = False

    @property
    def for_readers(self) -> bool:
        """Whether it changes nothing, and hands out nothing but what is there to be read."""
        return self.method == "GET" and not self.for_owners

    @property
    def media_type(self) -> str:
        """What the answer is: JSON, unless its schema says that it is a file."""
        return str(self.result.get("contentMediaType", "application/json"))
