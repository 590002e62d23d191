"""Presets: the daemon's own settings in a file, and what is to be written at the end."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from facewatchd import config
from facewatchd.batch.cluster.outputs import Output, output
from facewatchd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

_Where = tuple[str | int, ...]


class _Preset(BaseModel):
    """What may stand in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    names: str = "cluster_{}"
    engine: config.Engine = config.Engine()
    similarity: config.Similarity | None = None
    recluster: config.Recluster = config.Recluster()
    limits: config.Limits = config.Limits()
    workers: int | None = Field(default=None, ge=1, le=256)
    outputs: tuple[Annotated[Any, BeforeValidator(output)], ...] = ()

    @field_validator("names")
    @classmethod
    def _has_a_place_for_the_number(cls, names: str) -> str:
        if names.count("{}") != 1 or "/" in names or names.startswith(("_", ".", "{}")):
            raise ValueError('must be a name with {} where the number stands, like "cluster_{}"')
        return names


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset: the sections of the configuration that it sets, and what it writes.

    ``names`` is what groups are called, with ``{}`` for their number.
    """

    name: str
    about: str
    names: str
    settings: dict[str, Any]
    outputs: tuple[Output, ...]


def shipped() -> dict[str, Traversable]:
    """Return the presets that come with the program, by name."""
    there = [each for each in _folder().iterdir() if each.name.endswith(".yaml")]
    return {each.name.removesuffix(".yaml"): each for each in sorted(there, key=_by_name)}


def load(name: str) -> Preset:
    """Return the shipped preset ``name``, or that in the file of this name.

    ConfigError when there is none, or with line and key of what is wrong in it.
    """
    known = shipped()
    if name in known:
        return _read(name, name, known[name])
    path = Path(name)
    if not path.is_file():
        raise ConfigError(
            f"There is no preset and no file {name!r}.",
            f"Name one of {', '.join(known)}, or a file of your own: --preset FILE.yaml",
        )
    return _read(path.stem, str(path), path)


def _read(name: str, source: str, file: Traversable | Path) -> Preset:
    try:
        text = file.read_text(encoding="utf-8")
        content, lines = yaml.safe_load(text), dict(_lines(yaml.compose(text), ()))
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(source, f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise _wrong(source, f"is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise _wrong(source, "holds no settings.")
    try:
        preset = _Preset.model_validate(content)
    except ValidationError as error:
        told = "".join(f"\n  {_explain(each, lines)}" for each in error.errors(include_url=False))
        raise _wrong(source, f"is not valid:{told}") from error
    sections = {"engine", "similarity", "recluster", "limits", "workers"}
    return Preset(
        name=name,
        about=preset.about,
        names=preset.names,
        settings=preset.model_dump(include=sections, exclude_unset=True, exclude_none=True),
        outputs=preset.outputs,
    )


def _lines(node: yaml.Node | None, where: _Where) -> Iterator[tuple[_Where, int]]:
    """Yield the line, from 1 on, of each key and each entry of a list, by the way to it."""
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield (*where, key.value), key.start_mark.line + 1
                yield from _lines(value, (*where, key.value))
        case yaml.SequenceNode():
            for number, value in enumerate(node.value):
                yield (*where, number), value.start_mark.line + 1
                yield from _lines(value, (*where, number))


def _explain(error: Any, lines: dict[_Where, int]) -> str:
    where: _Where = error["loc"]
    line = next((lines[where[:n]] for n in range(len(where), 0, -1) if where[:n] in lines), None)
    key = ".".join(map(str, where))
    what = "there is no such setting"
    if error["type"] != "extra_forbidden":
        message = error["msg"].removeprefix("Value error, ")
        what = message if error["type"] == "value_error" else f"{error['input']!r}: {message}"
    return f"{key}: {what}" if line is None else f"line {line}, {key}: {what}"


def _wrong(source: str, how: str) -> ConfigError:
    return ConfigError(
        f"The preset {source} {how}",
        "Mend it; docs/cluster.md tells how a preset is written.",
    )


def _folder() -> Traversable:
    return files("facewatchd") / "presets"


def _by_name(file: Traversable) -> str:
    return file.name
