"""How many of the system's inotify watches may be used, over all roots together."""

from __future__ import annotations

import os
import threading
from typing import NamedTuple

# Whichever is less holds: one for the whole system, one for each user namespace.
_LIMITS = {
    "fs.inotify.max_user_watches": "/proc/sys/fs/inotify/max_user_watches",
    "user.max_inotify_watches": "/proc/sys/user/max_inotify_watches",
}


class WatchLimit(NamedTuple):
    """Watches: how many we may use, how many we do, how many the system allows this user."""

    allowed: int
    used: int
    maximum: int


class Budget:
    """Counts watches, for all the threads that add them; ``share`` (0 to 1) of all is for us."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._used = 0
        self._missing: dict[bytes, int] = {}
        self._name, self._maximum = _strictest()

    def read_limits(self) -> None:
        """Take note of what the system allows now."""
        self._name, self._maximum = _strictest()

    @property
    def limit(self) -> WatchLimit:
        """How things stand."""
        return WatchLimit(int(self._maximum * self._share), self._used, self._maximum)

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._used >= self.limit.allowed

    def take(self) -> bool:
        """Count one watch more, if one is left."""
        with self._lock:
            if self.spent:
                return False
            self._used += 1
            return True

    def give_back(self, watches: int) -> None:
        """Count ``watches`` less."""
        with self._lock:
            self._used -= watches

    def miss(self, root: bytes, folders: int) -> None:
        """Note how many folders of ``root`` have no watch because none was left."""
        with self._lock:
            self._missing[root] = folders

    @property
    def words(self) -> str:
        """Why there is no watch left, and the setting of the system with which there would be."""
        with self._lock:
            wanted = self._maximum + sum(self._missing.values()) / self._share
        enough = 1 << (int(wanted) - 1).bit_length() if wanted > 1 else 1
        allowed = self.limit.allowed
        return (
            f"no watch is left: {allowed} of the {self._maximum} that the system allows may be"
            f" used here; allow more with: sysctl {self._name}={enough}"
        )


def _strictest() -> tuple[str, int]:
    """Return the name and the value of the limit that is reached first."""
    limits = {}
    for name, path in _LIMITS.items():
        if os.path.exists(path):  # a kernel without user namespaces has only the first
            with open(path, encoding="ascii") as file:
                limits[name] = int(file.read())
    return min(limits.items(), key=lambda limit: limit[1])
