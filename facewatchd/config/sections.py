"""The sections of the configuration, with their defaults and bounds."""

from __future__ import annotations

import grp
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from facewatchd.config.values import (
    AbsolutePath,
    Duration,
    DurationOrZero,
    EntryName,
    GroupName,
    Layout,
    Mode,
    PathOutside,
    WorkHours,
)
from facewatchd.hours import Hours


class Section(BaseModel):
    """Settings that belong together; one that does not exist is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Root(Section):
    """A watched folder."""

    path: AbsolutePath
    ignore: tuple[str, ...] = ()
    watch: Literal["auto", "events", "poll"] = "auto"


class Output(Section):
    """The tree of people's folders: where it is, and how photos stand in it."""

    path: AbsolutePath
    link: Literal["auto", "symlink", "reflink", "copy", "hardlink"] = "auto"
    audience: Literal["any", "smb"] = Field(default="any", alias="for")
    share: AbsolutePath | None = None
    layout: Layout = "{person}"
    name: EntryName = "{date}_{name}"
    markers: tuple[Literal[".nomedia", ".ppignore"], ...] = ()
    group: GroupName | None = None
    mode: Mode | None = None
    link_map: dict[AbsolutePath, PathOutside] = Field(default_factory=dict)

    @property
    def group_id(self) -> int | None:
        """The number of ``group``."""
        return None if self.group is None else grp.getgrnam(self.group).gr_gid

    @property
    def folder_mode(self) -> int | None:
        """The bits of ``mode``."""
        return None if self.mode is None else int(self.mode, 8)


class Watching(Section):
    """How closely the roots are followed, and how long what vanished is remembered."""

    share: float = Field(default=0.5, gt=0, le=1)
    rescan: Duration = 24 * 3600
    poll: Duration = 600
    grace: Duration = 7 * 24 * 3600


class Engine(Section):
    """What finds faces and what turns them into encodings."""

    detector: str | None = None
    encoder: str | None = None
    longest_side: int = Field(default=1600, ge=320, le=10000)
    smallest_face: int = Field(default=24, ge=12, le=1000)
    min_quality: float = Field(default=0.3, ge=0, le=1)
    hardware: Literal["auto", "cpu", "cuda", "openvino", "coreml"] = "cpu"
    models: AbsolutePath | None = None
    cache: AbsolutePath | None = None
    pack: str | None = None


class Recluster(Section):
    """When everything is clustered anew, and how."""

    interval: Duration = 24 * 3600
    new_faces: int = Field(default=200, ge=1)
    max_churn: float = Field(default=0.05, ge=0, le=1)
    clusterer: str = "dbscan+merge"
    options: dict[str, Any] = Field(default_factory=dict)
    eps: float | None = Field(default=None, gt=0, lt=2)
    merge: float | None = Field(default=None, gt=0, lt=2)


class Limits(Section):
    """What one photo may cost, and what all of them may leave."""

    megapixels: float = Field(default=250, gt=0)
    file_mb: float = Field(default=500, gt=0)
    seconds: Duration = 120
    memory_mb: int = Field(default=2048, ge=256)
    free_mb: float = Field(default=500, ge=0)


class Work(Section):
    """When photos are read and clustered, and when the machine is left alone."""

    encode: WorkHours = Hours()
    recluster: WorkHours = Hours()
    at_once: int = Field(default=20, ge=0)
    on_battery: bool = False
    load: float | None = Field(default=None, gt=0, lt=1)


class People(Section):
    """Who gets a folder."""

    min_photos: int = Field(default=3, ge=1)


class Decisions(Section):
    """Where what the user said is kept, besides the state folder."""

    copies: tuple[AbsolutePath, ...] | None = None


class Backups(Section):
    """How often the store is copied, and where to."""

    folder: AbsolutePath | None = None
    every: DurationOrZero | None = 24 * 3600
    keep: int = Field(default=7, ge=1)


class Api(Section):
    """Who may use the socket besides the daemon's user and root, and for what."""

    group: GroupName | None = None
    may: Literal["read", "full"] = "full"


class Log(Section):
    """What may stand in the log, in metrics and in events, where others may read it."""

    names: bool = False
