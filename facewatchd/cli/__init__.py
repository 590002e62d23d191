"""facewatchctl's entry point: asks the daemon, and shows what it answers."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from facewatchd import __version__
from facewatchd.cli.ask import errors, find, status, why
from facewatchd.cli.backup import backup, restore
from facewatchd.cli.batch import bench, demo, doctor
from facewatchd.cli.bugreport import bugreport
from facewatchd.cli.calibrate import calibrate
from facewatchd.cli.cluster import cluster
from facewatchd.cli.completion import completion
from facewatchd.cli.decisions import ignore, log, undo
from facewatchd.cli.doubtful import doubtful
from facewatchd.cli.engine import engine
from facewatchd.cli.export import export
from facewatchd.cli.face import face
from facewatchd.cli.forget import forget
from facewatchd.cli.groups import Telling
from facewatchd.cli.metrics import metrics
from facewatchd.cli.models import models
from facewatchd.cli.pausing import pause, resume
from facewatchd.cli.people import people
from facewatchd.cli.photos import photos
from facewatchd.cli.place import where
from facewatchd.cli.plan import plan
from facewatchd.cli.reload import reload
from facewatchd.cli.report import report
from facewatchd.cli.suggestions import suggestions
from facewatchd.cli.unit import unit
from facewatchd.cli.wishes import recluster, retry, scan

_path = click.Path(path_type=Path)


@click.group(cls=Telling, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--socket", type=_path, help="The daemon's socket.")
@click.option("--state", type=_path, help="The daemon's state folder.")
@click.version_option(__version__, prog_name="facewatchctl")
@click.pass_context
def main(ctx: click.Context, socket: Path | None, state: Path | None) -> None:
    """Ask the face-watching daemon what it does, what it found, and to do it again."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows fewer letters
    ctx.obj = where(socket, state)


for _command in (
    status,
    people,
    face,
    doubtful,
    suggestions,
    calibrate,
    photos,
    export,
    report,
    find,
    why,
    errors,
    log,
    undo,
    ignore,
    forget,
    pause,
    resume,
    reload,
    scan,
    retry,
    recluster,
    plan,
    metrics,
    backup,
    restore,
    engine,
    models,
    cluster,
    demo,
    doctor,
    unit,
    bench,
    bugreport,
    completion,
):
    main.add_command(_command)
