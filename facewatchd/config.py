"""YAML -> frozen Settings; the only reader of files and environment for settings."""

from __future__ import annotations

import grp
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from facewatchd.errors import ConfigError
from facewatchd.model import Setup
from facewatchd.mounts import is_remote, read_mounts

DEFAULT_DETECTOR = "mtcnn"  # of a new store; one that exists keeps what it has
DEFAULT_ENCODER = "dlib"
COPIES = ".facewatchd"  # the folder in OUTPUT with a copy of the decisions

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_LINKS = 40  # as in path_resolution(7)
_SEARCHED = ("~/.config/facewatchd/facewatchd.yaml", "/etc/facewatchd/facewatchd.yaml")


def _seconds(value: object) -> object:
    """Turn ``30``, ``"90s"``, ``"10m"``, ``"24h"`` or ``"7d"`` into seconds."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value)
        if match is None:
            raise ValueError('must be a number of seconds, or like "90s", "10m", "24h", "7d"')
        return float(match[1]) * _UNITS[match[2]]
    return value


def _absolute(path: Path) -> Path:
    """Expand ``~``, insist on an absolute path, and resolve symlinks.

    A daemon has no useful current folder; and what lies inside what is only told by real paths.
    """
    expanded = path.expanduser()
    if not expanded.is_absolute():
        raise ValueError("must be an absolute path, or start with ~")
    return _resolved(expanded)


def _resolved(path: Path) -> Path:
    """Resolve the symlinks in ``path`` as far as storage is of this machine.

    Whoever looks at a share whose server is gone may hang for ever.  So from the place where it is
    mounted on, the path stays as it is written: the same whether the server answers or not.
    """
    mounts = read_mounts()
    at, rest, links = Path("/"), list(reversed(path.parts[1:])), 0
    while rest:
        name = rest.pop()
        place = at.parent if name == ".." else at / name
        mount = mounts.holding(os.fsencode(place))
        if mount.place != b"/" and (is_remote(mount.kind) or mount.kind == "autofs"):
            return Path(os.path.normpath(place.joinpath(*reversed(rest))))
        try:
            target = place.readlink()
        except OSError:  # no link, not there, or closed to us: it stays as it is
            at = place
            continue
        links += 1
        if links > _MOST_LINKS:
            raise ValueError("leads through too many symlinks, perhaps in a circle")
        at = Path("/") if target.is_absolute() else at
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return at


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Similarity = Annotated[float, Field(gt=0, lt=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Root(_Section):
    """A watched folder."""

    path: AbsolutePath
    ignore: tuple[str, ...] = ()
    watch: Literal["auto", "events", "poll"] = "auto"


def _as_section(value: object) -> object:
    """Let a plain path stand for the section that names nothing else."""
    return {"path": value} if isinstance(value, (str, Path)) else value


def _layout(value: str) -> str:
    first, *inner = value.split("/")
    if first != "{person}":
        raise ValueError('must be "{person}", or begin with "{person}/"')
    if not {"", ".", ".."}.isdisjoint(inner):
        raise ValueError("names an empty folder, or one that is called . or ..")
    _check_placeholders("/".join(inner), ("year", "month", "day", "date"))
    return value


def _entry_name(value: str) -> str:
    _check_placeholders(value, ("date", "time", "year", "month", "day", "name", "stem"))
    if "/" in value or "\0" in value:
        raise ValueError('is the name of a file: folders stand in "layout"')
    if ("{name}" in value) == ("{stem}" in value):
        raise ValueError("must hold {name} or {stem}, and not both")
    if "{name}" in value and not value.endswith("{name}"):
        raise ValueError("must end with {name}; {stem}, the name without .jpg, may stand anywhere")
    return value


def _check_placeholders(template: str, known: tuple[str, ...]) -> None:
    allowed = ", ".join(f"{{{name}}}" for name in known)
    unknown = [name for name in re.findall(r"\{([^{}]*)\}", template) if name not in known]
    if unknown:
        raise ValueError(f"{{{unknown[0]}}} is no placeholder: here are {allowed}")
    if re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", template)):
        raise ValueError(f"has a brace that belongs to no placeholder: here are {allowed}")


def _group(value: str) -> str:
    try:
        grp.getgrnam(value)
    except KeyError:
        raise ValueError("there is no such group on this machine") from None
    return value


def _mode(value: str) -> str:
    if re.fullmatch(r"[0-7]?7[0-7][0-7]", value) is None:
        raise ValueError('must be octal, in quotes, with all rights for the owner, like "2750"')
    return value


def _outside(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must be absolute paths")
    return os.path.normpath(path)


class Output(_Section):
    """The tree of people's folders: where it is, and how photos stand in it."""

    path: AbsolutePath
    link: Literal["auto", "symlink", "reflink", "copy", "hardlink"] = "auto"
    audience: Literal["any", "smb"] = Field(default="any", alias="for")
    share: AbsolutePath | None = None
    layout: Annotated[str, AfterValidator(_layout)] = "{person}"
    name: Annotated[str, AfterValidator(_entry_name)] = "{name}"
    markers: tuple[Literal[".nomedia", ".ppignore"], ...] = ()
    group: Annotated[str, AfterValidator(_group)] | None = None
    mode: Annotated[str, AfterValidator(_mode)] | None = None
    link_map: dict[AbsolutePath, Annotated[str, AfterValidator(_outside)]] = Field(
        default_factory=dict
    )

    @property
    def group_id(self) -> int | None:
        """The number of ``group``."""
        return None if self.group is None else grp.getgrnam(self.group).gr_gid

    @property
    def folder_mode(self) -> int | None:
        """The bits of ``mode``."""
        return None if self.mode is None else int(self.mode, 8)


