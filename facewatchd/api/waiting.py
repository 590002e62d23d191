"""Answers that come when there is something to tell: no thread waits for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response

    from facewatchd.api.query import Control


async def answered_in_time(
    control: Control,
    answer: Callable[[], Response],
    patience: Callable[[Response], float],
    ended: asyncio.Event,
) -> Response:
    """Return what ``answer`` returns, again and later if it came too early to tell anything.

    ``patience`` says how many seconds a response is worth waiting for another, 0 for none.  The
    wait ends when the bell of ``control`` rings, or when the server has ``ended``.
    """
    loop, rung = asyncio.get_running_loop(), asyncio.Event()
    # First listened, then looked: what happens in between is told by one or the other.
    with control.bell.listening(lambda: loop.call_soon_threadsafe(rung.set)):
        response = await run_in_threadpool(answer)
        if not (seconds := patience(response)):
            return response
        waits = [asyncio.create_task(event.wait()) for event in (rung, ended)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
    return await run_in_threadpool(answer)
