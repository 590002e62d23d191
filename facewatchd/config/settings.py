"""The whole configuration, and what follows from it."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field, model_validator

from facewatchd.config.sections import (
    Api,
    Backups,
    Decisions,
    Engine,
    Limits,
    Log,
    Output,
    People,
    Recluster,
    Root,
    Section,
    Watching,
    Work,
)
from facewatchd.config.values import AbsolutePath, Similarity
from facewatchd.model import Setup

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_DETECTOR = "mtcnn"  # of a new store; one that exists keeps what it has
DEFAULT_ENCODER = "dlib"
COPIES = ".facewatchd"  # the folder in OUTPUT with a copy of the decisions


def _as_section(value: object) -> object:
    """Let a plain path stand for the section that names nothing else."""
    return {"path": value} if isinstance(value, (str, Path)) else value


def _default_workers() -> int:
    return max(1, len(os.sched_getaffinity(0)))


def default_state() -> Path:
    """Return the state folder of a daemon that a user runs by hand."""
    if "STATE_DIRECTORY" in os.environ:  # set by systemd for StateDirectory=
        return Path(os.environ["STATE_DIRECTORY"])
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "facewatchd"


def default_cache() -> Path:
    """Return where converted models are kept; they can be made anew at any time."""
    if "CACHE_DIRECTORY" in os.environ:  # set by systemd for CacheDirectory=
        return Path(os.environ["CACHE_DIRECTORY"])
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "facewatchd"


class Settings(Section):
    """The whole configuration, checked."""

    roots: tuple[Root, ...] = Field(min_length=1)
    output: Annotated[Output, BeforeValidator(_as_section)]
    state: AbsolutePath = Field(default_factory=default_state)
    socket: AbsolutePath | None = None
    watching: Watching = Watching()
    engine: Engine = Engine()
    similarity: Similarity | None = None
    recluster: Recluster = Recluster()
    workers: int = Field(default_factory=_default_workers, ge=1, le=256)
    limits: Limits = Limits()
    work: Work = Work()
    people: People = People()
    decisions: Decisions = Decisions()
    backups: Backups = Backups()
    api: Api = Api()
    log: Log = Log()

    @property
    def journal_places(self) -> tuple[Path, ...]:
        """The folders that hold the journal of decisions, the state folder first."""
        copies = self.decisions.copies
        return (self.state, *((self.output.path / COPIES,) if copies is None else copies))

    @property
    def backup_folder(self) -> Path:
        """The folder of nightly backups."""
        return self.backups.folder or self.state / "backups"

    @property
    def setup(self) -> Setup:
        """What the engine is told."""
        engine = self.engine
        return Setup(
            longest_side=engine.longest_side,
            smallest_face=engine.smallest_face,
            hardware=engine.hardware,
            models=self.models,
            cache=engine.cache or default_cache(),
            pack=engine.pack,
        )

    @property
    def models(self) -> Path:
        """Where the weights are that the user fetched."""
        return self.engine.models or self.state / "models"

    @property
    def database(self) -> Path:
        """Where the store is."""
        return self.state / "store.db"

    @property
    def socket_path(self) -> Path:
        """Where the API listens."""
        if self.socket is not None:
            return self.socket
        # systemd sets this for RuntimeDirectory=
        return Path(os.environ.get("RUNTIME_DIRECTORY", self.state)) / "api.sock"

    @property
    def socket_group(self) -> int | None:
        """The number of the group that may use the socket."""
        if self.api.group is not None:
            return grp.getgrnam(self.api.group).gr_gid
        # The folder that systemd made for the socket, when the unit opens it to a group alone.
        made = os.environ.get("RUNTIME_DIRECTORY")
        if made is None or self.socket_path.parent != Path(made):
            return None
        found = os.stat(made)
        mode = found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return found.st_gid if mode == stat.S_IRGRP | stat.S_IXGRP else None

    @model_validator(mode="after")
    def _check_folders(self) -> Settings:
        paths = [root.path for root in self.roots]
        for index, path in enumerate(paths):
            for other in paths[:index]:
                if path.is_relative_to(other) or other.is_relative_to(path):
                    raise ValueError(f"roots {path} and {other} overlap: name only the outer one")
            for name, folder in (("output", self.output.path), ("state", self.state)):
                if path.is_relative_to(folder):
                    raise ValueError(
                        f"root {path} lies in {name} {folder}: choose another folder for {name}"
                    )
            for name, kept in self._written_besides():
                if kept.is_relative_to(path) and not kept.is_relative_to(self.output.path):
                    raise ValueError(f"{name} {kept} lies in root {path}: choose another folder")
        return self

    def _written_besides(self) -> Iterator[tuple[str, Path]]:
        if self.backups.folder is not None:
            yield "backups.folder", self.backups.folder
        for place in self.decisions.copies or ():
            yield "decisions.copies", place
