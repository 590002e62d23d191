"""One watched root: how it is followed, and whether what is known of it can be trusted."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.scan import is_within

if TYPE_CHECKING:
    from facewatchd.pipeline.walker import Walker
    from facewatchd.scan import Ignore, Rule
    from facewatchd.scout import Top

ROOT_STATES = ("starting", "watched", "polled", "degraded", "offline")
NAMED = 100  # so many unwatched folders are named in the status


class RootLook(NamedTuple):
    """What a status tells of a root; ``unwatched`` names some of so many folders."""

    path: bytes
    state: str
    scanning: bool
    reason: str | None
    file_system: str
    vanished: int
    unwatched: tuple[bytes, ...]
    unwatched_count: int
    ignored: tuple[tuple[Rule, int], ...]


@dataclass(slots=True)
class Root:
    """A watched root; ``Roots`` changes it, everyone else reads."""

    path: bytes
    ignore: Ignore
    wish: str  # roots.watch: "auto", "events", "poll"
    walker: Walker
    file_system: str = ""
    identity: str = ""  # what its mount was known by when the walk under way began
    top: Top | None = None
    listed: bool = False  # all of it, since the start
    has_events: bool = False  # inotify reports what changes there
    is_watched: bool = False  # everything that can be watched is
    watched_as: tuple[object, ...] | None = None  # its inode and mounts when watching began
    is_readable: bool = False  # its folder can be listed, whatever disk it is on
    offline: str | None = None  # why nothing of it can be seen
    vanished: int = 0  # photos that are not removed before somebody says so
    unreadable: str | None = None  # what could not be listed in it
    unwatched: dict[bytes, str] = field(default_factory=dict)
    remote: dict[bytes, str] = field(default_factory=dict)  # mounts in it that send no events
    kept: dict[bytes, str] = field(default_factory=dict)  # mounts in it that are gone
    ignored: tuple[tuple[Rule, int], ...] = ()
    accepts: bool = False  # what the next whole walk does not find is gone
    replaced: bool = False  # its folder is another one than before
    due: float = 0.0  # when to walk over it, or to look for it, the next time
    said: str | None = None  # what the log was told last

    @property
    def state(self) -> str:
        """The word that the status shows."""
        if self.offline or self.vanished:
            return "offline"
        if not self.listed:
            return "starting"
        if not self.has_events:
            return "polled"
        return "degraded" if self.unwatched or self.remote or self.kept else "watched"

    @property
    def reason(self) -> str | None:
        """Why the state is not simply "watched"."""
        if self.offline:
            return self.offline
        words = []
        if self.vanished:
            words.append(
                f"{self.vanished:,} photos vanished at once. Is a disk missing? "
                f"If they were deleted: {self.accept_command}"
            )
        words += [f"{os.fsdecode(place)}: {why}" for place, why in sorted(self.kept.items())]
        words += [f"{os.fsdecode(place)}: {why}" for place, why in sorted(self.remote.items())]
        if self.unwatched:
            folder, why = min(self.unwatched.items())
            words.append(f"{len(self.unwatched):,} folders are polled, {folder!r} for one: {why}")
        if self.listed and not self.has_events:
            by_wish = "roots.watch is poll" if self.wish == "poll" else None
            words.append(by_wish or f"{self.file_system} sends no events")
        if self.unreadable:
            words.append(self.unreadable)
        return "; ".join(words) or None

    @property
    def is_followed(self) -> bool:
        """Whether it was listed, and its changes are noticed."""
        return self.listed and (self.is_watched or not self.has_events)

    @property
    def accept_command(self) -> str:
        """What the user types if all that is missing was deleted on purpose."""
        return f"facewatchctl scan --accept-deletions {shlex.quote(os.fsdecode(self.path))}"

    @property
    def polls(self) -> bool:
        """Whether some of it has to be listed again and again."""
        return not self.has_events or bool(
            self.unwatched or self.remote or self.kept or self.vanished
        )

    def look(self) -> RootLook:
        """Return how it is doing at this moment."""
        named = tuple(sorted(self.unwatched)[:NAMED])
        return RootLook(
            self.path,
            self.state,
            self.walker.busy,
            self.reason,
            self.file_system,
            self.vanished,
            named,
            len(self.unwatched),
            self.ignored,
        )

    def may_hang(self, path: bytes) -> bool:
        """Whether ``path`` lies on storage that only processes of their own may touch."""
        return not self.has_events or bool(self.offline) or is_within(path, self.remote)
