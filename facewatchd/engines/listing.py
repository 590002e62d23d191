"""Looks into folders of models, and says why one cannot be looked into.

``Path.glob`` takes a folder that may not be read for an empty one.
"""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatchcase
from pathlib import Path

from facewatchd.accounts import user_name
from facewatchd.errors import PluginError


def entries(folder: Path) -> list[Path]:
    """Return what is in ``folder``, by name; nothing where there is none.

    PluginError when it is a file, or may not be looked into.
    """
    try:
        names = os.listdir(folder)
        os.stat(f"{folder}/.")  # names can be read where what they name cannot
    except FileNotFoundError:
        return []
    except OSError as cause:
        raise unreadable(folder, cause) from cause
    return sorted(folder / name for name in names)


def folders(folder: Path) -> list[Path]:
    """Return the folders in ``folder``, by name, without hidden ones; PluginError as above."""
    return [p for p in entries(folder) if not p.name.startswith(".") and stat.S_ISDIR(_mode(p))]


def models(folder: Path, pattern: str = "*.onnx") -> list[Path]:
    """Return the files in ``folder`` whose names fit ``pattern``; PluginError as above.

    A folder with such a name is a PluginError too.
    """
    found = [path for path in entries(folder) if fnmatchcase(path.name, pattern)]
    for path in found:
        if stat.S_ISDIR(_mode(path)):
            raise PluginError(
                f"{path} is a folder, where a model would be a file.",
                f"Move it away: mv {path} ELSEWHERE",
            )
    return found


def is_file(path: Path) -> bool:
    """Say whether ``path`` is a file; PluginError when one may not look."""
    return stat.S_ISREG(_mode(path))


def unreadable(path: Path, cause: OSError) -> PluginError:
    """Return the error that ``path``, a file or folder of models, cannot be read."""
    if isinstance(cause, NotADirectoryError):
        place = next(p for p in (path, *path.parents) if os.path.lexists(p))
        return PluginError(
            f"{place} is a file, where a folder of models would be (engine.models).",
            f"Name another folder (engine.models), or move it away: mv {place} ELSEWHERE",
        )
    title = f"{path} cannot be read: {cause.strerror}."
    if not isinstance(cause, PermissionError):
        return PluginError(title, "Look what the system says of its disk: dmesg | tail")
    real = Path(os.path.realpath(path))
    closed = next((p for p in reversed(real.parents) if not os.access(p, os.X_OK)), real)
    me, owner = user_name(os.geteuid()), user_name(closed.lstat().st_uid)
    grant = f"-R -m u:{me}:rX" if closed == real else f"-m u:{me}:x"
    return PluginError(
        title,
        f"It must be readable for {me}, and {closed} belongs to {owner}: run this as {owner}, or"
        f" as {owner} let {me} in: setfacl {grant} {closed}",
    )


def _mode(path: Path) -> int:
    """Return the mode of what ``path`` leads to; 0 where that is nothing."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0
    except OSError as cause:
        raise unreadable(path, cause) from cause
