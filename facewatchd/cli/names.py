"""The names that the daemon may know a file by, other than the one that was typed."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, TypeVar

from facewatchd.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


def by_any_name(path: bytes, ask: Callable[[bytes], _T]) -> _T:
    """Ask for ``path`` by each name that the daemon may know it by."""
    *others, typed = names_of(path)
    for name in others:
        with contextlib.suppress(NotFoundError):
            return ask(name)
    return ask(typed)


def names_of(photo: bytes) -> list[bytes]:
    """Return absolute names of ``photo``, the one that was typed last.

    A root may be configured by a path with links in it, and a link of the output tree stands for
    its photo.
    """
    typed = os.path.abspath(photo)
    folder, name = os.path.split(typed)
    names = [os.path.realpath(typed), os.path.join(os.path.realpath(folder), name)]
    if os.path.islink(typed):
        names.append(os.path.normpath(os.path.join(folder, os.readlink(typed))))
    return [*dict.fromkeys(n for n in names if n != typed), typed]
