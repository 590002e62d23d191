"""facewatchd's entry point: checks, locks, starts, and steps the pipeline until told to stop."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from facewatchd import __version__, config
from facewatchd.api import ApiServer
from facewatchd.errors import FacewatchError, StartError
from facewatchd.mounts import is_network
from facewatchd.pipeline import Control, Pipeline, SystemClock
from facewatchd.service import Service, setup_logging

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.config import Settings

STATUS_EVERY = 30.0
_PRIVATE = ("errors",)  # status.json names no photo

log = logging.getLogger(__name__)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "path", type=click.Path(path_type=Path), help="Configuration (YAML).")
@click.option("--check-config", is_flag=True, help="Say whether the configuration is valid; exit.")
@click.option("--root", "roots", multiple=True, help="Watch this folder; may be given repeatedly.")
@click.option("--output", help="Folder for the people's folders.")
@click.option("--state", help="Folder for the store.")
@click.option("--workers", type=int, help="How many photos are read at a time.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning"]))
@click.version_option(__version__)
def main(
    path: Path | None,
    *,
    check_config: bool,
    roots: tuple[str, ...],
    output: str | None,
    state: str | None,
    workers: int | None,
    log_level: str,
) -> None:
    """Watch photo folders and keep a folder of links for each person in them.

    Options given here go before the configuration file.
    """
    given = {"output": _absolute(output), "state": _absolute(state), "workers": workers}
    overrides: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if roots:
        overrides["roots"] = [{"path": _absolute(root)} for root in roots]
    try:
        setup_logging(log_level)
        settings = config.load(path or (None if roots else config.find_config()), overrides)
        if check_config:
            click.echo("The configuration is valid.")
            return
        run(settings)
    except FacewatchError as error:
        click.echo(f"facewatchd: {error}", err=True)
        sys.exit(error.exit_code)


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raises FacewatchError when that is not possible."""
    service = Service()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_locked_state(settings))
        pipeline = Pipeline(settings, SystemClock())
        stack.callback(pipeline.close)
        stop = _stop_on_signals(pipeline)
        pipeline.start()
        control = Control(settings, pipeline)
        api = ApiServer(control, settings.socket_path)
        api.start()
        stack.callback(api.stop)
        service.ready(_words(_write_status(settings, control)))
        log.info("Watching %s.", ", ".join(str(root.path) for root in settings.roots))
        _loop(settings, pipeline, control, service, stop)
        service.stopping()
        _write_status(settings, control)
        log.info("Stopped.")


def _loop(
    settings: Settings, pipeline: Pipeline, control: Control, service: Service, stop: list[int]
) -> None:
    watchdog_due = 0.0
    status_due = time.monotonic() + STATUS_EVERY
    while not stop:
        pipeline.step()
        now = time.monotonic()
        if service.watchdog_seconds and now >= watchdog_due and pipeline.alive:
            service.watchdog()
            watchdog_due = now + service.watchdog_seconds
        if now >= status_due:
            service.status(_words(_write_status(settings, control)))
            status_due = now + STATUS_EVERY
        pipeline.wait()


def _stop_on_signals(pipeline: Pipeline) -> list[int]:
    """Return a list that gets the number of the first signal that asks us to stop."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        pipeline.wake()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return received


@contextlib.contextmanager
def _locked_state(settings: Settings) -> Iterator[None]:
    """Make the state folder and hold its lock, so that no second daemon works on it."""
    state = settings.state
    try:
        state.mkdir(parents=True, exist_ok=True)
        state.chmod(0o700)
        lock = os.open(state / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StartError(
            f"The state folder {state} cannot be used: {error.strerror}.",
            "Name another one (state), or let facewatchd's user write there.",
        ) from error
    try:
        if is_network(state):
            raise StartError(
                f"The state folder {state} lies on a network or FUSE file system.",
                "Name one on a local disk (state): the store needs memory shared on one machine.",
            )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"Another facewatchd works on the state folder {state}.",
                "Stop that one, or give this one a state folder of its own (state).",
            ) from error
        yield
    finally:
        os.close(lock)


def _write_status(settings: Settings, control: Control) -> dict[str, Any]:
    """Write ``status.json``, as a whole or not at all, and return the status."""
    status = control.status()
    public = {key: value for key, value in status.items() if key not in _PRIVATE}
    fresh = settings.state / "status.json.new"
    try:
        fresh.touch(0o600)
        fresh.write_text(json.dumps(public), encoding="ascii")
        fresh.replace(settings.state / "status.json")
    except OSError as error:  # a full disk, say: the store's own error tells more
        log.warning("The status cannot be written: %s", error)
    return status


def _words(status: dict[str, Any]) -> str:
    left = status["files"]["pending"]
    todo = f", {left} photos to read" if left else ""
    return f"{status['state']}: {status['photos']} photos, {status['people']} people{todo}"


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())