class Watching(_Section):
    """How closely the roots are followed, and how long what vanished is remembered."""

    share: float = Field(default=0.5, gt=0, le=1)
    rescan: Duration = 24 * 3600
    poll: Duration = 600
    grace: Duration = 7 * 24 * 3600


class Engine(_Section):
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


class Recluster(_Section):
    """When everything is clustered anew, and how."""

    interval: Duration = 24 * 3600
    new_faces: int = Field(default=200, ge=1)
    max_churn: float = Field(default=0.05, ge=0, le=1)
    clusterer: str = "dbscan+merge"
    options: dict[str, Any] = Field(default_factory=dict)
    eps: float | None = Field(default=None, gt=0, lt=2)
    merge: float | None = Field(default=None, gt=0, lt=2)


class Limits(_Section):
    """What one photo may cost, and what all of them may leave."""

    megapixels: float = Field(default=250, gt=0)
    file_mb: float = Field(default=500, gt=0)
    seconds: Duration = 120
    memory_mb: int = Field(default=2048, ge=256)
    free_mb: float = Field(default=500, ge=0)


class People(_Section):
    """Who gets a folder."""

    min_photos: int = Field(default=3, ge=1)


class Decisions(_Section):
    """Where what the user said is kept, besides the state folder."""

    copies: tuple[AbsolutePath, ...] | None = None


class Backups(_Section):
    """How often the store is copied, and where to."""

    folder: AbsolutePath | None = None
    every: Annotated[float, BeforeValidator(_seconds), Field(ge=0)] | None = 24 * 3600
    keep: int = Field(default=7, ge=1)


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


class Settings(_Section):
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
    people: People = People()
    decisions: Decisions = Decisions()
    backups: Backups = Backups()

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
            copies = self.backups.folder
            if copies is not None and copies.is_relative_to(path):
                raise ValueError(
                    f"backups.folder {copies} lies in root {path}: choose another folder"
                )
        return self


def find_config() -> Path | None:
    """Return the configuration that is used when none is named."""
    named = os.environ.get("FACEWATCHD_CONFIG")
    candidates = [named] if named else list(_SEARCHED)
    return next((p for p in (Path(c).expanduser() for c in candidates) if p.is_file()), None)


def load(path: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """Read ``path`` (None: no file), lay ``overrides`` over it, and return the checked Settings.

    Raises ConfigError, naming the key, its value and what is allowed.
    """
    source = str(path) if path else "the command line"
    raw = _read(path) if path else {}
    try:
        return Settings.model_validate(_laid_over(raw, overrides or {}))
    except ValidationError as error:
        lines = "\n".join(f"  {_explain(e)}" for e in error.errors(include_url=False))
        raise ConfigError(
            f"The configuration in {source} is not valid:\n{lines}",
            "Mend it; config/facewatchd.yaml explains every setting. "
            "Check with: facewatchd --check-config",
        ) from error


def _laid_over(raw: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return ``raw`` with ``overrides``; another path of the output leaves its section as it is."""
    output, path = raw.get("output"), overrides.get("output")
    if isinstance(output, dict) and isinstance(path, (str, Path)):
        overrides = {**overrides, "output": {**output, "path": path}}
    return {**raw, **overrides}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The configuration {path} cannot be read: {error}",
            "Name another file with --config, or make this one readable.",
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"The configuration {path} is not YAML: {error}",
            "Mend the line named above; two spaces indent a level.",
        ) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"The configuration {path} holds {type(content).__name__}, not settings.",
            "Start from config/facewatchd.yaml.",
        )
    return content


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"]) or "(all)"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such setting"
    if error["type"] == "missing":
        return f"{key}: is required"
    message = error["msg"].removeprefix("Value error, ")
    value = "" if key == "(all)" else f" = {error['input']!r}"
    return f"{key}{value}: {message}"
