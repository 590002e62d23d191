"""The default engine on a processor without AVX, as many a Celeron and Atom is; emulated."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.decode import Photo
from facewatchd.engines import Setup, detector, encoder
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX is a matter of x86-64"),
]

PROCESSOR = "Westmere"  # of 2010: it has SSE 4.2, and no AVX
ENCODE = """
import sys, time
from pathlib import Path
import numpy as np
from facewatchd.decode import Photo
from facewatchd.engines import Setup, detector, encoder

photo, detects, encodes, into = sys.argv[1:]
pixels = Photo(Path(photo).read_bytes(), 250).picture(1600).pixels
faces = detector(detects)(Setup()).detect(pixels)
np.save(into, encoder(encodes)(Setup()).encode(pixels, faces))
loaded = {"dlib", "face_recognition", "pkg_resources"} & set(sys.modules)
print(len(faces), sorted(loaded))
"""


def emulated(*arguments: object, patience: float) -> subprocess.CompletedProcess[str]:
    """Run Python on the emulated processor."""
    qemu = shutil.which("qemu-x86_64")
    if qemu is None:
        missing("qemu-x86_64 (Debian's package qemu-user)")
    # OpenBLAS believes this variable more than the processor.
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    command = [str(qemu), "-cpu", PROCESSOR, sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=patience, check=False, env=kept
    )


@pytest.mark.timeout(200)
def test_the_default_engine_encodes_a_photo_as_on_a_new_processor(
    photos: Path, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    photo, there = photos / "lfw" / "Aaron_Eckhart_0001.jpg", tmp_path / "encodings.npy"
    ended = emulated("-c", ENCODE, photo, DEFAULT_DETECTOR, DEFAULT_ENCODER, there, patience=150)
    assert (ended.returncode, ended.stdout) == (0, "1 []\n"), ended.stderr

    pixels = Photo(photo.read_bytes(), 250).picture(1600).pixels
    faces = detector(DEFAULT_DETECTOR)(Setup()).detect(pixels)
    here = encoder(DEFAULT_ENCODER)(Setup()).encode(pixels, faces)
    away = float(np.linalg.norm(np.load(there) - here, axis=1).max())
    measured(f"on an emulated {PROCESSOR} the encoding of a face differs by {away:.1e} (L2)")
    assert away < 1e-3


def test_dlib_as_a_wheel_dies_there_so_it_is_an_extra() -> None:
    if find_spec("dlib") is None:
        missing("dlib")
    ended = emulated("-c", "import dlib", patience=60)
    assert "Illegal instruction" in ended.stderr
    assert ended.returncode in {-4, 132}
