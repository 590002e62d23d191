"""The labelled slice of LFW: which photos to take, and how a result is scored."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from facewatchd.client import Client

_SIDES = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class Labelled:
    """A photo, who the labelled face in it is, and the centre of that face."""

    file: str
    person: str
    centre: tuple[float, float]


def read(photos: Path) -> list[Labelled]:
    with (photos / "lfw.csv").open(newline="") as file:
        return [
            Labelled(row["file"], row["person"], _centre([float(row[side]) for side in _SIDES]))
            for row in csv.DictReader(file)
        ]


def sample(labels: list[Labelled], *, at_least: int, singles: int) -> list[Labelled]:
    """Return everyone with ``at_least`` photos, and so many people who appear once."""
    counts = Counter(label.person for label in labels)
    once = [label for label in labels if counts[label.person] == 1]
    return [label for label in labels if counts[label.person] >= at_least] + once[:singles]


def copy(labels: Iterable[Labelled], photos: Path, to: Path) -> dict[Path, Labelled]:
    copied = {}
    for label in labels:
        path = to / label.file
        shutil.copyfile(photos / "lfw" / label.file, path)
        copied[path] = label
    return copied


def folder_of(client: Client, path: Path, label: Labelled) -> str | None:
    """Return the folder that the labelled face of ``path`` was given to, None if to none."""
    face = labelled_face(client.find(str(path).encode())["faces"], label)
    return face["folder"] if face else None


def labelled_face(faces: list[dict[str, Any]], label: Labelled) -> dict[str, Any] | None:
    """Return the face whose centre is nearest to the labelled one's."""

    def away(face: dict[str, Any]) -> float:
        x, y = _centre(face["box"])
        return (x - label.centre[0]) ** 2 + (y - label.centre[1]) ** 2

    return min(faces, key=away, default=None)


def majorities(given: dict[Path, str | None], labels: dict[Path, Labelled]) -> dict[str, str]:
    """Return whose faces are most frequent in each folder."""
    members: dict[str, Counter[str]] = {}
    for path, folder in given.items():
        if folder is not None:
            members.setdefault(folder, Counter())[labels[path].person] += 1
    return {folder: counts.most_common(1)[0][0] for folder, counts in members.items()}


def _centre(box: Iterable[float]) -> tuple[float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2
