"""The model folder: where each model lies in it, what is there, and what was recorded of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from facewatchd.accounts import user_name
from facewatchd.engines import listing
from facewatchd.errors import FacewatchError
from facewatchd.models.known import CONVERTIBLE, KNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.models.known import Convertible, File, Model

_UNKNOWN = "not known to facewatchd: put there by hand"


class Listed(NamedTuple):
    """One model in the list; ``size`` in bytes, of what is there or else of what is fetched.

    ``state`` is installed, incomplete (a file is missing or of another size), fetching (a download
    was interrupted) or missing; ``get`` is what one types for it, where a file of weights has to be
    downloaded by hand first.
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
    """The model folder (engine.models); it may not be there yet.

    Whoever ``state``, the state folder, belongs to is who the daemon runs as.  PluginError where
    something in the model folder may not be looked into.
    """

    path: Path
    state: Path | None = None

    def part(self, model: Model) -> Path:
        """Return where a download grows."""
        return self.path / f"{model.name}.part"

    def staging(self, model: Model | Convertible) -> Path:
        """Return where its files are made; no engine looks so deep."""
        return self.path / ".new" / model.name

    def record(self, model: Model | Convertible) -> Path:
        """Return where its checksums are recorded, as sha256sum(1) writes and reads them."""
        return self.path / f"{model.name}.sha256"

    def recorded(self, model: Model | Convertible) -> dict[str, str]:
        """Return the recorded SHA-256 of each of its files, by place; empty before a fetch.

        FacewatchError when the record cannot be read.
        """
        record = self.record(model)
        try:
            lines = record.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as error:
            raise FacewatchError(
                f"The record of checksums {record} is damaged: it is no text.",
                f"Remove it and fetch the model again: rm {record};"
                f" facewatchctl models fetch {model.name}",
            ) from error
        except OSError as error:
            raise listing.unreadable(record, error) from error
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
        if os.geteuid() == 0:
            self._refuse_root()
        try:
            for missing in reversed([p for p in (self.path, *self.path.parents) if not p.exists()]):
                missing.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FacewatchError(
                f"The model folder {self.path} cannot be made: {error.strerror}.",
                "Run this as the user that the daemon runs as, or name another folder"
                " (engine.models).",
            ) from error

    def _refuse_root(self) -> None:
        above = (self.path, *self.path.parents)
        nearest = next(each for each in above if each.exists())
        belongs = self.state if self.state is not None and self.state.exists() else nearest
        owner = belongs.stat().st_uid
        if owner == 0:
            return
        user = user_name(owner)
        fetch = f"runuser -u {user} -- facewatchctl models fetch NAME"
        if nearest.stat().st_uid != owner:
            let_in = "chown -R" if self.path.exists() else "install -d -o"
            fetch = f"{let_in} {user} {self.path} && {fetch}"
        raise FacewatchError(
            f"{belongs} belongs to {user}, who could not read what root fetches.",
            f"Fetch as that user: {fetch}",
        )

    def listed(self) -> Iterator[Listed]:
        """Return every model that can be fetched or converted, and what else is there."""
        yield from (self._listed(model) for model in KNOWN)
        yield from (self._converted(model) for model in CONVERTIBLE)
        for name, paths in self._others().items():
            files = [path for path in paths if listing.is_file(path)]
            state = "installed" if files == paths else "incomplete"
            size = sum(path.stat().st_size for path in files)
            places = tuple(str(path.relative_to(self.path)) for path in paths)
            yield Listed(name, state, size, "", "not known", _UNKNOWN, places, None)

    def weights(self) -> Iterator[Weights]:
        """Return every file that should be there of models that are, whole or in part.

        An ONNX file that somebody put there by hand is one too.
        """
        for model in KNOWN:
            mend = f"facewatchctl models fetch {model.name}"
            if self._there(model):
                for place, digest in self.expected(model).items():
                    yield Weights(place, self.path / place, digest, mend)
        for converted in CONVERTIBLE:
            path = self.path / converted.brought.place
            if listing.is_file(path):
                digest = self.recorded(converted).get(path.name)
                yield Weights(path.name, path, digest, converted.brought.convert)
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

    def _converted(self, model: Convertible) -> Listed:
        path = self.path / model.brought.place
        there = listing.is_file(path)
        return Listed(
            model.name,
            "installed" if there else "missing",
            path.stat().st_size if there else model.published.size,
            model.purpose,
            model.licence.name,
            model.brought.address,
            model.places,
            None if there else model.brought.convert,
        )

    def _state(self, model: Model) -> str:
        there = self._there(model)
        if len(there) == len(model.files) and all(map(_is_whole, there, model.files)):
            return "installed"
        if listing.is_file(self.part(model)):
            return "fetching"
        return "incomplete" if there else "missing"

    def _there(self, model: Model) -> list[Path]:
        """Return those of its files that are there."""
        return [path for place in model.places if listing.is_file(path := self.path / place)]

    def _others(self) -> dict[str, list[Path]]:
        """Return models that are not known: folders with ONNX files, and single ones."""
        all_known = (*KNOWN, *CONVERTIBLE)
        known = {self.path / place for model in all_known for place in model.places}
        found: dict[str, list[Path]] = {}
        for folder in (self.path, *listing.folders(self.path)):
            for path in listing.entries(folder):
                if path.suffix == ".onnx" and path not in known:
                    name = path.name if folder == self.path else folder.name
                    found.setdefault(name, []).append(path)
        return found


def _is_whole(path: Path, file: File) -> bool:
    """Whether the size is right, where it is a fact about the very file."""
    return file.sha256 is None or path.stat().st_size == file.size


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
