"""The encodings of LFW's labelled photos, as the program makes them, for benches that need them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.scales import Faces, encode
from facewatchd import plugins
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.model import Setup

if TYPE_CHECKING:
    import argparse

SCALE = plugins.encoder(DEFAULT_ENCODER).scale


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say where the photos are, and where their encodings are kept."""
    shared = os.environ.get("FACEWATCHD_SHARED", "../shared")
    parser.add_argument("--photos", type=Path, default=Path(shared) / "photos", help="test photos")
    parser.add_argument(
        "--encodings",
        type=Path,
        metavar="FILE.npz",
        help="take the encodings from this file; made and written to it when it is not there",
    )


def everything(photos: Path, kept: Path | None) -> Faces:
    """Return all faces of the photos of LFW, by the default engine; minutes when none are kept."""
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Faces(file["X"], file["photo"], file["lab"])
    setup = Setup()
    detector = plugins.detector(DEFAULT_DETECTOR)(setup)
    faces = encode(photos, detector, plugins.encoder(DEFAULT_ENCODER)(setup))
    if kept is not None:
        np.savez(kept, X=faces.encodings, photo=faces.photos, lab=faces.people)
    return faces


def labelled(photos: Path, kept: Path | None) -> Faces:
    """Return the faces of `everything` that have a label."""
    faces = everything(photos, kept)
    known = faces.people >= 0
    return Faces(faces.encodings[known], faces.photos[known], faces.people[known])
