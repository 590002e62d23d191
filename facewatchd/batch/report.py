"""``facewatchctl report`` at work: reports on the library of a daemon, which is asked for it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from facewatchd import reports
from facewatchd.batch import progress
from facewatchd.batch.ending import told
from facewatchd.batch.gathering import material
from facewatchd.batch.place import Place
from facewatchd.batch.stopping import stoppable
from facewatchd.client import Client
from facewatchd.errors import FacewatchError
from facewatchd.render import count, printable
from facewatchd.reports.groups import NOBODY

if TYPE_CHECKING:
    from facewatchd.batch.progress import Teller
    from facewatchd.reports.write import Written

_ON_REQUEST = {"crops", "faces.parquet", "faces.jsonl"}
_ROWS = {"parquet": "faces.parquet", "jsonl": "faces.jsonl"}


@dataclass(frozen=True, slots=True)
class Wish:
    """The command line: the daemon's socket, the folder, and what is to be in it."""

    socket: str
    folder: str
    names: list[str]
    people: list[str]
    crops: bool = False
    form: str | None = None
    as_json: bool = False


@click.command()
@click.argument("said")
def report(said: str) -> None:
    """Do what ``facewatchctl report`` was asked for, which it passes on as JSON."""
    wish = Wish(**json.loads(said))
    with told("The folder is as it was, or half made."), stoppable(), progress.shown() as teller:
        summary = _run(wish, teller)
    if wish.as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
    else:
        click.echo("\n".join(_in_words(summary)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written; ``left_out`` are reports with reasons, ``unreadable`` photos likewise."""

    folder: str
    photos: int
    faces: int
    people: int
    nobody: int
    files: int
    left_out: list[tuple[str, str]]
    unreadable: list[tuple[str, str]]


def _run(wish: Wish, teller: Teller) -> Summary:
    chosen, missing = _chosen(wish)
    place = Place(Path(wish.folder).resolve(), "report")
    with place.claimed():
        library = material(Client(Path(wish.socket)).report(wish.people))
        told = teller.stage("writing")
        with place.renewed() as folder:
            made = reports.write(
                library,
                os.fsencode(folder),
                [reports.report(name) for name in chosen],
                progress=lambda done, total: told(done / max(1, total)),
            )
    return _summary(place, library, made, missing)


def _chosen(wish: Wish) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the reports to make, and those that are left out as a package for them is missing.

    Whoever names a report wants it: ReportError then when a package is missing.
    """
    extra = ["crops"] * wish.crops + ([_ROWS[wish.form]] if wish.form else [])
    named = [reports.report(name) for name in [*wish.names, *extra]]
    reports.check_installed(named)
    if wish.names:
        return list(dict.fromkeys([*wish.names, *extra])), []
    chosen, missing = [], []
    for name in reports.REPORTS:
        try:
            reports.check_installed([reports.report(name)])
        except FacewatchError as error:
            missing.append((name, f"{error.title} {error.remedy}"))
        else:
            chosen.append(name)
    wanted = [name for name in chosen if name not in _ON_REQUEST or name in extra]
    return wanted, [each for each in missing if each[0] not in _ON_REQUEST]


def _summary(
    place: Place, library: reports.Material, made: Written, missing: list[tuple[str, str]]
) -> Summary:
    return Summary(
        folder=str(place.output),
        photos=len(library.photos),
        faces=len(library),
        people=len(library.names),
        nobody=int((library.groups == NOBODY).sum()),
        files=len(made.made),
        left_out=[*missing, *((each.report, each.reason) for each in made.left_out)],
        unreadable=[(os.fsdecode(each.photo), each.reason) for each in made.unreadable],
    )


def _in_words(summary: Summary) -> list[str]:
    found = (
        f"{count(summary.faces, 'face')} in {count(summary.photos, 'photo')},"
        f" {count(summary.people, 'person', 'people')}, {count(summary.nobody, 'face')} of nobody"
    )
    lines = [f"{found}: {count(summary.files, 'file')} in {printable(summary.folder)}."]
    for title, entries in (
        ("could not be made", summary.left_out),
        ("could not be read", summary.unreadable),
    ):
        if entries:
            lines.append(f"{len(entries):,} {title}:")
            lines += [f"  {printable(what)}: {printable(why)}" for what, why in entries]
    return lines
