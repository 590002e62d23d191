"""The model folder: where each model lies in it, what is there, and what was recorded of it."""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.errors import FacewatchError
from facewatchd.models.known import KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.models.known import File, Model

_UNKNOWN = "not known to facewatchd: put there by hand"


class Listed(NamedTuple):
    """One model in the list; ``size`` in bytes, of what is there or else of what is fetched.

    ``state`` is installed, incomplete (a file is missing or of another size), fetching (a download
    was interrupted) or missing; ``get`` is what one types for it.
    """

    name: str
    state: str
    size: int
    purpose: str
    licence: str
    source: str
    files: tuple[str, ...]
    get: str | None


class Weights(NamedTuple):
    """A file of weights that is there, and the SHA-256 that it should have, where one is known.

    ``mend`` is what one types when it is not so.
    """

    about: str
    path: Path
    sha256: str | None
    mend: str


@dataclass(frozen=True, slots=True)
class Folder:
    """The model folder (engine.models); it may not be there yet."""

    path: Path

    def part(self, model: Model) -> Path:
        """Return where a download grows."""
        return self.path / f"{model.name}.part"

    def staging(self, model: Model) -> Path:
        """Return where its files are made; no engine looks so deep."""
        return self.path / ".new" / model.name

    def record(self, model: Model) -> Path:
        """Return where its checksums are recorded, as sha256sum(1) writes and reads them."""
        return self.path / f"{model.name}.sha256"

    def recorded(self, model: Model) -> dict[str, str]:
        """Return the recorded SHA-256 of each of its files, by place; empty before a fetch."""
        try:
            lines = self.record(model).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        return {place: digest for digest, _, place in (line.partition("  ") for line in lines)}

    def expected(self, model: Model) -> dict[str, str | None]:
        """Return the SHA-256 that each of its files should have: as cited, else as recorded."""
        known = self.recorded(model)
        return {
            place: file.sha256 or known.get(place)
            for place, file in zip(model.places, model.files, strict=True)
        }

    def has(self, model: Model) -> bool:
        """Whether all its files are there in their sizes; what is in them is not looked at."""
        return self._state(model) == "installed"

    def prepare(self) -> None:
        """Make the folder, for its owner alone; FacewatchError where the daemon could not read it.

        What root fetches is root's: a daemon that is another user could not read it.
        """
        nearest = next(p for p in (self.path, *self.path.parents) if p.exists())
        owner = nearest.stat().st_uid
        if os.geteuid() == 0 and owner != 0:
            user = _user(owner)
            raise FacewatchError(
                f"{nearest} belongs to {user}, who could not read what root fetches.",
                f"Fetch as that user: runuser -u {user} -- facewatchctl models fetch NAME",
            )
        try:
            for missing in reversed([p for p in (self.path, *self.path.parents) if not p.exists()]):
                missing.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FacewatchError(
                f"The model folder {self.path} cannot be made: {error.strerror}.",
                "Run this as the user that the daemon runs as, or name another folder"
                " (engine.models).",
            ) from error

    def listed(self) -> Iterator[Listed]:
        """Return every model that can be fetched, and what else is there."""
        yield from (self._listed(model) for model in KNOWN)
        for name, paths in self._others().items():
            size = sum(path.stat().st_size for path in paths)
            places = tuple(str(path.relative_to(self.path)) for path in paths)
            yield Listed(name, "installed", size, "", "not known", _UNKNOWN, places, None)

    def weights(self) -> Iterator[Weights]:
        """Return every file that should be there of models that are, whole or in part.

        An ONNX file that somebody put there by hand is one too.
        """
        for model in KNOWN:
            mend = f"facewatchctl models fetch {model.name}"
            if self._there(model):
                for place, digest in self.expected(model).items():
                    yield Weights(place, self.path / place, digest, mend)
        for paths in self._others().values():
            for path in paths:
                place = str(path.relative_to(self.path))
                yield Weights(place, path, None, f"Put a whole file there, or remove it: {path}")

    def _listed(self, model: Model) -> Listed:
        state = self._state(model)
        there = self._there(model)
        size = sum(path.stat().st_size for path in there) if there else model.download.size
        command = None if state == "installed" else f"facewatchctl models fetch {model.name}"
        return Listed(
            model.name,
            state,
            size,
            model.purpose,
            model.licence.name,
            model.address,
            model.places,
            command,
        )

    def _state(self, model: Model) -> str:
        there = self._there(model)
        if len(there) == len(model.files) and all(map(_is_whole, there, model.files)):
            return "installed"
        if self.part(model).is_file():
            return "fetching"
        return "incomplete" if there else "missing"

    def _there(self, model: Model) -> list[Path]:
        """Return those of its files that are there."""
        return [path for place in model.places if (path := self.path / place).is_file()]

    def _others(self) -> dict[str, list[Path]]:
        """Return models that are not known: folders with ONNX files, and single ones."""
        known = {self.path / place for model in KNOWN for place in model.places}
        found: dict[str, list[Path]] = {}
        for path in sorted({*self.path.glob("*.onnx"), *self.path.glob("*/*.onnx")} - known):
            name = path.name if path.parent == self.path else path.parent.name
            found.setdefault(name, []).append(path)
        return found


def _is_whole(path: Path, file: File) -> bool:
    """Whether the size is right, where it is a fact about the very file."""
    return file.sha256 is None or path.stat().st_size == file.size


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"#{number}"
