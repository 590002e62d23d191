"""facewatchd's entry point: checks, locks, starts, and ends when it is told to."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from facewatchd import __version__, config, landlock, logs
from facewatchd.api import Access, ApiServer
from facewatchd.errors import FacewatchError, StoreWriteError
from facewatchd.pipeline import Reloads
from facewatchd.pipeline.recovering import recover
from facewatchd.pipeline.upgrading import prepare
from facewatchd.running import Running, loop
from facewatchd.service import Service
from facewatchd.store.lock import locked
from facewatchd.store.sound import damage_errors

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings
    from facewatchd.pipeline import Pipeline

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
        running = Running(settings, service, stops, reloads)
        stack.callback(running.close)
        running.start()
        api = ApiServer(running.control, settings.socket_path, Access.of(settings))
        api.start()
        stack.callback(api.stop)
        stack.callback(reloads.refuse)
        service.ready(running.say_so())
        while not running.stop:
            try:
                loop(running, service)
            except StoreWriteError as error:
                running.outlast(error, api)
            if reloads.wished and not running.stop:
                service.reloading()
                running.reload(api)
                service.ready(running.say_so())
        service.stopping()
        running.report.renew(time.monotonic())
        log.info("Stopped.")


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
