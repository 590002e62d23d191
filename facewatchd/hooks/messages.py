"""From events to messages: which of them a hook wants, and how many are told as one.  Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.events import Kind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

Event = dict[str, Any]  # as /v1/events has it

_NAMED = 10  # so many are named in a text that tells of more


class Message(NamedTuple):
    """What a hook is told at once: one or more events that are alike, the oldest first.

    ``id`` and ``kind`` are those of the last one.
    """

    id: str
    kind: str
    text: str
    events: tuple[Event, ...]

    def document(self, hook: str, library: str) -> dict[str, Any]:
        """Return the message as what is sent in JSON."""
        return {
            "hook": hook,
            "library": library,
            "id": self.id,
            "kind": self.kind,
            "count": len(self.events),
            "text": self.text,
            "events": list(self.events),
        }


def wanted(
    events: Iterable[Event], kinds: Collection[str], most: int, *, above: bool
) -> tuple[list[Event], bool]:
    """Return the events that a hook of ``kinds`` wants, and whether too many faces are doubtful.

    These are more than ``most``, which is told once, until they are no more than that again.
    ``above``: it was told, and they still are.
    """
    found = []
    for event in events:
        if event["kind"] == Kind.DOUBTFUL:
            now = event["facts"]["count"] > most
            if now and not above and Kind.DOUBTFUL in kinds:
                found.append(event)
            above = now
        elif event["kind"] in kinds:
            found.append(event)
    return found, above


def messages(events: Sequence[Event], *, single: bool) -> list[Message]:
    """Return messages about ``events``: one for each subject (person, root, ...) or ``single``."""
    if single:
        return [_message([event]) for event in events]
    subjects: dict[str, list[Event]] = {}
    for event in events:
        subjects.setdefault(_subject(event), []).append(event)
    return [_message(alike) for alike in subjects.values()]


def missed(number: int, cursor: str) -> Message:
    """Return the message that ``number`` events after ``cursor`` are not kept any more."""
    text = f"{number:,} events happened of which nothing is known any more."
    return Message(f"missed-{cursor}", "missed", f"{text} See: facewatchctl status", ())


def trial(hook: str) -> Message:
    """Return a message about nothing, to try a hook with."""
    event: Event = {"id": "0-0", "at": 0.0, "kind": "test", "facts": {}}
    return Message("0-0", "test", f"A test of the hook {hook}.", (event,))


def _message(events: Sequence[Event]) -> Message:
    last = events[-1]
    return Message(last["id"], last["kind"], _text(events), tuple(events))


def _subject(event: Event) -> str:
    return str(event["kind"]).partition(".")[0]


def _text(events: Sequence[Event]) -> str:
    facts: list[dict[str, Any]] = [event["facts"] for event in events]
    match _subject(events[0]):
        case "person":
            return _people(facts)
        case "photo":
            return _photos(facts)
        case "root":
            newest = {event["facts"]["root"]: event for event in events}
            return " ".join(_root(event) for event in newest.values())
        case "decision":
            return _decisions(facts)
        case "plan":
            return (
                f"The plan {facts[-1]['plan']} waits: {facts[-1]['moves']:,} faces would move."
                " See: facewatchctl plan show"
            )
        case _:
            return f"{facts[-1]['count']:,} faces are doubtful. See: facewatchctl doubtful next"


def _people(facts: list[dict[str, Any]]) -> str:
    called = [each.get("person_called") or f"person_{each['number']:04d}" for each in facts]
    if len(facts) == 1:
        return f"{called[0]} is new, with {facts[0]['photos']:,} photos."
    return f"{len(facts):,} people are new: {_some(called)}."


def _photos(facts: list[dict[str, Any]]) -> str:
    if len(facts) == 1:
        which = facts[0].get("path") or f"A photo in {facts[0]['root']}"
        return f"{which} could not be read: {facts[0]['error']}. See: facewatchctl errors"
    counted = Counter(each["error"] for each in facts).most_common()
    reasons = _some([f"{error} ({number:,})" for error, number in counted])
    return f"{len(facts):,} photos could not be read: {reasons}. See: facewatchctl errors"


def _root(event: Event) -> str:
    facts = event["facts"]
    match event["kind"]:
        case Kind.ROOT_OFFLINE:
            return f"{facts['root']} is offline: {facts['reason']}."
        case Kind.ROOT_DEGRADED:
            return f"{facts['root']} is degraded: {facts['folders']:,} folders are not watched."
        case _:
            return f"{facts['root']} is back."


def _decisions(facts: list[dict[str, Any]]) -> str:
    if len(facts) == 1:
        said = f"Decision {facts[0]['decision']} came from the folders: {facts[0]['said']}."
    else:
        numbers = [each["decision"] for each in facts]
        said = f"{len(facts):,} decisions came from the folders: {numbers[0]} to {numbers[-1]}."
    return f"{said} See: facewatchctl log"


def _some(words: Sequence[str]) -> str:
    shown = ", ".join(words[:_NAMED])
    return shown if len(words) <= _NAMED else f"{shown} and {len(words) - _NAMED:,} more"
