"""What a check found, and what the probes answer."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple


class Finding(NamedTuple):
    """What was looked at and what is so; ``mend`` is the command to type where that is wrong."""

    about: str
    words: str
    mend: str | None = None


def as_root(command: str) -> str:
    """Return ``command`` as one types it who is not root, or got there by sudo.

    Root is without sudo in containers.
    """
    return command if os.geteuid() == 0 and "SUDO_UID" not in os.environ else f"sudo {command}"


def pip() -> str:
    """Return how pip is called for the Python that runs this."""
    return f"{sys.executable} -m pip"


def build_dlib() -> str:
    """Return how to compile dlib for this processor; that takes minutes and a C++ compiler."""
    return (
        f"{as_root('apt install')} cmake g++ && {pip()} uninstall --yes dlib-bin && "
        f"{pip()} install --no-cache-dir --force-reinstall dlib"
    )


def folders(number: int) -> str:
    """Return ``1 folder`` or ``1,234 folders``."""
    return f"{number:,} folder{'' if number == 1 else 's'}"


class RootSeen(NamedTuple):
    """A root, looked at from within: ``trouble`` is why it cannot be listed at all.

    ``folders`` are those that would be watched, all of them when ``whole``.  Folders that cannot be
    listed are ``closed``, some photos that cannot be read ``unreadable``, and folders whose ACL
    keeps out what is made in them ``shut``.  ``above`` are folders on the way there that cannot be
    passed; ``group`` could read the root, and ``acl`` says whether it takes ACLs.
    """

    trouble: OSError | None = None
    folders: int = 0
    whole: bool = True
    closed: tuple[bytes, ...] = ()
    unreadable: tuple[bytes, ...] = ()
    shut: tuple[bytes, ...] = ()
    above: tuple[bytes, ...] = ()
    group: int | None = None
    acl: bool = True


class FolderSeen(NamedTuple):
    """A folder of ours: ``nearest`` is itself, or the folder that it would be made below.

    ``free`` is in bytes, for others than root; ``trouble`` is why it is no folder, or why it can
    hold no symlinks.  ``above`` are folders on the way there that cannot be passed; ``acl`` says
    whether its file system takes ACLs, ``read_only`` that it is mounted so.
    """

    nearest: bytes
    writable: bool = False
    free: int = 0
    trouble: OSError | None = None
    above: tuple[bytes, ...] = ()
    acl: bool = True
    read_only: bool = False


class EnginesSeen(NamedTuple):
    """Why the engine does not work, and what to do; None where it does."""

    title: str | None = None
    remedy: str = ""


class HardwareSeen(NamedTuple):
    """What ONNX Runtime has (the names of engine.hardware), and which of it computed.

    ``title`` is why nothing did.
    """

    installed: tuple[str, ...]
    used: str | None = None
    title: str | None = None
