"""What others are told of that happens: the kinds of events, and what each is known by."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from facewatchd.errors import ApiError

_LARGEST = 2**63 - 1  # that SQLite takes
_ID = re.compile(r"([0-9]{1,19})-([0-9]{1,19})", re.ASCII)


class Kind(StrEnum):
    """What happened; which facts an event of each kind has, docs/hooks.md says."""

    PERSON_NEW = "person.new"  # somebody without a name got a folder
    DOUBTFUL = "doubtful"  # another number of faces is doubtful now
    PHOTO_FAILED = "photo.failed"
    ROOT_OFFLINE = "root.offline"
    ROOT_DEGRADED = "root.degraded"
    ROOT_BACK = "root.back"
    DECISION_FOLDER = "decision.folder"  # the user said something in the output tree
    PLAN_WAITING = "plan.waiting"


class EventId(NamedTuple):
    """An event by its ``number``, from 1 on, and by when it happened, in microseconds since 1970.

    A store that was made anew, or put back from a backup, numbers other events alike: both together
    are never the same again.  The number 0 is before the first event.
    """

    number: int
    at: int

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Return the id that ``str`` made ``text`` of; ApiError if it is none."""
        found = _ID.fullmatch(text)
        if found is None or max(int(found[1]), int(found[2])) > _LARGEST:
            raise ApiError(f"{text!r} is no id of an event.", "Ask without one: /v1/events")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}-{self.at}"
