"""What values may be: durations, paths, templates, groups; what is wrong with them, in words."""

from __future__ import annotations

import grp
import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from facewatchd.hours import Hours, read_hours
from facewatchd.mounts import is_remote, read_mounts

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MOST_LINKS = 40  # as in path_resolution(7)


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


Duration = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
DurationOrZero = Annotated[float, BeforeValidator(_seconds), Field(ge=0)]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Similarity = Annotated[float, Field(gt=0, lt=1)]
Layout = Annotated[str, AfterValidator(_layout)]
EntryName = Annotated[str, AfterValidator(_entry_name)]
GroupName = Annotated[str, AfterValidator(_group)]
Mode = Annotated[str, AfterValidator(_mode)]
PathOutside = Annotated[str, AfterValidator(_outside)]
WorkHours = Annotated[Hours, BeforeValidator(read_hours)]
