"""The file of the configuration: which one, what is in it, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from facewatchd.config.settings import Settings
from facewatchd.errors import ConfigError

_SEARCHED = ("~/.config/facewatchd/facewatchd.yaml", "/etc/facewatchd/facewatchd.yaml")


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
