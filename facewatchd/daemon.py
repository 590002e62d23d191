"""facewatchd's entry point: checks, locks, starts, and steps the pipeline until told to stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from facewatchd import __version__, checked, config, landlock, logs
from facewatchd.api import Access, ApiServer
from facewatchd.errors import FacewatchError, StoreWriteError
from facewatchd.pipeline import Control, Pipeline, Reloads, Report, SystemClock
from facewatchd.pipeline.recovering import recover
from facewatchd.pipeline.reloading import changes, check_seen
from facewatchd.pipeline.upgrading import prepare
from facewatchd.service import Service
from facewatchd.store.lock import locked
from facewatchd.store.sound import damage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings

_TRIES_AGAIN = 10.0  # seconds; for so long a full disk is left alone
_THREADS_END_WITHIN = 2.0  # seconds, once everything has been stopped

_WITHOUT_LANDLOCK = (
    "This kernel has no Landlock (Linux 5.13, CONFIG_LSM): that photos are only read is left to"
    " modes and to the unit, which does not cover disks that are mounted later."
)

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
        logs.setup_logging(log_level)
        file = path or (None if roots else config.find_config())
        settings = config.load(file, overrides)
        if check_config:
            click.echo("The configuration is valid.")
            return
        reloads = Reloads(lambda: config.load(file, overrides))
        run(settings, lambda pipeline: _heed_signals(pipeline, reloads), reloads)
    except FacewatchError as error:
        click.echo(f"facewatchd: {error}", err=True)
        leave(error.exit_code)
    leave(0)


def run(
    settings: Settings, stops: Callable[[Pipeline], list[int]], reloads: Reloads | None = None
) -> None:
    """Run until the list that ``stops`` returns has something in it.

    Whoever puts it there, or a wish into ``reloads``, wakes the pipeline; after a reload there is
    another pipeline, and ``stops`` is called again.  Raises FacewatchError when it cannot run.
    """
    service = Service()
    reloads = reloads or Reloads()
    if not landlock.version():
        log.warning("%s", _WITHOUT_LANDLOCK)
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked(settings.state))
        recover(settings, service.breathe)
        stack.enter_context(damage_errors(settings.database))
        prepare(settings, service.breathe)
        running = _Running(settings, service, stops, reloads)
        stack.callback(running.close)
        running.start()
        api = ApiServer(running.control, settings.socket_path, Access.of(settings))
        api.start()
        stack.callback(api.stop)
        stack.callback(reloads.refuse)
        service.ready(running.say_so())
        while not running.stop:
            try:
                _loop(running, service)
            except StoreWriteError as error:
                running.outlast(error, api)
            if reloads.wished and not running.stop:
                service.reloading()
                running.reload(api)
                service.ready(running.say_so())
        service.stopping()
        running.report.renew(time.monotonic())
        log.info("Stopped.")


class _Running:
    """The pipeline and what tells of it, by one configuration after another."""

    def __init__(
        self,
        settings: Settings,
        service: Service,
        stops: Callable[[Pipeline], list[int]],
        reloads: Reloads,
    ) -> None:
        self._service = service
        self._stops = stops
        self._reloads = reloads
        self._open(settings)
        self.stop = stops(self.pipeline)

    def start(self) -> None:
        """Watch the roots."""
        self.pipeline.start(lambda: self.stop)

    def close(self) -> None:
        """Stop everything."""
        self.pipeline.close()

    @property
    def wanted(self) -> bool:
        """Whether somebody wants it to stop, or to go by another configuration."""
        return bool(self.stop) or self._reloads.wished

    def say_so(self) -> str:
        """Log that all goes by this configuration, and return the status as one line."""
        roots = ", ".join(str(root.path) for root in self.settings.roots)
        words = self.report.renew(time.monotonic())
        log.info("Watching %s.", roots)
        gc.unfreeze()  # what an earlier pipeline left is garbage now
        gc.collect()
        gc.freeze()  # what was read of the journal stays: collections need not look at it
        return words

    def reload(self, api: ApiServer) -> None:
        """Go by the configuration as it is now; if that cannot be, by the former one."""
        wishes = self._reloads.granted()
        try:
            changed = self._take_up(api)
        except FacewatchError as error:
            log.error("The former configuration stays. %s", logs.error(error))  # noqa: TRY400 -- it says all
            for wish in wishes:
                wish.set_exception(error)
        else:
            log.info("The configuration was read again; changed: %s.", ", ".join(changed) or "-")
            for wish in wishes:
                wish.set_result(changed)

    def outlast(self, error: StoreWriteError, api: ApiServer) -> None:
        """Wait until the store takes changes again, and begin anew with what it holds.

        What is in memory may be ahead of it.  Requests are answered from the store meanwhile.
        """
        log.error("%s It is tried again.", logs.error(error.title))
        patience = min(_TRIES_AGAIN, self._service.watchdog_seconds or _TRIES_AGAIN)
        while not self.wanted:
            self._service.watchdog()
            self._service.status(error.title)
            self.pipeline.rest(time.monotonic() + patience)
            if not self.wanted and self.pipeline.takes_changes():
                self._change_to(self.settings)
                api.turn_to(self.control)
                log.info("The store takes changes again: all goes on.")
                self._service.status(self.report.renew(time.monotonic()))
                return

    def _take_up(self, api: ApiServer) -> list[str]:
        wanted = self._reloads.load()
        if not (changed := changes(self.settings, wanted)):
            self.pipeline.scan()
            return []
        check_seen(self.settings, wanted)
        access = Access.of(wanted)
        checked.clusterer(wanted.recluster.clusterer, wanted.recluster.options)
        former = self.settings
        try:
            self._change_to(wanted)
        except FacewatchError:
            self._change_to(former)
            raise
        finally:
            api.turn_to(self.control)
        api.admit(access)
        return changed

    def _change_to(self, settings: Settings) -> None:
        self.pipeline.close()
        self._open(settings)
        former, self.stop = self.stop, self._stops(self.pipeline)
        self.stop += former
        self.start()

    def _open(self, settings: Settings) -> None:
        self.settings = settings
        logs.show_names(settings.log.names)
        self.pipeline = Pipeline(settings, SystemClock(), self._service.breathe)
        self.control = Control(settings, self.pipeline, self._reloads)
        self.report = Report(settings, self.pipeline, self.control)


def _loop(running: _Running, service: Service) -> None:
    pipeline, report = running.pipeline, running.report
    watchdog_due = time.monotonic() if service.watchdog_seconds else None
    rested = False
    while not running.wanted:
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


def _heed_signals(pipeline: Pipeline, reloads: Reloads) -> list[int]:
    """Return a list that gets the number of each signal that asks us to stop.

    SIGHUP asks, as ever, that the configuration be read again.
    """
    received: list[int] = []

    def note(number: int, _frame: object) -> None:
        received.append(number)

    def renew(_number: int, _frame: object) -> None:
        reloads.wish()

    # Of two signals at once the system may give both to other threads; then nothing but this wakes
    # the main thread, which alone runs the handlers.
    former = signal.set_wakeup_fd(pipeline.waker(), warn_on_full_buffer=False)
    if former != -1:
        os.close(former)
    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    signal.signal(signal.SIGHUP, renew)
    return received


def _absolute(path: str | None) -> str | None:
    return None if path is None else str(Path(path).expanduser().absolute())
