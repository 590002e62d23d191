"""FaceNet and the Dual Shot Face Detector beside PyTorch, with the same random weights."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facewatchd.engines.facenet import chip
from facewatchd.engines.session import session
from facewatchd.model import Box
from facewatchd.models.convert import convert
from facewatchd.models.folder import Folder
from facewatchd.models.torch_file import state_dict
from tests.conftest import missing
from tests.support.soak import WHOLE

pytestmark = WHOLE

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "tests" / "support" / "torch_networks.py"
PHOTO = "AJ_Cook_0001.jpg"


def answered(network: str, photos: Path, folder: Path) -> dict[str, Any]:
    """Return what PyTorch answers, and leave its weights in ``folder``."""
    python = REPOSITORY / ".venv-torch" / "bin" / "python"
    if not python.exists():
        missing(f"PyTorch in {python.parents[1]} (make torch)")
    subprocess.run(
        [python, SCRIPT, network, photos / "lfw" / PHOTO, folder],
        check=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    with np.load(folder / "answers.npz") as answers:
        return dict(answers)


@pytest.fixture(scope="module")
def facenet(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("facenet")
    return folder, answered("facenet", photos, folder)


@pytest.fixture(scope="module")
def dsfd(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("dsfd")
    return folder, answered("dsfd", photos, folder)


def test_what_is_in_a_box_is_what_facenet_pytorch_extracts(
    facenet: tuple[Path, dict[str, Any]], photos: Path
) -> None:
    _, answers = facenet
    pixels = np.asarray(Image.open(photos / "lfw" / PHOTO).convert("RGB"))
    assert len(answers["boxes"]) == 4
    for box, expected in zip(answers["boxes"].tolist(), answers["chips"], strict=True):
        differences = np.abs(chip(pixels, Box(*box)) - expected.transpose(1, 2, 0))
        assert differences.max() <= 1
        assert (differences > 0).mean() <= 0.01


def test_both_formats_hold_the_same_weights(facenet: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = facenet
    new, old = (state_dict(folder / name) for name in ("new.pt", "old.pt"))
    assert new.keys() == old.keys()
    assert all(np.array_equal(new[name], old[name]) for name in new)


def test_facenet_encodes_as_facenet_pytorch_does(
    facenet: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, answers = facenet
    convert(folder / "new.pt", Folder(tmp_path))
    chips = answers["chips"].transpose(0, 2, 3, 1).astype(np.uint8)
    (found,) = session(tmp_path / "facenet.onnx").run(None, {"faces": chips})
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    expected = answers["encodings"]
    apart = np.linalg.norm(expected[:, None] - expected, axis=2)[np.triu_indices(4, 1)]
    assert apart.min() > 0.1  # else anything would be near
    assert np.abs(found - expected).max() <= 1e-5


def test_dsfd_answers_as_pytorch_does(dsfd: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, answers = dsfd
    convert(folder / "old.pt", Folder(tmp_path))
    levels = session(tmp_path / "dsfd.onnx").run(None, {"pixels": answers["pixels"][None]})
    assert len(levels) == 6
    for number, (level, off) in enumerate(zip(levels, answers["off"], strict=True)):
        expected = answers[f"level{number}"]
        found = level.astype(np.float64)
        found[:, 0] = 1 / (1 + np.exp(-found[:, 0]))
        assert found.shape == expected.shape
        assert expected[:, 1:].std() > 0.3
        # 151 layers add up what single precision rounds, PyTorch's as ours.
        assert np.abs(found - expected).max() <= 4 * off
        assert off < 0.01


def test_what_was_written_has_the_size_of_the_published_files(
    facenet: tuple[Path, dict[str, Any]], dsfd: tuple[Path, dict[str, Any]]
) -> None:
    classes = 8631 - 7  # of people, in the published file and in the random one
    published = 111_898_327 - classes * 513 * 4
    assert abs((facenet[0] / "new.pt").stat().st_size - published) < 200_000
    assert abs((dsfd[0] / "old.pt").stat().st_size - 481_004_605) < 200_000
