"""Presets beside plain scripts of the same steps: the same clusters, and the time of both.

Run from the repository: ``python -m bench.presets [--photos DIR] [--number N] [--json]``.

Each script (`bench.presets.plain`) and each ``facewatchctl cluster`` is a program of its own; what
is measured is the time from its start to its end.  How right the clusters are is measured on
photos with one face whose names, or whose folders, say who it is.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import yaml
from sklearn.metrics import adjusted_rand_score

from bench.presets.plain import photos_in
from bench.scoring import scores
from facewatchd.batch.cluster.preset import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SEED = 1
_NUMBERED = re.compile(r"(.+?)_?\d+")
_OUTPUTS = ["clusters.csv", "faces.csv"]

Clusters = dict[str, list[int]]  # of the faces of each photo, from left to right


class Case(NamedTuple):
    """A preset, what both programs are told besides, and whether there is a plain script."""

    preset: str
    also: tuple[str, ...] = ()
    is_plain: bool = True


class Ran(NamedTuple):
    """What a program answered, and how long it took."""

    clusters: Clusters
    seconds: float


def plain(case: Case, photos: Path, more: Sequence[str]) -> Ran:
    """Run the plain script."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "bench.presets.plain", case.preset, str(photos)]
    ended = subprocess.run(
        [*command, *case.also, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return Ran(json.loads(ended.stdout), time.perf_counter() - began)


def ours(case: Case, photos: Path, more: Sequence[str]) -> Ran:
    """Run ``facewatchctl cluster`` with the preset, which writes tables here."""
    content = yaml.safe_load(shipped()[case.preset].read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as home:
        preset, output = Path(home) / f"{case.preset}.yaml", Path(home) / "output"
        preset.write_text(yaml.safe_dump(content | {"outputs": _OUTPUTS}))
        command = [sys.executable, "-m", "facewatchd.cli", "cluster", str(photos), str(output)]
        began = time.perf_counter()
        subprocess.run(
            [*command, "--preset", str(preset), *case.also, *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        seconds = time.perf_counter() - began
        rows = zip(*(_rows(output / name) for name in _OUTPUTS), strict=True)
        faces = sorted((f["photo"], int(f["left"]), int(c["cluster"])) for c, f in rows)
    clusters: Clusters = {str(path.relative_to(photos)): [] for path in photos_in(photos)}
    for photo, _, cluster in faces:
        clusters[os.path.relpath(photo, photos)].append(cluster)
    return Ran(clusters, seconds)


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def compared(case: Case, photos: Path, models: Path) -> dict[str, Any]:
    """Run both on ``photos`` and say how they agree, how right they are, and what they took."""
    ours_also: list[str] = []
    plain_also: list[str] = []
    if case.preset == "insightface-kmeans":
        people = {who for path in photos_in(photos) if (who := person_of(path)) is not None}
        clusters = ["--clusters", str(len(people))]
        ours_also = [*clusters, "--models", str(models.parent), "--pack", models.name]
        plain_also = [*clusters, "--models", str(models)]
    own = ours(case, photos, ours_also)
    alone = {
        "preset": " ".join([case.preset, *case.also]),
        "photos": len(own.clusters),
        "faces": _faces(own.clusters.values()),
        **right(own.clusters, photos),
        "seconds": own.seconds,
    }
    if not case.is_plain:
        return alone
    theirs = plain(case, photos, plain_also)
    both = [n for n in theirs.clusters if len(theirs.clusters[n]) == len(own.clusters[n])]
    return alone | {
        "faces, plain": _faces(theirs.clusters.values()),
        "same clusters": same(theirs.clusters, own.clusters),
        "adjusted Rand index": float(
            adjusted_rand_score(_alone(theirs.clusters, both), _alone(own.clusters, both))
        ),
        **{f"{name}, plain": value for name, value in right(theirs.clusters, photos).items()},
        "seconds, plain": theirs.seconds,
    }


def _faces(clusters: Iterable[list[int]]) -> int:
    return sum(map(len, clusters))


def same(one: Clusters, other: Clusters) -> bool:
    """Whether both put the same photos together, and the same faces in none, whatever is first."""
    return _sets(one) == _sets(other)


def _sets(clusters: Clusters) -> Counter[tuple[str, ...]]:
    """Return the photos of each cluster, and those of faces in none."""
    found: dict[int, list[str]] = {}
    for name, labels in sorted(clusters.items()):
        for label in labels:
            found.setdefault(label, []).append(name)
    return Counter(("none" if label < 0 else "", *names) for label, names in found.items())


def _alone(clusters: Clusters, names: Iterable[str]) -> list[int]:
    """Return all labels in order; a face in no cluster has one of its own."""
    labels = list(chain.from_iterable(clusters[name] for name in names))
    return [label if label >= 0 else -1 - number for number, label in enumerate(labels)]


def person_of(path: Path) -> str | None:
    """Return who is in a photo called like NAME_0001.jpg, or NAME1.png; None of any other."""
    found = _NUMBERED.fullmatch(path.stem)
    return found[1] if found is not None and found[1] not in {"bbt", "group"} else None


def right(clusters: Clusters, photos: Path) -> dict[str, float]:
    """Return how right the clusters of photos with one face are, if anybody is known in these."""
    known = {
        name: (person, labels[0])
        for name, labels in clusters.items()
        if len(labels) == 1 and (person := person_of(photos / name)) is not None
    }
    if not known:
        return {}
    people = np.unique([person for person, _ in known.values()], return_inverse=True)[1]
    found = np.array([label for _, label in known.values()], dtype=np.int64)
    all_ = scores(found, people.astype(np.int64))
    return {name: all_[name] for name in ("pairwise F1", "bcubed F1")}


def chosen(photos: Path, number: int, to: Path) -> Path:
    """Copy so many photos to ``to``: half of people with ten or more, and others by chance."""
    every = photos_in(photos)
    if len(every) <= number:
        return photos
    often = Counter(map(person_of, every))
    order = random.Random(_SEED)  # noqa: S311 - a sample
    order.shuffle(every)
    many = [path for path in every if often[person_of(path)] >= 10][: number // 2]  # noqa: PLR2004 - as the docstring says
    for path in [*many, *(path for path in every if path not in set(many))][:number]:
        shutil.copy2(path, to)
    return to


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(os.environ.get("FACEWATCHD_SHARED", "../shared"))
    parser.add_argument("--photos", type=Path, default=shared / "photos" / "bbt")
    parser.add_argument("--models", type=Path, default=shared / "models" / "mini_s", help="a pack")
    parser.add_argument("--number", type=int, default=500, help="how many photos to take at most")
    parser.add_argument("--cnn", type=int, default=6, help="likewise, for dlib's slow CNN")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    hog = ("--detector", "hog")
    cases = [
        (Case("facewatchd", is_plain=False), options.number),
        (Case("insightface-kmeans"), options.number),
        (Case("face-recognition-dbscan"), options.number),
        (Case("hog-cnn-montage", hog), options.number),
        (Case("hog-cnn-montage"), options.cnn),
    ]
    found = []
    for case, number in cases:
        if number < 1:
            continue
        with tempfile.TemporaryDirectory() as folder:
            photos = chosen(options.photos.resolve(), number, Path(folder))
            found.append(compared(case, photos, options.models.resolve()))
        if not options.json:
            print("\n".join(f"{name}: {_figure(value)}" for name, value in found[-1].items()), "\n")
    if options.json:
        print(json.dumps(found, indent=2))


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
