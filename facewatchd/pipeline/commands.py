"""What other threads want the pipeline's thread to do, and the pipe that wakes it."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from facewatchd.errors import ApiError, FacewatchError

if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWERS_WITHIN = 20.0  # seconds; one large change of the output tree can take that long

T = TypeVar("T")
_Refuse: TypeAlias = "Callable[[FacewatchError], None]"


class Commands:
    """Commands in the order in which they came; any thread may leave one until `refuse`."""

    def __init__(self) -> None:
        self._left: SimpleQueue[tuple[Callable[[], None], _Refuse]] = SimpleQueue()
        self._lock = threading.Lock()
        self._refusal: Callable[[], FacewatchError] | None = None
        self.awake, out = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._out = open(out, "wb", buffering=0)  # noqa: SIM115 -- `close` closes it

    def do(self, command: Callable[[], None]) -> None:
        """Have ``command`` run; ApiError once the pipeline has closed, or why it is refused."""
        self._leave(command, lambda _: None)

    def ask(self, question: Callable[[], T]) -> T:
        """Have ``question`` answered; not from the pipeline's thread.

        ApiError when the pipeline does not come to it, or closes; or why it is refused.
        """
        answer: Future[T] = Future()

        def put() -> None:
            if not answer.set_running_or_notify_cancel():
                return  # nobody waits any more, and whoever asked may have asked again
            try:
                answer.set_result(question())
            except Exception as error:  # noqa: BLE001 - raised where the question was asked
                answer.set_exception(error)

        def refuse(error: FacewatchError) -> None:
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)

        self._leave(put, refuse)
        try:
            return answer.result(_ANSWERS_WITHIN)
        except TimeoutError:
            answer.cancel()
            raise ApiError(
                f"The daemon has not come to the answer within {_ANSWERS_WITHIN:.0f} s: "
                "it does something that takes long, or it hangs.",
                "Ask again; if it stays so, the daemon's log says what it did last, and under"
                " systemd the watchdog starts it anew.",
            ) from None

    def wake(self) -> None:
        """End the present or next wait for ``awake`` at once; safe in threads and signals."""
        with suppress(ValueError):  # it is closed, and a thread on dead storage does not know
            self._out.write(b"\0")  # writes nothing when it is full of wake-ups already

    def waker(self) -> int:
        """Return a descriptor of the caller's own; what is written to it wakes as well."""
        return os.dup(self._out.fileno())

    def sleep(self) -> None:
        """Forget that it was woken."""
        with suppress(BlockingIOError):
            while os.read(self.awake, 4096):
                pass

    def run(self) -> None:
        """Run all that were left, in the pipeline's thread."""
        while (left := self._next()) is not None:
            command, _ = left
            command()

    def refuse(self, why: Callable[[], FacewatchError]) -> None:
        """Take no more, and let nobody wait for an answer: all are told ``why``."""
        with self._lock:
            self._refusal = why
        while (left := self._next()) is not None:
            _, refuse = left
            refuse(why())

    def close(self) -> None:
        """Take no more, and nothing that would wake it."""
        self.refuse(closing)
        os.close(self.awake)
        self._out.close()

    def _leave(self, command: Callable[[], None], refuse: _Refuse) -> None:
        with self._lock:
            if self._refusal is not None:
                raise self._refusal()
            self._left.put((command, refuse))
        self.wake()

    def _next(self) -> tuple[Callable[[], None], _Refuse] | None:
        try:
            return self._left.get_nowait()
        except Empty:
            return None


def closing() -> ApiError:
    """Return why what is asked of a pipeline that has closed is refused."""
    return ApiError(
        "The daemon stops, or goes over to another configuration.", "Ask again in a moment."
    )
