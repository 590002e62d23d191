"""From a file that was downloaded to a model in its place: checked, unpacked, recorded."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from facewatchd.errors import FacewatchError
from facewatchd.models.folder import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from facewatchd.models.folder import Folder
    from facewatchd.models.known import Convertible, File, Model

_CHUNK = 1 << 20
_MOST = 2 << 30  # bytes of one unpacked file whose size nobody states; ONNX itself ends there
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def check_download(model: Model, path: Path) -> None:
    """Raise FacewatchError when ``path`` is not the file whose checksum is cited, if one is."""
    if model.download.sha256 is not None:
        _check(path.name, sha256_of(path), model.download.sha256, model)


def install(model: Model, folder: Folder, source: Path) -> str:
    """Put ``model`` in place from ``source``, the file that its address serves.

    All of it is checked before any of it is put there.  Returns what its checksum rests on.
    Raises FacewatchError when ``source`` is another file, is damaged, or cannot be written.
    """
    folder.prepare()
    staging, expected = folder.staging(model), folder.expected(model)
    recorded = folder.recorded(model)
    try:
        with made_anew(staging):
            digests = dict(zip(model.places, _stage(model, source, staging), strict=True))
            for place, digest in digests.items():
                _check(place, digest, expected[place], model)
            put_in_place(model, folder, staging)
            write_record(folder.record(model), digests)
    except OSError as error:
        raise FacewatchError(
            f"{model.name} cannot be put into {folder.path}: {error.strerror}.",
            "Free space there, or run this as the user that the folder belongs to.",
        ) from error
    return _rests_on(model, folder, recorded)


def _stage(model: Model, source: Path, staging: Path) -> list[str]:
    """Write the model's files into ``staging``; return their SHA-256."""
    if not model.is_pack:
        with source.open("rb") as file:
            return [_write(file, staging / model.files[0].name, _MOST)]
    try:
        with zipfile.ZipFile(source) as archive:
            members = _members(archive, model)
            return [_unpack(archive, members[file.name], file, staging) for file in model.files]
    except _DAMAGED as error:
        raise FacewatchError(
            f"{source} is no whole zip file: {error}.",
            f"Fetch it again: facewatchctl models fetch {model.name}",
        ) from error


def _members(archive: zipfile.ZipFile, model: Model) -> dict[str, zipfile.ZipInfo]:
    """Return the members to unpack by name; FacewatchError if one is missing or leads outside."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
            raise FacewatchError(
                f"{archive.filename} holds {info.filename!r}, which leads out of its folder.",
                f"No honest pack does that. Take the file from its own source ({model.address}).",
            )
        found[path.name] = info
    missing = [file.name for file in model.files if file.name not in found]
    if missing:
        raise FacewatchError(
            f"{archive.filename} holds no {' and no '.join(missing)}: it is not {model.name}.",
            f"Take the file that {model.address} serves.",
        )
    return found


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, file: File, staging: Path) -> str:
    most = _MOST if file.sha256 is None else file.size
    if info.file_size > most:
        raise FacewatchError(
            f"{archive.filename} holds a {file.name} of {info.file_size:,} bytes; {most:,} is the"
            " most that it may have.",
            "It is another file; nothing was unpacked.",
        )
    with archive.open(info) as member:
        return _write(member, staging / file.name, most)


def _write(source: IO[bytes], path: Path, most: int) -> str:
    """Copy ``source``, at most ``most`` bytes of it, for good; return its SHA-256."""
    digest = hashlib.sha256()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        left = most
        while chunk := source.read(min(_CHUNK, left)):
            file.write(chunk)
            digest.update(chunk)
            left -= len(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _check(name: str, digest: str, expected: str | None, model: Model) -> None:
    if expected is not None and digest != expected:
        raise FacewatchError(
            f"{name} is not {model.name}, or is damaged: its SHA-256 is {digest}, not {expected}.",
            f"Nothing was put in place. {_then(model)}",
        )


def _then(model: Model) -> str:
    if model.cited is None:
        return f"If its owner has published another file, remove {model.name}.sha256 and fetch it."
    return f"Fetch it again: facewatchctl models fetch {model.name}"


def put_in_place(model: Model | Convertible, folder: Folder, staging: Path) -> None:
    """Rename what was made in ``staging``: a new folder as a whole, else file by file."""
    place = folder.path / model.name
    for path in (folder.path / each for each in model.places):
        if path.is_dir():
            raise FacewatchError(
                f"{path} is a folder, where the model would be.",
                f"Move it away: mv {path} ELSEWHERE",
            )
    if model.is_pack and not place.exists():
        staging.rename(place)
    else:
        for target in model.places:
            (staging / PurePosixPath(target).name).replace(folder.path / target)
    for changed in {folder.path, (folder.path / model.places[0]).parent}:
        _sync_folder(changed)


def write_record(path: Path, digests: Mapping[str, str]) -> None:
    """Record the SHA-256 of each place; see `Folder.record`."""
    fresh = path.with_suffix(".new")
    fresh.touch(0o600)
    fresh.write_text("".join(f"{digest}  {place}\n" for place, digest in digests.items()))
    fresh.replace(path)


def _rests_on(model: Model, folder: Folder, recorded: Mapping[str, str]) -> str:
    if model.cited is not None:
        return f"Its SHA-256 is the one in {model.cited}."
    if recorded:
        return (
            f"Its SHA-256 is the one that was recorded at the first fetch ({folder.record(model)})."
        )
    return (
        "Nobody states its SHA-256: what came now was recorded in"
        f" {folder.record(model)}, and is what later fetches and checks compare with."
    )


@contextmanager
def made_anew(staging: Path) -> Iterator[None]:
    """Have an empty folder while this lasts, whatever a kill left there."""
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not any(staging.parent.iterdir()):
            staging.parent.rmdir()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
