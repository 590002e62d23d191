"""Where the daemon listens, found without reading its configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facewatchd.client import Client

_SYSTEM_SOCKET = Path("/run/facewatchd/api.sock")
_SYSTEM_STATE = Path("/var/lib/facewatchd")


@dataclass(frozen=True, slots=True)
class Where:
    """Where the daemon listens, and the state folders that its last status may lie in."""

    socket: Path
    states: tuple[Path, ...]

    def client(self, seconds: float = 30.0) -> Client:
        """Return a client of the daemon that waits so long for each answer."""
        from facewatchd.client import Client  # noqa: PLC0415 -- --help needs no HTTP

        return Client(self.socket, seconds)

    def last_status(self) -> dict[str, Any] | None:
        """Return the newest status that a daemon left behind."""
        from facewatchd.client import read_last_status  # noqa: PLC0415 -- the same

        found = [s for s in map(read_last_status, self.states) if s is not None]
        return max(found, key=lambda s: float(s["time"]), default=None)


def where(socket: Path | None, state: Path | None) -> Where:
    """Return where the daemon is, without reading its configuration."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    own = Path(base).expanduser() / "facewatchd"
    if socket is None and (named := os.environ.get("FACEWATCHD_SOCKET")):
        socket = Path(named)
    if socket is not None:
        return Where(socket, (state or socket.parent,))
    if state is not None:
        return Where(state / "api.sock", (state,))
    if _exists(_SYSTEM_SOCKET):
        return Where(_SYSTEM_SOCKET, (_SYSTEM_STATE,))
    return Where(own / "api.sock", (own, _SYSTEM_STATE))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return True  # it is there, for others
