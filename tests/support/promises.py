"""What a user has decided, and whether it holds: asked through the API and seen in the folders.

A face is told apart by its photo's path and its box in the pixels as the file stores them, so that
it is the same one in a new store, by another detector and under another EXIF orientation.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import ExifTags, Image

from facewatchd.model import Box
from facewatchd.orientation import UPRIGHT, lies, turned, valid
from facewatchd.overlap import LEAST, iou

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from tests.support.daemon import Daemon

COVER_SIDE = 512
_PICTURES = {".jpg", ".png"}


class Sight(NamedTuple):
    """A face, by the path of its photo below the root and its box in stored pixels."""

    photo: str
    box: Box


class View:
    """What the daemon says of every face and person, and what its folders show, at one moment."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        client = daemon.client
        paths = sorted(p for p in daemon.photos.rglob("*") if p.suffix in _PICTURES)
        self.faces: dict[str, list[tuple[Sight, dict[str, Any]]]] = {}
        for path in paths:
            photo = os.path.relpath(path, daemon.photos)
            found = client.find(os.fsencode(path))["faces"]
            self.faces[photo] = [(Sight(photo, stored(path, each["box"])), each) for each in found]
        self.people = {each["id"]: each for each in client.people()}

    def of(self, person: str) -> frozenset[Sight]:
        """Return the faces of a person."""
        return frozenset(sight for sight, face in self.everything() if face["person"] == person)

    def everything(self) -> Iterable[tuple[Sight, dict[str, Any]]]:
        return (each for faces in self.faces.values() for each in faces)

    def at(self, sight: Sight) -> dict[str, Any] | None:
        """Return the face that lies where ``sight`` was, None if there is none."""
        overlaps = [(iou(sight.box, at.box), face) for at, face in self.faces[sight.photo]]
        best = max(overlaps, key=lambda each: each[0], default=(0.0, None))
        return best[1] if best[0] >= LEAST else None

    def shown(self, person: str) -> set[str]:
        """Return the photos that the folder of a person links to; none without a folder."""
        folder = self.folder(person)
        if folder is None or not folder.is_dir():
            return set()
        top = self._daemon.photos
        links = (each for each in folder.iterdir() if each.is_symlink())
        return {os.path.relpath(os.path.realpath(link), top) for link in links}

    def folder(self, person: str) -> Path | None:
        name = self.people.get(person, {}).get("folder")
        return None if name is None else self._daemon.output / name

    def has(self, person: str, photo: str) -> bool:
        """Whether a face in ``photo`` is this person's."""
        return any(face["person"] == person for _, face in self.faces[photo])

    def whose(self, sights: Iterable[Sight]) -> dict[Sight, str | None]:
        """Return whose the faces are that lie at ``sights``; a face that is gone is left out."""
        found = ((sight, self.at(sight)) for sight in sights)
        return {sight: face["person"] for sight, face in found if face is not None}

    def cover_shows(self, person: str, face: int) -> bool:
        folder = self.folder(person)
        if folder is None or not (folder / "cover.jpg").exists():
            return False
        client = self._daemon.client
        return (folder / "cover.jpg").read_bytes() == client.picture(face, COVER_SIDE)

    def found_with(self, person: str) -> set[str]:
        """Return the photos that ``facewatchctl photos --with`` a person finds."""
        client = self._daemon.client
        return {os.path.relpath(p["path"], self._daemon.photos) for p in client.photos([person])}


def stored(path: Path, box: Iterable[int]) -> Box:
    """Return where a box in upright pixels lies in the pixels that a file stores."""
    with Image.open(path) as picture:
        orientation = valid(picture.getexif().get(ExifTags.Base.Orientation))
        size = picture.size
    upright = size[::-1] if lies(orientation) else size
    return turned(Box(*box), upright, orientation, UPRIGHT)


@dataclass(frozen=True)
class Promise:
    """A decision of ``kind`` about ``person`` (a lasting id) and ``faces``."""

    kind: str
    person: str
    faces: frozenset[Sight] = frozenset()

    def broken(self, view: View) -> str | None:
        """Return what is not as it was decided."""
        raise NotImplementedError

    def moves(self) -> frozenset[Sight]:
        """Return the faces of which nothing holds any more that was said of them before."""
        return frozenset()

    def without(self, faces: frozenset[Sight]) -> Promise:
        """Return what is left of this when something newer was said of ``faces``."""
        return replace(self, faces=self.faces - faces)


