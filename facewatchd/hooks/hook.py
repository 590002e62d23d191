"""One hook: waits for events, delivers what it wants of them, and remembers how far it is.

The daemon keeps the events, this side keeps a cursor.  It moves on after all messages before it
were delivered, or given up after so many tries: whatever ends either program, nothing is lost, and
what was delivered right before may come a second time, with the same id.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from facewatchd.errors import FacewatchError, HookError
from facewatchd.events import EventId
from facewatchd.hooks.messages import Message, messages, missed, wanted

if TYPE_CHECKING:
    from facewatchd.client import Client
    from facewatchd.hooks.config import Hook as HookSettings
    from facewatchd.hooks.memory import Memory
    from facewatchd.hooks.ways import Way

WAIT = 300.0  # seconds that the daemon is asked to wait for an event
MOST = 1000  # events at a time
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 3600.0  # seconds between two tries
_ASK_AGAIN = 30.0  # seconds at most until a daemon that does not answer is asked again

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The program is to end."""


class Patience(Protocol):
    """What a hook does between two tries, and asks after each message."""

    def is_set(self) -> bool:
        """Whether the program is to end."""
        ...

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until the program is to end: then return True, at once."""
        ...


class Hook:
    """The hook ``name``, in a thread of its own.

    ``trouble`` says what keeps it from going on, None if nothing does; ``delivering``: it is at a
    message now.
    """

    def __init__(
        self,
        name: str,
        settings: HookSettings,
        client: Client,
        way: Way,
        memory: Memory,
        patience: Patience,
    ) -> None:
        self.name = name
        self.trouble: str | None = None
        self.delivering = False
        self._settings = settings
        self._client = client
        self._way = way
        self._memory = memory
        self.progress = memory.progress
        self._patience = patience
        self._in_vain = 0

    def step(self) -> None:
        """Wait for events and deliver them; StoppedError when the program is to end.

        What cannot be asked or written now is logged once, and tried again after a pause.
        """
        try:
            self._step()
        except FacewatchError as error:
            if self.trouble != error.title:
                log.warning("The hook %s waits. %s", self.name, error)
            self.trouble = error.title
            self._in_vain += 1
            self._pause(min(float(self._in_vain), _ASK_AGAIN))
        else:
            if self.trouble is not None:
                log.info("The hook %s goes on.", self.name)
            self.trouble, self._in_vain = None, 0

    def _step(self) -> None:
        progress = self.progress
        if progress.cursor is None:
            found = self._client.events()
            progress.cursor, progress.library = found["next"], found["library"]
            self._memory.save()
            return
        found = self._client.events(progress.cursor, WAIT, MOST)
        self._look_at_store(found)
        if progress.until is None:
            if not found["missed"] and not self._wants(found["events"]):
                self._move_on(found["next"], found["events"])
                return
            if self._settings.gather:
                self._pause(self._settings.gather)
                found = self._client.events(progress.cursor, limit=MOST)
            progress.until = found["next"]
            self._memory.save()
        events = _until(found["events"], progress.until)
        for message in self._messages(events, found["missed"]):
            self._deliver(message)
        self._move_on(progress.until, events)

    def _look_at_store(self, found: dict[str, Any]) -> None:
        """Say when the events are not those that the cursor was made of."""
        progress = self.progress
        if found["library"] != progress.library:
            log.warning("The hook %s follows another library now.", self.name)
            progress.library = found["library"]
        elif found["other"]:
            log.warning("The hook %s: the store was made anew, or put back.", self.name)
        if found["other"] or found["missed"]:
            progress.until, progress.done = None, []
        if found["missed"]:
            log.warning("The hook %s missed %d events.", self.name, found["missed"])

    def _wants(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        settings = self._settings
        above = self.progress.above
        found, _ = wanted(events, settings.events, settings.doubtful_above, above=above)
        return found

    def _messages(self, events: list[dict[str, Any]], number_missed: int) -> list[Message]:
        told = messages(self._wants(events), single=not self._settings.gather)
        if number_missed and self.progress.cursor is not None:
            told.insert(0, missed(number_missed, self.progress.cursor))
        return [message for message in told if message.id not in self.progress.done]

    def _move_on(self, cursor: str, events: list[dict[str, Any]]) -> None:
        """All events up to ``cursor`` are done with."""
        settings, progress = self._settings, self.progress
        _, above = wanted(events, settings.events, settings.doubtful_above, above=progress.above)
        if cursor == progress.cursor:
            return
        progress.cursor, progress.above, progress.until, progress.done = cursor, above, None, []
        self._memory.save()

    def _deliver(self, message: Message) -> None:
        """Try until it is delivered, or until it is given up."""
        document = message.document(self.name, self.progress.library)
        for number in range(1, self._settings.tries + 1):
            if self._try(document, number):
                self.progress.delivered += 1
                break
            if number < self._settings.tries:
                self._pause(pause_after(number))
        else:
            self.progress.given_up += 1
            log.error("The hook %s gives up a message: %s", self.name, message.text)
        self.progress.done.append(message.id)
        self._memory.save()
        if self._patience.is_set():  # what is left comes after the next start
            raise StoppedError

    def _try(self, document: dict[str, Any], number: int) -> bool:
        self.delivering = True
        try:
            self._way.send(document)
        except HookError as error:
            log.warning(
                "The hook %s, try %d of %d: %s",
                *(self.name, number, self._settings.tries, error.title),
            )
            return False
        finally:
            self.delivering = False
        return True

    def _pause(self, seconds: float) -> None:
        if self._patience.wait(seconds):
            raise StoppedError


def pause_after(tries: int) -> float:
    """Return how many seconds lie between try number ``tries`` and the next one."""
    return float(min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE))


def _until(events: list[dict[str, Any]], last: str) -> list[dict[str, Any]]:
    """Return the events up to the one with the id ``last``."""
    number = EventId.parse(last).number
    return [event for event in events if EventId.parse(event["id"]).number <= number]
