"""The parent's side of the workers: hands out tasks, and learns how each one ends.

A crash, a hang or exhausted memory ends one task and one worker.  The pool counts no tries: it says
Lost, and whoever submitted the task decides.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.child import Child
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.errors import Exit, LoadError
from facewatchd.model import (
    Answer,
    Hashed,
    Lost,
    NotReady,
    Ready,
    Stuck,
    Task,
    Told,
    WorkerSettings,
)

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_LOADS_WITHIN = 120.0  # seconds for an engine at least: a busy machine is no reason to end
_ABANDONED_AFTER = 5.0  # seconds after SIGKILL: only a process stuck in the kernel lives so long
_KILLED_BY_KERNEL = "SIGKILL"

_NOTHING_SAID = Told()

log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """A task and what became of it.

    After Hashed the task goes on: ``Pool.answer`` it.  Stuck comes after Lost, once.
    """

    task: Task
    answer: Answer


@dataclass(slots=True, eq=False)
class _Worker:
    child: Child
    task: Task | None
    since: float  # when the task, or the idleness, began
    ready: bool = False


@dataclass(slots=True, eq=False)
class _Ending:
    child: Child
    task: Task | None  # what it was at when it was killed
    kill_at: float
    abandon_at: float


class Pool:
    """Up to ``size`` worker processes, started on demand and ended after ``idle_seconds``.

    All times are ``time.monotonic()``, given by the caller; a task that takes longer than
    ``seconds``, once the engine is loaded, is Lost.  The thread that calls ``submit`` must outlive
    the pool (see Child).
    """

    def __init__(
        self, size: int, settings: WorkerSettings, seconds: float, idle_seconds: float = 30.0
    ) -> None:
        self.size = size
        self._settings = settings
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._workers: list[_Worker] = []
        self._ending: list[_Ending] = []
        self._outcomes: list[Outcome] = []  # that were not told yet
        self._unstarted: list[Task] = []  # of workers that could not load their engine
        self._now = 0.0

    @property
    def free(self) -> int:
        """How many tasks can be submitted now.

        Workers that do not die count once there are more of them than ``size``, so that dead
        storage cannot pile up processes without end.
        """
        return max(0, self.size - self.busy - max(0, len(self._ending) - self.size))

    @property
    def busy(self) -> int:
        """How many tasks are under way."""
        return sum(worker.task is not None for worker in self._workers)

    @property
    def tasks(self) -> list[Task]:
        """What the workers are at, those that were killed and do not die included."""
        tasks = [worker.task for worker in self._workers] + [each.task for each in self._ending]
        return [task for task in tasks if task is not None]

    @property
    def empty(self) -> bool:
        """Whether no process is left, not even one that does not die."""
        return not self._workers and not self._ending

    def submit(self, task: Task, now: float) -> None:
        """Give ``task`` to a worker; only when ``free``."""
        if not self.free:
            raise RuntimeError("no worker is free")
        idle = next((worker for worker in self._workers if worker.task is None), None)
        worker = idle or self._start(now)
        worker.task, worker.since = task, now
        self._send(worker, task)

    def connections(self) -> list[Connection[Any, Any]]:
        """Return what ``multiprocessing.connection.wait`` should wait on between two steps."""
        return [worker.child.connection for worker in self._workers]

    def answer(self, task: Task, *, encode: bool, told: Told = _NOTHING_SAID) -> None:
        """Tell the worker that hashed ``task`` to go on with it, or that its photo is known.

        ``told`` is what the user said of the picture.
        """
        worker = next((worker for worker in self._workers if worker.task is task), None)
        if worker is None:  # it died meanwhile; the next step says Lost, or has said so
            return
        self._send(worker, told if encode else None)
        if not encode:
            worker.task, worker.since = None, self._now

    def step(self, now: float) -> list[Outcome]:
        """Read what has arrived, enforce limits, end idle workers; return what became of tasks.

        LoadError when a worker cannot load its engine: no other worker could.
        """
        self._now = now
        for worker in list(self._workers):
            self._outcomes += self._hear(worker)
        for worker in list(self._workers):
            self._outcomes += self._check_time(worker)
        outcomes, self._outcomes = self._outcomes + self._bury(), []
        return outcomes

    def restart(self, settings: WorkerSettings, now: float) -> list[Task]:
        """End all workers, and start others by ``settings`` from now on.

        Returns the tasks that came to no end: nothing is told of these any more, unless their
        workers do not die.
        """
        self._now = now
        self._settings = settings
        tasks = [worker.task for worker in self._workers if worker.task is not None]
        for worker in list(self._workers):
            self._end(worker, kill=True)
        unstarted, self._unstarted = self._unstarted, []
        # Who hashed a photo is gone; what has come to its end is still to be told.
        self._outcomes = [one for one in self._outcomes if not isinstance(one.answer, Hashed)]
        return tasks + unstarted

    def close(self, seconds: float = _ABANDONED_AFTER) -> None:
        """End all workers within ``seconds``; those that do not die by then are abandoned."""
        children = [worker.child for worker in self._workers]
        children += [each.child for each in self._ending]
        self._workers, self._ending = [], []
        for child in children:
            child.kill()
        deadline = time.monotonic() + seconds
        for child in children:
            if not child.close(max(0.0, deadline - time.monotonic())):
                log.warning("worker %d does not end; it is abandoned", child.pid)

    def _start(self, now: float) -> _Worker:
        worker = _Worker(Child("facewatchd.worker"), None, now)
        self._workers.append(worker)
        self._send(worker, self._settings)
        return worker

    def _send(self, worker: _Worker, message: object) -> None:
        try:
            worker.child.send(message)
        except OSError:
            log.debug("worker %d has gone; the next step finds out how", worker.child.pid)

    def _hear(self, worker: _Worker) -> list[Outcome]:
        outcomes = []
        try:
            while worker.child.connection.poll():
                outcomes += self._take(worker, worker.child.connection.recv())
                if worker not in self._workers:
                    break
        except (EOFError, OSError):
            outcomes += self._died(worker)
        return outcomes

    def _take(self, worker: _Worker, message: Answer | Ready | NotReady) -> list[Outcome]:
        if isinstance(message, NotReady):
            self._give_up(worker)
            raise LoadError(message.title, message.remedy)
        if isinstance(message, Ready):
            worker.ready, worker.since = True, self._now
            return []
        if isinstance(message, Lost):
            return self._lost(worker, message.reason)
        assert worker.task is not None  # noqa: S101 - a worker speaks only when asked
        outcome = Outcome(worker.task, message)
        if not isinstance(message, Hashed):
            worker.task, worker.since = None, self._now
        return [outcome]

    def _died(self, worker: _Worker) -> list[Outcome]:
        how = worker.child.end_in_words()
        if not worker.ready:
            self._give_up(worker)
            raise self._no_start(how)
        return self._lost(worker, f"The process that read it {how}.")

    def _check_time(self, worker: _Worker) -> list[Outcome]:
        spent = self._now - worker.since
        if worker.task is None:
            if spent > self._idle_seconds:
                self._end(worker, kill=False)
        elif not worker.ready:
            if spent > (limit := max(self._seconds, _LOADS_WITHIN)):
                self._give_up(worker)
                raise self._no_start(f"was not ready after {limit:g} seconds")
        elif spent > self._seconds:
            return self._lost(
                worker, f"It took longer than {self._seconds:g} seconds (limits.seconds)."
            )
        return []

    def _lost(self, worker: _Worker, reason: str) -> list[Outcome]:
        self._end(worker, kill=True)
        return [] if worker.task is None else [Outcome(worker.task, Lost(reason))]

    def _no_start(self, how: str) -> LoadError:
        names = (f"detector {d!r} and encoder {e!r}" for d, e in self._settings.engines)
        title = f"A worker {how} while it loaded {', '.join(names)}."
        if _KILLED_BY_KERNEL in how or "not ready" in how:
            return LoadError(title, "Free some memory or load, then try again.", Exit.FAILED)
        return LoadError(
            title,
            "Its last words are in the log. SIGILL means that a library of it needs a newer"
            " processor: facewatchctl doctor tells which. The default engine"
            f" ({DEFAULT_DETECTOR}+{DEFAULT_ENCODER}) needs numpy and ONNX Runtime alone.",
        )

    def _give_up(self, worker: _Worker) -> None:
        """End a worker that could not load its engine."""
        if worker.task is not None:
            self._unstarted.append(worker.task)
        self._end(worker, kill=True)

    def _end(self, worker: _Worker, *, kill: bool) -> None:
        """Close the connection, which ends an idle worker, and leave the rest to later steps."""
        self._workers.remove(worker)
        worker.child.connection.close()
        if kill:
            worker.child.kill()
        kill_at = self._now if kill else self._now + _ABANDONED_AFTER
        abandon_at = kill_at + _ABANDONED_AFTER
        self._ending.append(_Ending(worker.child, worker.task, kill_at, abandon_at))

    def _bury(self) -> list[Outcome]:
        """Reap the dead; kill the ones that linger, and say so when that does not help."""
        self._ending = [each for each in self._ending if each.child.alive]
        stuck = []
        for each in self._ending:
            if self._now >= each.kill_at:
                each.child.kill()
            if self._now >= each.abandon_at:
                log.warning("worker %d does not end: is its storage dead?", each.child.pid)
                each.abandon_at = float("inf")
                stuck += [] if each.task is None else [Outcome(each.task, Stuck())]
        return stuck
