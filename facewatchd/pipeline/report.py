"""``status.json``: what a daemon that ends leaves of itself."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facewatchd.config import Settings
    from facewatchd.pipeline.control import Control
    from facewatchd.pipeline.loop import Pipeline

STATUS_EVERY = 30.0  # seconds at least between two reports
_LASTS = 5.0  # seconds; a rescan that finds nothing is over sooner, and is not worth a report
_PRIVATE = ("errors",)  # status.json names no photo

log = logging.getLogger(__name__)


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
    why = f" ({status['paused']})" if status["state"] == "paused" else ""
    return f"{status['state']}{why}: {status['photos']} photos, {status['people']} people{todo}"
