"""facewatchd-hooks's entry point."""

from __future__ import annotations

import logging
import signal
import stat
import sys
import threading
import time
from contextlib import ExitStack
from enum import Enum, auto
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import click

from facewatchd import __version__
from facewatchd.client import Client
from facewatchd.errors import ConfigError, Exit, FacewatchError
from facewatchd.hooks.config import PATH, load
from facewatchd.hooks.hook import Hook, StoppedError
from facewatchd.hooks.memory import Memory, locked
from facewatchd.hooks.messages import trial
from facewatchd.hooks.ways import way_of
from facewatchd.logs import setup_logging
from facewatchd.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.hooks.config import Settings

_GRACE = 10.0  # seconds for messages under way when the program is to end

log = logging.getLogger(__name__)


class _News(Enum):
    """What the main thread is told: another status, that it is to end, or that a hook has a bug."""

    CHANGE = auto()
    END = auto()
    BUG = auto()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=PATH,
    show_default=True,
    help="The hooks (YAML).",
)
@click.option("--check", is_flag=True, help="Say whether the hooks are valid; exit.")
@click.option("--test", "tested", metavar="NAME", help="Send a test message by one hook; exit.")
@click.option("--log-level", default="info", type=click.Choice(["debug", "info", "warning"]))
@click.version_option(__version__)
def main(path: Path, *, check: bool, tested: str | None, log_level: str) -> None:
    """Run commands and webhooks for what happens in facewatchd."""
    try:
        setup_logging(log_level, "facewatchd-hooks")
        settings = load(path)
        _warn_of_readers(path)
        if tested is not None:
            _test(settings, tested)
        elif check:
            _check(settings)
        else:
            run(settings)
    except FacewatchError as error:
        click.echo(f"facewatchd-hooks: {error}", err=True)
        sys.exit(error.exit_code)


def run(settings: Settings) -> None:
    """Run all hooks until SIGTERM or SIGINT; FacewatchError when that is not possible."""
    service = Service()
    news: SimpleQueue[_News] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: news.put(_News.END))
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(locked(settings.state))
        hooks = [
            Hook(
                name,
                hook,
                Client(settings.socket),
                way_of(hook),
                Memory(settings.state / f"{name}.json"),
                stop,
            )
            for name, hook in settings.hooks.items()
        ]
        threads = {
            hook.name: threading.Thread(target=_follow, args=(hook, news), daemon=True)
            for hook in hooks
        }
        for thread in threads.values():
            thread.start()
        service.ready(_words(hooks))
        while (ended := news.get()) is _News.CHANGE:
            service.status(_words(hooks))
        service.stopping()
        stop.set()
        _take_leave(threads[hook.name] for hook in hooks if hook.delivering)
    log.info("Stopped.")
    if ended is _News.BUG:
        sys.exit(Exit.FAILED)


def _follow(hook: Hook, news: SimpleQueue[_News]) -> None:
    """Have ``hook`` do its work until the program ends; a bug of ours ends all of it."""
    try:
        while True:
            hook.step()
            news.put(_News.CHANGE)
    except StoppedError:
        pass
    except BaseException:
        log.exception("The hook %s ended.", hook.name)
        news.put(_News.BUG)
        raise


def _take_leave(busy: Iterable[threading.Thread]) -> None:
    """Wait for messages under way; who waits for events is left behind, which loses nothing."""
    deadline = time.monotonic() + _GRACE
    for thread in busy:
        thread.join(max(0.0, deadline - time.monotonic()))


def _words(hooks: Iterable[Hook]) -> str:
    """Return what `systemctl status` shows."""
    words = []
    for hook in hooks:
        given_up = f", {hook.progress.given_up} given up" if hook.progress.given_up else ""
        waits = f", waits: {hook.trouble}" if hook.trouble else ""
        words.append(f"{hook.name}: {hook.progress.delivered} delivered{given_up}{waits}")
    return "; ".join(words)


def _check(settings: Settings) -> None:
    for hook in settings.hooks.values():
        way_of(hook)
    click.echo(f"The hooks are valid: {', '.join(settings.hooks)}.")


def _test(settings: Settings, name: str) -> None:
    hook = settings.hooks.get(name)
    if hook is None:
        raise ConfigError(
            f"There is no hook {name!r}.", f"Name one of them: {', '.join(settings.hooks)}."
        )
    way_of(hook).send(trial(name).document(name, ""))
    click.echo(f"The hook {name} has delivered a test message.")


def _warn_of_readers(path: Path) -> None:
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("Everyone may read %s, which may hold tokens: chmod 600 %s", path, path)
