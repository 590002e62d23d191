"""The drop-in that opens the folders of one configuration to the confined unit, and no others.

The unit lets the daemon write to nothing but folders of its own (``ProtectSystem=strict``) and see
neither homes nor other programs' temporary files (``ProtectHome=``, ``PrivateTmp=``), see
systemd.exec(5).
"""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd.doctor.finding import as_root
from facewatchd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.config import Settings

CONFIGURATIONS = Path("/etc/facewatchd")
FILE = "folders.conf"
_HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))  # what ProtectHome= covers
_TEMPORARY = tuple(map(Path, ("/tmp", "/var/tmp")))  # noqa: S108 -- what PrivateTmp= covers
HIDDEN = _HOMES + _TEMPORARY
_UNITS = Path("/etc/systemd/system")


def configuration_of(instance: str | None) -> Path:
    """Return the configuration that the unit, or its ``instance``, goes by."""
    return CONFIGURATIONS / f"{instance or 'facewatchd'}.yaml"


def dropin(settings: Settings, instance: str | None = None) -> str:
    """Return the drop-in of facewatchd.service, or of its ``instance``, for ``settings``.

    What is missing when the service starts does not keep it from starting, so that a disk may be
    away.  ConfigError for a path that no unit can name.
    """
    own = own_folders(instance)
    written = [path for path in _written(settings) if not _is_in(path, own)]
    read = list(_read(settings))
    lines = [
        f"# {_UNITS}/{unit_name(instance)}.d/{FILE}, made by: facewatchctl unit",
        "[Service]",
        *_section(
            "Photos, for reading only.", "ReadOnlyPaths", [p for p in read if not _covered(p)]
        ),
        *_section(
            "What the daemon writes besides its own folders.",
            "ReadWritePaths",
            [p for p in written if not _covered(p)],
        ),
    ]
    if any(_is_in(path, _HOMES) for path in (*read, *written)):
        lines += ["# Of all homes only the following folders are seen.", "ProtectHome=tmpfs"]
    lines += _section(
        "Photos there, for reading only.", "BindReadOnlyPaths", [p for p in read if _covered(p)]
    )
    lines += _section("What is written there.", "BindPaths", [p for p in written if _covered(p)])
    lines += _groups(settings, instance)
    if settings.output.group is not None or (settings.output.folder_mode or 0) & stat.S_ISGID:
        lines += ["# Folders of the output hand their group on.", "RestrictSUIDSGID=no"]
    if settings.socket is not None and not _is_in(settings.socket, own):
        program = Path(sys.prefix, "bin", "facewatchctl")
        lines += [
            "# The socket is elsewhere than the unit thinks.",
            "ExecReload=",
            f"ExecReload={_word(program)} --socket {_word(settings.socket)} reload",
        ]
    return "\n".join(lines) + "\n"


def where_to(instance: str | None) -> str:
    """Return how the drop-in gets to where systemd reads it."""
    wish = "" if instance is None else f" --instance {instance}"
    unit = unit_name(instance)
    install = as_root(f"install -Dm644 /dev/stdin {_UNITS}/{unit}.d/{FILE}")
    reload, restart = as_root("systemctl daemon-reload"), as_root(f"systemctl restart {unit}")
    return f"facewatchctl unit{wish} | {install} && {reload} && {restart}"


def unit_name(instance: str | None) -> str:
    """Return what systemd calls the service, or the ``instance`` of one person."""
    return "facewatchd.service" if instance is None else f"facewatchd@{instance}.service"


def own_folders(instance: str | None) -> tuple[Path, Path, Path]:
    """Return the folders of state, cache and socket that systemd makes for the service."""
    name = "facewatchd" if instance is None else f"facewatchd-{instance}"
    return Path("/var/lib", name), Path("/var/cache", name), Path("/run", name)


def bound(settings: Settings) -> list[Path]:
    """Return the folders that the service sees only because the drop-in shows them to it."""
    return [path for path in (*_read(settings), *_written(settings)) if _covered(path)]


def _groups(settings: Settings, instance: str | None) -> list[str]:
    """Return the lines for what is given to a group: one has to be in it for that."""
    lines = []
    if settings.output.group is not None:
        lines += [
            "# Who may give the output to a group is in it.",
            f"SupplementaryGroups={settings.output.group}",
        ]
    if settings.api.group not in {None, "facewatchd" if instance is None else None}:
        lines += [
            "# Who may give the socket to a group is in it, and that group gets to the socket.",
            f"SupplementaryGroups={settings.api.group}",
            "RuntimeDirectoryMode=0711",
        ]
    return lines


def _read(settings: Settings) -> Iterable[Path]:
    """Yield what the daemon reads where the unit would hide it, or could write to it."""
    yield from (root.path for root in settings.roots)
    if (models := settings.engine.models) is not None and _covered(models):
        yield models


def _written(settings: Settings) -> Iterable[Path]:
    """Yield what the daemon writes to; what is left to the unit or lies within OUTPUT is not."""
    output = settings.output.path
    yield output
    places = [*(settings.decisions.copies or ()), settings.backups.folder, settings.engine.cache]
    if "state" in settings.model_fields_set:
        places.append(settings.state)
    if settings.socket is not None:
        places.append(settings.socket.parent)
    for place in places:
        if place is not None and not place.is_relative_to(output):
            yield place


def _covered(path: Path) -> bool:
    return _is_in(path, HIDDEN)


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _section(why: str, directive: str, paths: Iterable[Path]) -> list[str]:
    lines = [f"{directive}={_word(path, optional=True)}" for path in dict.fromkeys(paths)]
    return [f"# {why}", *lines] if lines else []


def _word(path: Path, *, optional: bool = False) -> str:
    """Return ``path`` as one word of a unit file, see systemd.syntax(7) and systemd.unit(5)."""
    text = str(path)
    if not text.isprintable():
        raise ConfigError(
            f"The path {text!r} cannot stand in a unit: it is no printable text.",
            "Rename the folder, or mount it at another path (mount --bind) and name that.",
        )
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{"-" * optional}{escaped}"'
