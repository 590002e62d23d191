"""Whether a switch can be done: what could not be read, what is waited for, and the space."""

from __future__ import annotations

import logging
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facewatchd.pipeline.clock import Clock
    from facewatchd.pipeline.encoding import Encoding
    from facewatchd.store import Store

FAILED, REST = "failed", "rest"  # the photos that a switch can be done without
WAIT = 24 * 3600.0  # seconds that a switch waits for photos that are away when all else is read
_MAY_FAIL = 5  # photos, and more than this share of those that were tried, are the engine's fault
_MAY_FAIL_SHARE = 0.05
# In the one step the log of the store holds what comes and what goes: 2.1 times were measured.
_SPACE_TIMES = 2.5

log = logging.getLogger(__name__)


class Readiness:
    """Tells what a switch under way still lacks."""

    def __init__(self, store: Store, encoding: Encoding, clock: Clock) -> None:
        self._store = store
        self._encoding = encoding
        self._clock = clock

    def unreadable(self, *, all_read: bool) -> str | None:
        """Say that too many photos could not be read by the new engine, if so."""
        failed = self._store.engines.given_up()
        tried = failed + self._store.rereading.count_read()
        too_many = failed > max(_MAY_FAIL, _MAY_FAIL_SHARE * tried)
        none = all_read and failed == tried > 0
        if none:
            return f"None of {failed:,} photos could be read{self._last_reason()}."
        if too_many and not self._store.engines.without(FAILED):
            return (
                f"{failed:,} of {tried:,} photos could not be read{self._last_reason()}; to do it"
                " without them, when all others are read: facewatchctl engine resume"
                " --without-failed."
            )
        return None

    def waits(self) -> bool:
        """Whether photos that are away, of those there are, are still waited for."""
        engines, rereading = self._store.engines, self._store.rereading
        if not rereading.left():
            return False
        if not rereading.has_read():
            return True
        if engines.without(REST):
            return False
        since = engines.waits_since
        if since is None:
            since = self._clock.time()
            with self._store.transaction():
                engines.wait_from(since)
            log.info("All photos that can be reached are read; the switch waits for the others.")
        return self._clock.time() < since + WAIT

    def lack_of_space(self) -> str | None:
        """Say that the disk has no room for the one step, if so."""
        needed = _SPACE_TIMES * self._store.rereading.size_of_read()
        free = shutil.disk_usage(self._store.path.parent).free
        if free >= needed:
            return None
        return (
            f"The state folder's disk has {free / 1e6:,.0f} MB free, and the switch needs"
            f" {needed / 1e6:,.0f} MB. Free some."
        )

    def _last_reason(self) -> str:
        reason = self._encoding.last_refusal
        return f", the last one because: {reason.rstrip('.')}" if reason else ""
