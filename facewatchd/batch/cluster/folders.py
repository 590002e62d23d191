"""A folder for each group with all photos that show a face of it, as links or copies."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.decode import open_photo
from facewatchd.errors import FacewatchError
from facewatchd.organise.names import Photo, link_names
from facewatchd.reports.groups import NOBODY, folder_of_groups, members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from facewatchd.reports.material import Material

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}  # FAT gives the first


class Lost(NamedTuple):
    """A photo that was read, and cannot be any more."""

    path: bytes
    reason: str


def write(
    material: Material,
    to: Path,
    final: Path,
    *,
    nobody: bool,
    copy: bool,
    progress: Callable[[float], None],
) -> list[Lost]:
    """Make the folders in ``to``, from where they are moved to ``final``; return what was lost.

    FacewatchError where the disk takes no links.

    With ``nobody`` there is one for the photos with faces in no group.  Links are relative to where
    they will be in ``final``, which is a real path.  What is in ``to`` stays.
    """
    names, groups = folder_of_groups(material), members(material)
    if not nobody:
        groups.pop(NOBODY, None)
    lost: dict[bytes, Lost] = {}
    for done, (group, faces) in enumerate(groups.items()):
        folder, there = (os.path.join(os.fsencode(top), names[group]) for top in (to, final))
        os.makedirs(folder, exist_ok=True)
        photos = {material.photos[photo] for photo in material.photo[faces].tolist()}
        for path, name in _names(photos, os.listdir(folder)).items():
            try:
                _put(path, os.path.join(folder, name), there, copy=copy)
            except _LostError as error:
                lost[path] = Lost(path, str(error))
        progress((done + 1) / len(groups))
    return list(lost.values())


class _LostError(Exception):
    """Why a photo cannot be read any more."""


def _names(photos: Iterable[bytes], taken: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return what each photo is called: as its file, unless another one or a report is, too."""
    wanted = [Photo(hashlib.blake2b(path, digest_size=16).digest(), path) for path in photos]
    there = {name: Photo(b"taken " + name, b"/taken/" + name) for name in taken}
    names = link_names([*wanted, *there.values()])
    return {photo.path: names[photo.path] for photo in wanted}


def _put(photo: bytes, name: bytes, folder: bytes, *, copy: bool) -> None:
    """Make a link to ``photo`` as it is to stand in ``folder``, or copy it; _LostError."""
    try:
        source = open_photo(photo)
    except OSError as error:
        raise _LostError(f"It was read, and cannot be any more: {error.strerror}.") from error
    with source:
        if not copy:
            _link(os.path.relpath(photo, folder), name)
            return
        with open(name, "xb") as file:
            shutil.copyfileobj(source, file)
        shutil.copystat(photo, name)


def _link(target: bytes, name: bytes) -> None:
    try:
        os.symlink(target, name)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        raise FacewatchError(
            f"The disk of OUTPUT takes no links: {error.strerror}.",
            "Let photos be copied: type the same command with --copy. What was read is kept.",
        ) from error
