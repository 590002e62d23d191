"""The pipeline that runs, by one configuration after another, and the loop that steps it."""

from __future__ import annotations

import ctypes
import gc
import logging
import time
from typing import TYPE_CHECKING

from facewatchd import checked, logs
from facewatchd.api import Access
from facewatchd.errors import FacewatchError
from facewatchd.pipeline import Control, Pipeline, Report, SystemClock
from facewatchd.pipeline.reloading import changes, check_seen

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.api import ApiServer
    from facewatchd.config import Settings
    from facewatchd.errors import StoreWriteError
    from facewatchd.pipeline import Reloads
    from facewatchd.service import Service

_TRIES_AGAIN = 10.0  # seconds; for so long a full disk is left alone

_SILENT = (
    "The watcher has ended, or the store cannot be read: the service manager is told nothing more,"
    " so that it starts facewatchd anew (WatchdogSec=)."
)

log = logging.getLogger(__name__)


class Running:
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
        log.error("%s It is tried again. %s", logs.error(error.title), error.remedy)
        self.pipeline.halt(error)
        self.report.renew(time.monotonic())  # for whoever finds no daemon that answers
        patience = min(_TRIES_AGAIN, self._service.watchdog_seconds or _TRIES_AGAIN)
        while not self.wanted:
            self._service.watchdog()
            self._service.status(f"{error.title} See: facewatchctl status")
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


def loop(running: Running, service: Service) -> None:
    """Step the pipeline until somebody wants something of ``running``."""
    pipeline, report = running.pipeline, running.report
    watchdog_due = time.monotonic() if service.watchdog_seconds else None
    rested = silent = False
    while not running.wanted:
        pipeline.step()
        now = time.monotonic()
        if service.watchdog_seconds and watchdog_due is not None and now >= watchdog_due:
            if pipeline.alive:
                service.watchdog()
            elif not silent:
                log.error("%s", _SILENT)
                silent = True
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
