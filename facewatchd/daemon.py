"""facewatchd's entry point: checks, locks, starts, and steps the pipeline until told to stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from facewatchd import __version__, config
from facewatchd.api import ApiServer
from facewatchd.errors import FacewatchError
from facewatchd.pipeline import Control, Pipeline, SystemClock
from facewatchd.pipeline.recovering import recover
from facewatchd.service import Service, setup_logging
from facewatchd.store.lock import locked
from facewatchd.store.sound import damage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings

STATUS_EVERY = 30.0  # seconds at least between two reports
_LASTS = 5.0  # seconds; a rescan that finds nothing is over sooner, and is not worth a report
_THREADS_END_WITHIN = 2.0  # seconds, once everything has been stopped
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
        run(settings, _stop_on_signals)
    except FacewatchError as error:
        click.echo(f"facewatchd: {error}", err=True)
        leave(error.exit_code)
    leave(0)


def run(settings: Settings, stops: Callable[[Pipeline], list[int]]) -> None:
    """Run until the list that ``stops`` returns has something in it.

    Whoever puts it there wakes the pipeline.  Raises FacewatchError when it cannot run.
    """
    service = Service()
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked(settings.state))
        recover(settings)
        stack.enter_context(damage_errors(settings.database))
        pipeline = Pipeline(settings, SystemClock(), service.watchdog)
        stack.callback(pipeline.close)
        stop = stops(pipeline)
        pipeline.start(lambda: stop)
        control = Control(settings, pipeline)
        api = ApiServer(control, settings.socket_path)
        api.start()
        stack.callback(api.stop)
        report = Report(settings, pipeline, control)
        service.ready(report.renew(time.monotonic()))
        log.info("Watching %s.", ", ".join(str(root.path) for root in settings.roots))
        gc.freeze()  # what was read of the journal stays: collections need not look at it
        _loop(pipeline, report, service, stop)
        service.stopping()
        report.renew(time.monotonic())
        log.info("Stopped.")


class Report:
    """``status.json``, for whoever asks when there is no daemon to answer.

    It is renewed when something has changed and stays so for a moment: an idle daemon writes
    nothing, and the disk may sleep.
    """

    def __init__(self, settings: Settings, pipeline: Pipeline, control: Control) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._control = control
        self._told: object = None
        self._not_before = 0.0
        self._due: float | None = None

    def next_due(self, now: float) -> float | None:
        """Return when it is to be renewed, None while it tells how things are."""
        if self._pipeline.changes == self._told:
            self._due = None
        elif self._due is None:
            self._due = max(self._not_before, now + _LASTS)
        return self._due

    def renew(self, now: float) -> str:
        """Write the file, and return the status as one line."""
        self._told, self._due = self._pipeline.changes, None
        self._not_before = now + STATUS_EVERY
        return _words(_write_status(self._settings, self._control))


def _loop(pipeline: Pipeline, report: Report, service: Service, stop: list[int]) -> None:
    watchdog_due = time.monotonic() if service.watchdog_seconds else None
    rested = False
    while not stop:
        pipeline.step()
        now = time.monotonic()
        if service.watchdog_seconds and watchdog_due is not None and now >= watchdog_due:
            if pipeline.alive:
                service.watchdog()
            watchdog_due = now + service.watchdog_seconds
        report_due = report.next_due(now)
        if report_due is not None and now >= report_due:
            service.status(report.renew(now))
            report_due = None
        if pipeline.at_rest and not rested:
            _give_memory_back()
        rested = pipeline.at_rest
        pipeline.wait(min((due for due in (watchdog_due, report_due) if due), default=None))


def _give_memory_back() -> None:
    """Return to the system what work took: glibc keeps what is freed, for the next time."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def leave(code: int) -> NoReturn:
    """End the process; a thread that hangs on dead storage is not waited for, as Python would."""
    others = [t for t in threading.enumerate() if t is not threading.main_thread() and not t.daemon]
    for thread in others:
        thread.join(_THREADS_END_WITHIN / len(others))
    stuck = [thread.name for thread in others if thread.is_alive()]
    if stuck:
        log.warning("Threads that do not end are left behind: %s.", ", ".join(stuck))
        logging.shutdown()
        os._exit(code)
    sys.exit(code)


def _stop_on_signals(pipeline: Pipeline) -> list[int]:
    """Return a list that gets the number of the first signal that asks us to stop."""
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)
        pipeline.wake()

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return received


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
