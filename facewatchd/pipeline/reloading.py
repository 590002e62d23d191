"""Wishes that the configuration be read again: from whoever has them to the daemon's loop."""

from __future__ import annotations

import os
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from facewatchd.errors import ApiError, ConfigError
from facewatchd.mounts import read_mounts

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings

_LONGEST = 15 * 60.0  # seconds, as TimeoutStartSec= of the unit


class Reloads:
    """``load`` reads the configuration again; None where there is none to read."""

    def __init__(self, load: Callable[[], Settings] | None = None) -> None:
        self._load = load
        self._wishes: SimpleQueue[Future[list[str]]] = SimpleQueue()

    @property
    def wished(self) -> bool:
        """Whether somebody waits for it."""
        return not self._wishes.empty()

    def wish(self) -> Future[list[str]]:
        """Wish for it, in any thread or signal handler; whoever does so wakes the daemon's loop.

        The result is what has changed, see `changes`; or why the daemon goes by the former one.
        """
        wish: Future[list[str]] = Future()
        self._wishes.put(wish)
        return wish

    def ask(self, wake: Callable[[], None]) -> list[str]:
        """Wish for it, ``wake`` the loop, and return or raise what comes of it."""
        wish = self.wish()
        wake()
        return wish.result(_LONGEST)

    def load(self) -> Settings:
        """Read the configuration, in the daemon's loop; ApiError where there is none to read."""
        if self._load is None:
            raise ApiError(
                "This daemon was started without a configuration that can be read again.",
                "Start it anew with other options.",
            )
        return self._load()

    def granted(self) -> list[Future[list[str]]]:
        """Return all who wait for it: what is read from now on is news to each of them."""
        found = []
        while True:
            try:
                found.append(self._wishes.get_nowait())
            except Empty:
                return found

    def refuse(self) -> None:
        """Let nobody wait for what does not come any more."""
        for wish in self.granted():
            wish.set_exception(ApiError("The daemon stops.", "Start it: it reads all settings."))


def check_seen(former: Settings, wanted: Settings) -> None:
    """Raise ConfigError for a new root that the service's unit hides from the daemon."""
    mounts, known = read_mounts(), {root.path for root in former.roots}
    for root in wanted.roots:
        path = os.fsencode(root.path)
        if root.path not in known and mounts.hides(path) and not os.path.lexists(path):
            raise ConfigError(
                f"The unit hides the root {root.path} from the daemon; all goes on as before.",
                "Put what this prints into a drop-in, and restart the service: facewatchctl unit",
            )


def changes(former: Settings, wanted: Settings) -> list[str]:
    """Return the names of the settings that differ: ``output``, ``people.min_photos``.

    ConfigError when a daemon that runs cannot take one of them up.
    """
    before, after = former.model_dump(by_alias=True), wanted.model_dump(by_alias=True)
    names = []
    for key, value in after.items():
        if isinstance(value, dict):
            names += [f"{key}.{name}" for name in value if value[name] != before[key][name]]
        elif value != before[key]:
            names.append(key)
    lasting = [name for name in ("state", "socket") if name in names]
    if lasting:
        raise ConfigError(
            f"A daemon that runs keeps its {' and its '.join(lasting)}; all goes on as before.",
            "Restart it: systemctl restart facewatchd",
        )
    return names