@dataclass(frozen=True)
class Theirs(Promise):
    """The faces are this person's, who is called ``name``; ``mark`` is what was said of each."""

    name: str | None = None
    mark: str | None = None
    moved: bool = False

    def broken(self, view: View) -> str | None:
        person = view.people.get(self.person)
        if person is None or person["name"] != self.name:
            return f"{self.name} is now {person and person['name']}"
        photos = view.shown(self.person)
        for sight in sorted(self.faces):
            face = view.at(sight)
            if face is None:
                return f"{sight} is gone"
            if face["person"] != self.person:
                return f"{sight} is with {face['person']}"
            if self.mark is not None and face["said"] != self.mark:
                return f"{sight} is marked {face['said']}"
            if sight.photo not in photos:
                return f"{sight.photo} is not linked for {self.name}"
        return None

    def moves(self) -> frozenset[Sight]:
        return self.faces if self.moved else frozenset()


@dataclass(frozen=True)
class NotTheirs(Promise):
    """The faces are not this person's."""

    def broken(self, view: View) -> str | None:
        for sight in self.faces:
            face = view.at(sight)
            if face is not None and face["person"] == self.person:
                return f"{sight} is back"
            if not view.has(self.person, sight.photo) and sight.photo in view.shown(self.person):
                return f"{sight.photo} is linked"
        return None

    def moves(self) -> frozenset[Sight]:
        return self.faces


@dataclass(frozen=True)
class Ignored(Promise):
    """The faces are nobody's; ``person`` is whose they were."""

    def broken(self, view: View) -> str | None:
        for sight in self.faces:
            face = view.at(sight)
            if face is not None and (face["person"], face["said"]) != (None, "ignored"):
                return f"{sight} is with {face['person']}, marked {face['said']}"
            if face is not None and face["candidates"]:
                return f"{sight} has candidates"
            if not view.has(self.person, sight.photo) and sight.photo in view.shown(self.person):
                return f"{sight.photo} is linked"
        return None

    def moves(self) -> frozenset[Sight]:
        return self.faces


@dataclass(frozen=True)
class Hidden(Promise):
    """The person collects faces and is shown nowhere."""

    def broken(self, view: View) -> str | None:
        person = view.people.get(self.person)
        if person is None or not person["hidden"]:
            return f"{self.person} is not hidden"
        if view.shown(self.person):
            return f"{person['folder']} is there"
        strays = {sight for sight, who in view.whose(self.faces).items() if who != self.person}
        return f"{strays} are with others" if strays else None


@dataclass(frozen=True)
class Covered(Promise):
    """The cover of the person's folder shows this face."""

    def broken(self, view: View) -> str | None:
        (sight,) = self.faces
        face = view.at(sight)
        if face is None:
            return f"{sight} is gone"
        return None if view.cover_shows(self.person, face["face"]) else "another cover"


@dataclass(frozen=True)
class Present(Promise):
    """The person is in a photo, without a box."""

    photo: str = ""

    def broken(self, view: View) -> str | None:
        there = self.photo in view.found_with(self.person) and self.photo in view.shown(self.person)
        return None if there else f"{self.photo} does not show {self.person}"


class Decided:
    """Every decision so far; of what was said of one face, the newer holds."""

    def __init__(self) -> None:
        self.promises: list[Promise] = []

    def say(self, *promises: Promise) -> None:
        for promise in promises:
            self.promises = [each.without(promise.moves()) for each in self.promises]
            self.promises.append(promise)

    def spoke_of(self, sight: Sight) -> bool:
        return any(
            said.photo == sight.photo and iou(said.box, sight.box) >= LEAST
            for promise in self.promises
            for said in promise.faces
        )


def broken(promises: Iterable[Promise], view: View) -> list[str]:
    """Return of each promise that does not hold what is wrong."""
    found = ((each.kind, each.broken(view)) for each in promises)
    return [f"{kind}: {what}" for kind, what in found if what is not None]


def different(
    before: Mapping[Sight, str | None],
    after: Mapping[Sight, str | None],
    among: Collection[Sight],
) -> int:
    """Return how many faces ``among`` those of ``before`` are with others now, or gone.

    Ids are not compared: who has most of the faces of somebody before is the same person.
    """
    pairs = Counter((who, after[at]) for at, who in before.items() if at in after)
    same: dict[str | None, str | None] = {None: None}
    for (was, now), _ in sorted(pairs.items(), key=lambda pair: (-pair[1], str(pair[0]))):
        if was is not None and now is not None and was not in same and now not in same.values():
            same[was] = now
    return sum(
        at not in after or before[at] not in same or after[at] != same[before[at]] for at in among
    )


def majority(view: View, photos: Collection[str]) -> str:
    """Return the person who has most of the faces in ``photos``."""
    counts: dict[str, int] = defaultdict(int)
    for photo in photos:
        for _, face in view.faces[photo]:
            if face["person"] is not None:
                counts[face["person"]] += 1
    return max(counts, key=lambda person: (counts[person], person))
