"""The journal in all its places."""

from __future__ import annotations

import gc
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from facewatchd.errors import JournalError, StoreWriteError
from facewatchd.journal.lines import Line, Reader, bytes_of, header
from facewatchd.journal.place import ChangedError, Place, why
from facewatchd.journal.union import library_of, union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from facewatchd.decisions import Decision


class Journal:
    """Keeps the decisions of ``library`` in a file in each of the folders ``places``.

    The first is the state folder: what cannot be written there is not said.  The others are copies;
    one that cannot be written is in ``degraded``, by its file, with the reason, and is tried again
    with every decision.  ``reports`` are sentences on what `read` has mended.  `read` comes before
    everything else.
    """

    def __init__(self, places: Sequence[Path], library: str | None) -> None:
        self._state, *self._copies = [Place(folder) for folder in dict.fromkeys(places)]
        self._library = library
        self._ids: set[str] = set()
        self._last = 0
        self.degraded: dict[Path, str] = {}
        self.reports: list[str] = []

    @property
    def library(self) -> str:
        """The library's id: a new store without one has taken on that of its journal."""
        if self._library is None:
            raise AssertionError("read comes first")
        return self._library

    def read(self, rows: Iterable[str] = ()) -> list[Decision]:
        """Return all decisions by number, and bring every place up to date with them.

        ``rows`` are the lines that the store holds; they count as one more place.  A folder or file
        that is not there is made.  JournalError if a file is of a newer version or of another
        library, or if a damaged line stands nowhere else; StoreWriteError if the first place cannot
        be written.
        """
        self.degraded.clear()
        self._ids.clear()
        with _without_collecting():
            found = self._found()
            reader = Reader()
            contents = [
                content
                for place, raw in found.items()
                if (content := reader.file(raw, str(place.file))) is not None
            ]
            if (stored := reader.rows(rows, self._library)).lines:
                contents.append(stored)
            self._library = library_of(contents, self._library) or secrets.token_hex(16)
            lines, self.reports = union(contents)
        decisions = [line.decision for line in lines]
        self._remember(decisions)
        self._make_equal(found, _whole(self.library, lines))
        return decisions

    def append(self, decision: Decision) -> None:
        """Write a decision to the disk in every place before returning; its number is the next.

        StoreWriteError if the first place does not take it: then it stands nowhere.
        """
        if decision.number != self._last + 1:
            raise ValueError(f"decision {decision.number} does not follow {self._last}")
        try:
            self._state.append(bytes_of(decision))
        except (OSError, ChangedError) as error:
            raise self._unwritten(error) from error
        self._ids.add(decision.id)
        self._last = decision.number
        self.mend()

    def mend(self) -> None:
        """Bring every copy up to date that is not."""
        for copy in self._copies:
            if copy.size != self._state.size:
                self._bring_up(copy)

    def rewrite(self, decisions: Sequence[Decision]) -> list[Path]:
        """Write every place anew with ``decisions``; return the files that could not be reached.

        These keep what they hold until they can.  What they hold of an erased decision never comes
        back, but one that ``decisions`` leaves out does if `read` finds it there.
        """
        try:
            self._state.replace(_whole(self.library, (Line(d, None) for d in decisions)))
        except OSError as error:
            raise self._unwritten(error) from error
        self._remember(decisions)
        for copy in self._copies:
            copy.size = 0
            self._bring_up(copy)
        return [copy.file for copy in self._copies if copy.file in self.degraded]

    def _found(self) -> dict[Place, bytes]:
        """Read the places; a copy that cannot be read is degraded."""
        found: dict[Place, bytes] = {}
        for place in (self._state, *self._copies):
            place.tidy()
            try:
                found[place] = place.read()
            except OSError as error:
                words = f"{place.file} cannot be read: {why(error)}."
                if place is self._state:
                    raise JournalError(words, "Move it away or mend its disk.") from error
                self.degraded[place.file] = words
        return found

    def _make_equal(self, found: dict[Place, bytes], whole: bytes) -> None:
        """Let every place hold ``whole``, and report what was done to one that had been there."""
        for place, raw in found.items():
            place.size = len(raw)
            if raw == whole:
                continue
            try:
                if raw and whole.startswith(raw):
                    place.append(whole[len(raw) :])
                    added = whole.count(b"\n") - raw.count(b"\n")
                    self.reports.append(f"{place.file}: brought up to date, lines added: {added}.")
                else:
                    place.replace(whole)
                    if self._ids:
                        self.reports.append(f"{place.file}: written anew from all places.")
            except (OSError, ChangedError) as error:
                if place is self._state:
                    raise self._unwritten(error) from error
                self.degraded[place.file] = f"{place.file} cannot be written: {why(error)}."

    def _bring_up(self, copy: Place) -> None:
        """Let a copy hold what the first place holds; if it cannot be, it is degraded."""
        try:
            try:
                copy.append(self._state.read(copy.size))
            except ChangedError:
                self._bring_back(copy)
        except OSError as error:
            self.degraded[copy.file] = f"{copy.file} cannot be written: {why(error)}."
        except JournalError as error:
            self.degraded[copy.file] = error.title
        else:
            self.degraded.pop(copy.file, None)

    def _bring_back(self, copy: Place) -> None:
        """Write a copy anew that is not as it was left, unless anything would be lost by that."""
        with _without_collecting():
            content = Reader().file(copy.read(), str(copy.file))
        if content is not None and content.library != self.library:
            raise JournalError(
                f"{copy.file} is the journal of library {content.library}, not of {self.library}.",
                "Move it away, or name another folder in decisions.copies.",
            )
        if content is not None and not {d.id for d in content.decisions()} <= self._ids:
            raise JournalError(
                f"{copy.file} holds decisions that are new here; they are taken at the next start.",
                "Restart facewatchd.",
            )
        copy.replace(self._state.read())

    def _remember(self, decisions: Sequence[Decision]) -> None:
        self._ids.update(decision.id for decision in decisions)
        self._last = decisions[-1].number if decisions else 0

    def _unwritten(self, error: OSError | ChangedError) -> StoreWriteError:
        return StoreWriteError(
            f"{self._state.file} cannot be written: {why(error)}.",
            "Start facewatchd again: it takes all that the store and the other places hold."
            if isinstance(error, ChangedError)
            else "Free space on the disk of the state folder, or see what the kernel says of it"
            " (journalctl -k), and try again: what was acknowledged is kept.",
        )


def _whole(library: str, lines: Iterable[Line]) -> bytes:
    return b"".join([header(library), *(line.raw or bytes_of(line.decision) for line in lines)])


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Hold back the garbage collector, which takes 3 s of 4 on 640,000 new boxes, none garbage."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
