"""hooks.yaml -> frozen Settings.

A file of its own: it holds tokens, which the daemon and those who read its configuration need not
know.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from facewatchd.config import AbsolutePath, Duration, DurationOrZero
from facewatchd.errors import ConfigError
from facewatchd.events import Kind

PATH = Path("/etc/facewatchd/hooks.yaml")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_OURS = {"content-type", "content-length", "facewatchd-event-id"}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # token of RFC 9110, 5.6.2


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and a host")
    if not text.isascii() or not text.isprintable() or " " in text or parts.port == 0:
        raise ValueError("has a character that no address has")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user: name that in headers, as Authorization")
    return text


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if _HEADER.fullmatch(name) is None or not value.isprintable():
            raise ValueError(f"{name!r} is no name of a header, or its value no line of text")
        if name.lower() in _OURS:
            raise ValueError(f"{name} is set by facewatchd-hooks")
    return headers


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("a hook's name has small letters, digits, - and _, up to 64")
    return text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Webhook(_Section):
    """An address to which messages are posted as JSON."""

    url: Annotated[str, AfterValidator(_url)]
    headers: Annotated[dict[str, str], AfterValidator(_headers)] = Field(default_factory=dict)


class Hook(_Section):
    """What one hook is told of, and how."""

    events: tuple[Kind, ...] = Field(default=tuple(Kind), min_length=1)
    doubtful_above: int = Field(default=100, ge=0)
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    webhook: Webhook | None = None
    apprise: tuple[str, ...] | None = Field(default=None, min_length=1)
    gather: DurationOrZero = 60.0
    timeout: Duration = 30.0
    tries: int = Field(default=15, ge=1, le=1000)

    @model_validator(mode="after")
    def _check_way(self) -> Hook:
        if sum(way is not None for way in (self.command, self.webhook, self.apprise)) != 1:
            raise ValueError("name one of command, webhook and apprise")
        if self.command is not None and not os.path.isabs(self.command[0]):
            raise ValueError("the program in command must be an absolute path")
        return self


def default_state() -> Path:
    """Return the folder in which hooks remember how far they are."""
    if "STATE_DIRECTORY" in os.environ:  # set by systemd for StateDirectory=
        return Path(os.environ["STATE_DIRECTORY"])
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "facewatchd-hooks"


class Settings(_Section):
    """The whole of hooks.yaml, checked."""

    socket: AbsolutePath = Path("/run/facewatchd/api.sock")
    state: AbsolutePath = Field(default_factory=default_state)
    hooks: dict[Annotated[str, AfterValidator(_name)], Hook] = Field(min_length=1)


def load(path: Path) -> Settings:
    """Read ``path``; ConfigError, naming the key and what is allowed, and never a value.

    Values can be tokens.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The hooks in {path} cannot be read: {error}",
            "Name another file with --config, or make this one readable (root reads it with sudo).",
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it has a character that YAML does not take"
        raise ConfigError(
            f"The hooks in {path} are not YAML{where}: {problem}.",
            "Mend that line; two spaces indent a level.",
        ) from None
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        lines = "\n".join(f"  {_explain(each)}" for each in error.errors(include_url=False))
        raise ConfigError(
            f"The hooks in {path} are not valid:\n{lines}",
            "Mend it; config/hooks.yaml explains every setting. "
            "Check with: facewatchd-hooks --check",
        ) from None


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if part != "[key]") or "(all)"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such setting"
    if error["type"] == "missing":
        return f"{key}: is required"
    return f"{key}: {error['msg'].removeprefix('Value error, ')}"
