"""How far a run is: a bar on a terminal, a line now and then elsewhere; on stderr."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from facewatchd.render import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from facewatchd.batch.cluster.reading import Read

_LINE_EVERY = 10.0  # seconds


class Teller(Protocol):
    """Who is told how far a run is."""

    def read(self, read: Read) -> None:
        """So many photos were read until now."""
        ...

    def stage(self, name: str) -> Callable[[float], None]:
        """Return what is told the share of the stage ``name`` that is done, from 0 to 1."""
        ...


@contextmanager
def shown() -> Iterator[Teller]:
    """Yield who shows on stderr what is told."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress)


class _Rate:
    """Photos a second since the reading began; what an earlier run had read does not count."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._before: int | None = None

    def of(self, ended: int) -> float:
        if self._before is None:
            self._before = ended
        return (ended - self._before) / max(time.monotonic() - self._began, 1e-3)


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rate = _Rate()
        self._task = progress.add_task("reading", total=None, words="")

    def read(self, read: Read) -> None:
        ended = read.done + read.failed
        words = f"{ended:,} of {read.photos:,} photos, {self._rate.of(ended):.1f} a second"
        self._progress.update(self._task, completed=ended, total=read.photos or None, words=words)

    def stage(self, name: str) -> Callable[[float], None]:
        task = self._progress.add_task(name, total=1.0, words="")
        return lambda share: self._progress.update(task, completed=share)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._rate = _Rate()
        self._due = time.monotonic() + _LINE_EVERY

    def read(self, read: Read) -> None:
        ended = read.done + read.failed
        rate = self._rate.of(ended)
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _LINE_EVERY
        left = f", {duration(read.pending / rate)} left" if rate > 0 and read.pending else ""
        self._print(f"{ended:,} of {count(read.photos, 'photo')} read, {rate:.1f} a second{left}")

    def stage(self, name: str) -> Callable[[float], None]:
        self._print(name)
        return lambda _share: None

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)
