"""Who asks at the socket, and what they may.

The socket's mode keeps out whom it may; here each connection is looked at, so that the group may
be let in for questions alone, and a mode that somebody changed opens nothing.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

from facewatchd.accounts import group_name, let_in, own_groups, user_name
from facewatchd.admission import as_owner, into_group, who_may
from facewatchd.errors import ConfigError, NotAllowedError

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from facewatchd.api.query import ApiRoute
    from facewatchd.config import Settings

_ROOT = 0
_CREDENTIALS = struct.Struct("iII")  # ucred of unix(7): process, user, group
_SO_PEERGROUPS = 59  # <asm-generic/socket.h>, since Linux 4.13; Python has no name for it


class _Connected(Protocol):
    """A socket, or what asyncio shows of one."""

    def fileno(self) -> int: ...
    def getsockopt(self, level: int, name: int, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Peer:
    """A process as it was when it connected: its user, and all groups that it is in."""

    user: int
    groups: frozenset[int]

    @classmethod
    def of(cls, connection: _Connected) -> Peer:
        """Return who is at the other end of a unix socket, as the kernel says."""
        said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        _, user, group = _CREDENTIALS.unpack(said)
        return cls(user, frozenset((group, *_further_groups(connection.fileno()))))


def _further_groups(connection: int) -> list[int]:
    """Return the supplementary groups; Python's getsockopt() has room for 256, people for more."""
    groups = (ctypes.c_uint32 * os.sysconf("SC_NGROUPS_MAX"))()
    size = ctypes.c_uint32(ctypes.sizeof(groups))
    libc = ctypes.CDLL(None, use_errno=True)
    asked = connection, socket.SOL_SOCKET, _SO_PEERGROUPS, groups, ctypes.byref(size)
    if libc.getsockopt(*asked) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return groups[: size.value // ctypes.sizeof(ctypes.c_uint32)]


class PeerProtocol(H11Protocol):
    """Says in each request's ``state.peer`` who made the connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Ask once, before the first request."""
        super().connection_made(transport)
        peer = Peer.of(transport.get_extra_info("socket"))
        self.app_state = {**self.app_state, "peer": peer}


@dataclass(frozen=True, slots=True)
class Access:
    """Root and ``owner`` may all; who is in ``group`` may too, or with ``full`` false only read."""

    group: int | None = None
    full: bool = True
    owner: int = field(default_factory=os.geteuid)

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """Return what ``settings`` say; ConfigError for a group that we may give nothing to."""
        group, me = settings.socket_group, os.geteuid()
        if group is not None and group not in own_groups() and me != _ROOT:
            name, user = group_name(group), user_name(me)
            raise ConfigError(
                f"The socket cannot be given to the group {name} (api.group): the daemon's user "
                f"{user} is not in it.",
                f"sudo {let_in(name, user)}, and restart the daemon; for a systemd unit put the "
                "drop-in there that facewatchctl unit prints.",
            )
        return cls(group, settings.api.may == "full")

    def open(self, path: Path) -> None:
        """Give the socket at ``path`` its group and mode; nobody gets in who may not."""
        path.chmod(0o600)
        if self.group is not None:
            os.chown(path, -1, self.group)
            path.chmod(0o660)

    def check(self, peer: Peer, route: ApiRoute) -> None:
        """Raise NotAllowedError unless ``peer`` may ask ``route``."""
        if peer.user in {_ROOT, self.owner}:
            return
        if self.group is None or self.group not in peer.groups:
            raise self._stranger(peer.user)
        if not self.full and not route.for_readers:
            raise NotAllowedError(
                f"The group {group_name(self.group)} may ask this daemon and change nothing "
                f"(api.may: read); {route.method} {route.path} takes more than that.",
                "Type the same command with sudo, or have api.may be full.",
            )

    def _stranger(self, user: int) -> NotAllowedError:
        may = who_may(self.owner, self.group)
        return NotAllowedError(
            f"The user {user_name(user)} may not use this daemon: {may}.",
            as_owner(self.owner) if self.group is None else into_group(self.group, user),
        )
