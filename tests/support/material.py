"""Made material for reports: photos with coloured boxes for faces, people near one point each."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from facewatchd.plugins import Scale
from facewatchd.reports.material import Material

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCALE = Scale(dimensions=8, similarity=0.68, floor=0.5, eps=0.32, merge=0.52)
FACE = 40  # pixels a side of each face
_STEP = 60
_A_YEAR = 365.25 * 86400


def material(
    photos: Sequence[bytes],
    groups: Sequence[Sequence[int]],
    names: Sequence[str],
    seed: int = 7,
) -> Material:
    """Return material whose photo p shows a face of each of ``groups[p]``, side by side.

    Faces of one group lie near one point; a face in none lies anywhere.  The photos are from 2001,
    2002 … 2020, and from 2001 again.
    """
    random = np.random.default_rng(seed)
    photo = np.array([p for p, there in enumerate(groups) for _ in there], dtype=np.int64)
    place = np.array([n for there in groups for n, _ in enumerate(there)], dtype=np.int64)
    group = np.array([g for there in groups for g in there], dtype=np.int64)
    centres = random.normal(size=(len(names) + 1, SCALE.dimensions))
    spread = np.where(group == -1, 1.0, 0.05)[:, None]
    scattered = centres[group] + spread * random.normal(size=(len(group), SCALE.dimensions))
    encodings = scattered.astype(np.float32)
    left = 10 + place * _STEP
    top = np.full_like(left, 20)
    similarity = np.full(len(group), np.nan)
    for number in range(len(names)):
        there = encodings[group == number].astype(np.float64)
        if len(there):
            distances = np.linalg.norm(there - there.mean(axis=0), axis=1)
            similarity[group == number] = SCALE.similarity_at(distances)
    return Material(
        photos=tuple(photos),
        captured=np.array(
            [(31.5 + p % 20) * _A_YEAR for p in range(len(photos))], dtype=np.float64
        ),
        photo=photo,
        boxes=np.column_stack([left, top, left + FACE, top + FACE]).reshape(-1, 4),
        quality=random.uniform(0.2, 0.9, len(group)),
        groups=group,
        names=tuple(names),
        similarity=similarity,
        encodings=encodings,
        engine="made/1",
        scale=SCALE,
    )


def colour(face: int) -> tuple[int, int, int]:
    """Return the colour in which ``draw`` paints ``face``; no two of the first 5,000 are near."""
    return 40 + (face % 17) * 12, 40 + (face // 17 % 17) * 12, 40 + (face // 289 % 17) * 12


def draw(made: Material) -> None:
    """Make the photos of ``made``: white, with each face as a box in its colour."""
    for number, path in enumerate(made.photos):
        faces = np.flatnonzero(made.photo == number).tolist()
        with Image.new("RGB", (20 + _STEP * max(1, len(faces)), 80), "white") as photo:
            brush = ImageDraw.Draw(photo)
            for face in faces:
                left, top, right, bottom = made.boxes[face].tolist()
                brush.rectangle((left, top, right - 1, bottom - 1), colour(face))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                photo.save(file, "PNG")


def album(folder: Path, groups: Sequence[Sequence[int]], names: Sequence[str]) -> Material:
    """Return material of photos that are made in ``folder``."""
    photos = [os.fsencode(folder / f"photo {number:03}.png") for number in range(len(groups))]
    made = material(photos, groups, names)
    draw(made)
    return made


def without_dates(made: Material) -> Material:
    """Return ``made``, no photo of which has a date."""
    return replace(made, captured=np.full(len(made.photos), np.nan))
