"""``facewatchctl cluster`` at work: reads, groups, writes, and says what came of it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import click

from facewatchd.batch import progress
from facewatchd.batch.cluster import outputs, preset, reading
from facewatchd.batch.cluster.grouping import faces_of, grouped
from facewatchd.batch.cluster.wish import Wish, plan
from facewatchd.batch.ending import told
from facewatchd.batch.place import Place
from facewatchd.batch.stopping import stoppable
from facewatchd.errors import FacewatchError
from facewatchd.render import count, duration, printable
from facewatchd.reports.groups import NOBODY
from facewatchd.store import reading as opened
from facewatchd.store.backup import parts
from facewatchd.store.lock import locked

if TYPE_CHECKING:
    from facewatchd.batch.cluster.reading import Library
    from facewatchd.batch.progress import Teller
    from facewatchd.config import Settings


@click.command()
@click.argument("said")
def cluster(said: str) -> None:
    """Do what ``facewatchctl cluster`` was asked for, which it passes on as JSON."""
    wish = Wish(**json.loads(said))
    with (
        told("What was read is kept: type the same again."),
        stoppable(),
        progress.shown() as teller,
    ):
        summary = run(wish, teller)
    if wish.as_json:
        click.echo(json.dumps(asdict(summary), indent=2))
    else:
        click.echo("\n".join(_in_words(summary)))


@click.command()
def presets() -> None:
    """List the presets that come with the program."""
    for name in preset.shipped():
        click.echo(f"{name}\t{preset.load(name).about}")


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a run.  ``encoded`` of the photos were read by this one, the others before.

    ``nobody`` counts the faces in no group; ``unreadable`` are paths with reasons, ``left_out``
    outputs with reasons.
    """

    preset: str
    engine: str
    clusterer: str
    photos: int
    encoded: int
    faces: int
    groups: int
    nobody: int
    unreadable: list[tuple[str, str]]
    left_out: list[tuple[str, str]]
    output: str
    seconds: float


def run(wish: Wish, teller: Teller) -> Summary:
    """Read the photos, group their faces, write what the preset says; raises FacewatchError."""
    began = time.monotonic()
    chosen = preset.load(wish.preset)
    planned = plan(wish, chosen)
    settings = planned.settings
    wanted = outputs.asked_for(chosen.outputs, settings, crops=wish.crops)
    place = Place(settings.output.path, "cluster")
    with place.claimed(), locked(settings.state):
        if wish.fresh:
            _forget(settings)
        library = reading.read_all(settings, teller.read)
        unreadable = _unreadable(settings)
        faces = faces_of(settings, library.engine, library.scale)
        _check(library, settings, unreadable, len(faces.photo))
        found = grouped(
            faces, settings, chosen.names, planned.min_samples, teller.stage("clustering")
        )
        found = replace(found, nobody=outputs.nobody(wanted) or found.nobody)
        with place.renewed() as folder:
            made = outputs.write(
                wanted, found, folder, settings, copy=wish.copy, progress=teller.stage("writing")
            )
    lost = {os.fsdecode(path): reason for path, reason in made.lost.items()}
    return Summary(
        preset=chosen.name,
        engine=library.engine.name,
        clusterer=settings.recluster.clusterer,
        photos=len(found.photos),
        encoded=library.read.encoded,
        faces=len(found.groups),
        groups=len(found.names),
        nobody=int((found.groups == NOBODY).sum()),
        unreadable=sorted((lost | dict(unreadable)).items()),
        left_out=made.left_out,
        output=str(settings.output.path),
        seconds=round(time.monotonic() - began, 3),
    )


def _forget(settings: Settings) -> None:
    for part in parts(settings.database):
        part.unlink(missing_ok=True)


def _unreadable(settings: Settings) -> list[tuple[str, str]]:
    with opened(settings.database) as store:
        return [(os.fsdecode(path), why) for path, why in store.everything.unreadable()]


def _check(
    library: Library, settings: Settings, unreadable: list[tuple[str, str]], faces: int
) -> None:
    """Raise FacewatchError when there is nothing to group; OUTPUT stays as it was."""
    [root] = settings.roots
    if not library.read.done:
        named = "".join(f"\n  {path}: {why}" for path, why in unreadable)
        there = f"No photo in {root.path} can be read:{named}" if named else ""
        raise FacewatchError(
            there or f"There is no photo in {root.path}.",
            "Name a folder with photos: facewatchctl cluster PHOTOS OUTPUT",
        )
    if not faces:
        raise FacewatchError(
            f"There is no face in the {count(library.read.done, 'photo')} of {root.path}.",
            "Name other photos, or another preset or --detector.",
        )


def _in_words(summary: Summary) -> list[str]:
    read = f"{summary.encoded:,} of them read now" if summary.encoded else "all read before"
    photos = f"{count(summary.photos, 'photo')} ({read}) with {count(summary.faces, 'face')}"
    groups = f"{count(summary.groups, 'group')}, {count(summary.nobody, 'face')} in none"
    how = f"{printable(summary.preset)} ({summary.engine}, {summary.clusterer})"
    lines = [
        f"{photos}: {groups}; {duration(summary.seconds)}.",
        f"{how} wrote into {printable(summary.output)}.",
    ]
    for title, entries in (
        ("could not be read", summary.unreadable),
        ("could not be made", summary.left_out),
    ):
        if entries:
            lines.append(f"{len(entries):,} {title}:")
            lines += [f"  {printable(what)}: {printable(why)}" for what, why in entries]
    return lines
