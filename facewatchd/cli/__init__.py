"""facewatchctl's entry point: asks the daemon, and shows what it answers."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facewatchd import __version__, render
from facewatchd.cli import ask
from facewatchd.cli.become import become as _become
from facewatchd.cli.engine import engine
from facewatchd.cli.models import models
from facewatchd.cli.names import by_any_name
from facewatchd.errors import ApiError, FacewatchError

if TYPE_CHECKING:
    from facewatchd.client import Client

_SYSTEM_SOCKET = Path("/run/facewatchd/api.sock")
_SYSTEM_STATE = Path("/var/lib/facewatchd")
_REPORTED = 1000  # failed files whose kinds a bug report counts
_POLL_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Where:
    """Where the daemon listens, and the state folders that its last status may lie in."""

    socket: Path
    states: tuple[Path, ...]

    def client(self) -> Client:
        """Return a client of the daemon."""
        from facewatchd.client import Client  # noqa: PLC0415 -- --help needs no HTTP

        return Client(self.socket)

    def last_status(self) -> dict[str, Any] | None:
        """Return the newest status that a daemon left behind."""
        from facewatchd.client import read_last_status  # noqa: PLC0415 -- the same

        found = [s for s in map(read_last_status, self.states) if s is not None]
        return max(found, key=lambda s: float(s["time"]), default=None)


def where(socket: Path | None, state: Path | None) -> Where:
    """Return where the daemon is, without reading its configuration."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    own = Path(base).expanduser() / "facewatchd"
    if socket is None and (named := os.environ.get("FACEWATCHD_SOCKET")):
        socket = Path(named)
    if socket is not None:
        return Where(socket, (state or socket.parent,))
    if state is not None:
        return Where(state / "api.sock", (state,))
    if _exists(_SYSTEM_SOCKET):
        return Where(_SYSTEM_SOCKET, (_SYSTEM_STATE,))
    return Where(own / "api.sock", (own, _SYSTEM_STATE))


class _Group(click.Group):
    """The one place where an error becomes words and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except FacewatchError as error:
            click.echo(f"facewatchctl: {render.printable(error.title)}", err=True)
            click.echo(f"  {render.printable(error.remedy)}", err=True)
            ctx.exit(error.exit_code)


_path = click.Path(path_type=Path)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
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


@main.command()
@click.pass_obj
def retry(place: Where) -> None:
    """Try again all that could not be read, also when an engine was switched to."""
    client = place.client()
    queued = client.retry()
    click.echo(f"{render.count(queued, 'failed photo')} will be tried again.")


@main.command()
@click.option(
    "--accept-deletions",
    "accept",
    metavar="ROOT",
    type=click.Path(path_type=bytes),
    help="Also take what vanished from ROOT for deleted.",
)
@click.pass_obj
def scan(place: Where, *, accept: bytes | None) -> None:
    """Walk over all watched folders now."""
    client = place.client()
    if accept is None:
        client.scan()
        click.echo("All watched folders are walked over; see: facewatchctl status")
    else:
        by_any_name(accept, client.scan)
        shown = render.printable(os.fsdecode(accept))
        click.echo(f"What is missing in {shown} is taken for deleted; see: facewatchctl status")


@main.command()
@click.option("--wait", is_flag=True, help="Return when it is done, and say what came out.")
@click.pass_obj
def recluster(place: Where, *, wait: bool) -> None:
    """Cluster all faces anew now."""
    client = place.client()
    before = client.status()["recluster"]["runs"]
    client.recluster()
    if not wait:
        click.echo("All faces are clustered anew; see: facewatchctl status")
        return
    after = _wait_for_clustering(client, before)
    click.echo(
        f"Clustered {render.count(after['faces'], 'face')} in "
        f"{render.duration(after['recluster']['last_seconds'] or 0)}: "
        f"{render.count(after['people'], 'person', 'people')}, {after['doubtful']:,} doubtful."
    )


@main.command()
@click.argument("photos", type=click.Path(path_type=Path), required=False)
@click.option(
    "--into",
    type=_path,
    default=Path("facewatchd-demo"),
    show_default=True,
    help="The folder that the demo makes.",
)
def demo(photos: Path | None, into: Path) -> None:
    """Run the daemon on the folder PHOTOS, or on made photos of six people; show the result."""
    _become("demo", "--into", str(into), "--", *([str(photos)] if photos else []))


@main.command()
@click.option("--config", type=_path, help="The configuration; else the one the daemon finds.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(config: Path | None, *, as_json: bool) -> None:
    """Check folders, limits and models without the daemon; say what to type to mend them."""
    named = ["--config", str(config)] if config else []
    _become("doctor", *named, *(["--json"] if as_json else []))


@main.command()
@click.argument(
    "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), required=False
)
@click.option("--config", type=_path, help="The configuration; else the one the daemon finds.")
@click.option("--photos", type=click.IntRange(1), help="How many to read; 24 without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def bench(folder: Path | None, config: Path | None, photos: int | None, *, as_json: bool) -> None:
    """Measure how fast this machine reads photos of FOLDER, or of the configured roots."""
    named = ["--config", str(config)] if config else []
    number = ["--photos", str(photos)] if photos else []
    place = ["--", str(folder)] if folder else []
    _become("measure", *named, *number, *(["--json"] if as_json else []), *place)


for command in (*ask.COMMANDS, models, engine):
    main.add_command(command)


@main.command()
@click.option("--out", type=_path, help="Write it into this file instead of printing it.")
@click.pass_obj
def bugreport(place: Where, *, out: Path | None) -> None:
    """Print how this machine and the daemon are, without faces, names or paths."""
    from facewatchd import bugreport as report  # noqa: PLC0415 -- reads all of our source

    status, reasons, trouble = None, [], None
    try:
        client = place.client()
        status = client.status()
        reasons = [error["reason"] for error in client.errors(_REPORTED)]
    except FacewatchError as error:
        trouble = error.title
        with contextlib.suppress(FacewatchError):  # one trouble is told, the first
            status = place.last_status()
    text = json.dumps(report.report(status, reasons, trouble), indent=2, ensure_ascii=False)
    if out is None:
        click.echo(text)
    else:
        _write(out, text)
    click.echo(report.HOLDS, err=True)


def _write(out: Path, text: str) -> None:
    try:
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text + "\n")
    except OSError as error:
        raise FacewatchError(
            f"The report cannot be written to {out}: {error.strerror}.",
            "Name another file with --out, or leave it out.",
        ) from error


def _wait_for_clustering(client: Client, before: int) -> dict[str, Any]:
    """Return the status once more than ``before`` re-clusterings have ended and none is left."""
    while True:
        now = client.status()
        clustering = now["recluster"]
        if clustering["runs"] > before and not clustering["running"]:
            break
        time.sleep(_POLL_EVERY)
    if clustering["error"]:
        raise ApiError(clustering["error"], "The daemon's log may say more.")
    return now


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # it is there, for others
