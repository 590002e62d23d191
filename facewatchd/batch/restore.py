"""``facewatchctl restore`` at work: a backup takes the place of the store."""

from __future__ import annotations

import os
import pwd
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd import config
from facewatchd.config import COPIES
from facewatchd.errors import BackupError, ConfigError, FacewatchError, JournalError, LockedError
from facewatchd.journal import Journal
from facewatchd.journal.lines import Reader
from facewatchd.journal.place import Place
from facewatchd.pipeline.recovering import library_of_journal, set_aside
from facewatchd.render import count, printable
from facewatchd.store.backup import parts, put_in_place
from facewatchd.store.lock import locked
from facewatchd.store.sound import Held, held

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SET_ASIDE = "set-aside-"  # and the time: a folder in the state folder


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--config", "path", type=click.Path(path_type=Path))
@click.option("--state", type=click.Path(path_type=Path))
@click.option("--without-newer", is_flag=True)
def restore(file: Path, path: Path | None, state: Path | None, *, without_newer: bool) -> None:
    """Put the backup FILE in the place of the store."""
    try:
        found = held(file)
        folder, places = _places(path, state, found)
        _refuse_other_user(folder)
        for sentence in put_back(file, found, folder, places, without_newer=without_newer):
            click.echo(printable(sentence))
    except FacewatchError as error:
        click.echo(f"facewatchctl: {printable(error.title)}", err=True)
        click.echo(f"  {printable(error.remedy)}", err=True)
        sys.exit(error.exit_code)


def put_back(
    file: Path, found: Held, state: Path, places: Sequence[Path], *, without_newer: bool
) -> Iterator[str]:
    """Put ``file``, which holds ``found``, in the place of the store in ``state``, telling it.

    ``places`` are the folders of the journal.  BackupError where the daemon runs, where the
    journal is another library's, or where the disk refuses.
    """
    database = state / "store.db"
    if any(file.samefile(part) for part in parts(database)):
        raise BackupError(f"{file} is the store itself.", "Name a backup of it.")
    try:
        with locked(state):
            if without_newer:
                left_out = _left_out(found, places)
            else:
                _refuse_other_library(found, places)
                newer = _newer(found, places)
            aside = set_aside(parts(database), state, _SET_ASIDE)
            put_in_place(file, database)
            yield f"The backup {file} is the store now; what was there is in {aside}."
            yield from _put_journal_aside(places, aside, remove=without_newer)
            if without_newer:
                journal = Journal(places, found.library)
                journal.read(found.lines)
                yield (
                    f"The journal was written anew with {count(len(found.lines), 'decision')} of"
                    f" the backup; without {left_out}."
                )
                yield from journal.degraded.values()
            else:
                yield f"The start takes {count(newer, 'newer decision')} from the journal."
    except LockedError as error:
        raise BackupError(
            f"The daemon works on the state folder {state}.",
            "Stop it (systemctl stop facewatchd, or end the one that you started), and type this"
            " again.",
        ) from error
    except OSError as error:
        raise BackupError(
            f"The backup {file} cannot be put in the place of the store: {error}.",
            f"Make room in {state}, and let the daemon's user write there.",
        ) from error
    yield "Start the daemon now: systemctl start facewatchd, or: facewatchd --config FILE"


def _places(path: Path | None, state: Path | None, found: Held) -> tuple[Path, tuple[Path, ...]]:
    """Return the state folder, and all folders of the journal.

    Where only a state folder is named, the other one is that in the backup's own output.
    """
    file = path or config.find_config()
    settings = None if file is None else config.load(file)
    if settings is not None and (path is not None or state in {None, settings.state}):
        if state is not None:
            settings = settings.model_copy(update={"state": state})
        return settings.state, settings.journal_places
    if state is None:
        raise ConfigError(
            "There is no configuration, so nobody knows where the store is.",
            "Name it (--config FILE), or the state folder: facewatchctl --state DIR restore FILE",
        )
    return state, (state, *([] if found.output is None else [Path(found.output) / COPIES]))


def _refuse_other_user(state: Path) -> None:
    with suppress(FileNotFoundError):
        owner = state.stat().st_uid
        if owner != os.geteuid():
            try:
                name = pwd.getpwuid(owner).pw_name
            except KeyError:
                name = f"#{owner}"
            raise BackupError(
                f"The state folder {state} belongs to {name}, whose daemon must read the store.",
                f"Type: sudo -u {name} facewatchctl restore FILE",
            )


def _refuse_other_library(found: Held, places: Sequence[Path]) -> None:
    present = library_of_journal(places)
    if present is not None and found.library not in {None, present}:
        raise BackupError(
            f"The backup is of library {found.library}, the journal in {places[0]} of {present}.",
            "Name a backup of this library; or set this journal aside too, with --without-newer.",
        )


def _newer(found: Held, places: Sequence[Path]) -> int:
    """Return how many decisions in the journal the backup lacks."""
    reader = Reader()
    known = {decision.id for decision in reader.rows(found.lines, found.library).decisions()}
    there: set[str] = set()
    for place in map(Place, places):
        with suppress(OSError):  # an unreachable copy is told of below, or by the start
            content = reader.file(place.read(), str(place.file))
            there |= {each.id for each in content.decisions()} if content is not None else set()
    return len(there - known)


def _left_out(found: Held, places: Sequence[Path]) -> str:
    """Say what the journal has and the backup has not; a newer version's cannot be counted."""
    try:
        return f"{_newer(found, places)} that the backup does not hold"
    except JournalError:
        return "what a newer facewatchd has added"


def _put_journal_aside(places: Sequence[Path], aside: Path, *, remove: bool) -> Iterator[str]:
    """Copy the journal's files into ``aside``; ``remove`` them where they were."""
    for number, place in enumerate(map(Place, places)):
        try:
            raw = place.read()
        except OSError as error:
            yield f"{place.file} cannot be read, and stays as it is: {error.strerror}."
            continue
        if raw:
            name = place.file.name if number == 0 else f"{place.file.name}.{number}"
            Place(aside, name).replace(raw)
            if remove:
                place.file.unlink()
