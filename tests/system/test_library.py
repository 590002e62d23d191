"""``facewatchd.engines`` in other people's programs, where hardly anything else is installed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.decode import Photo
from facewatchd.engines import Setup, detector
from tests.support import environments

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

EXAMPLE = environments.REPOSITORY / "examples" / "encode_photo.py"
IMPORT_ALL = """
import importlib, importlib.util, pkgutil
import facewatchd.engines

modules = pkgutil.iter_modules(facewatchd.engines.__path__, "facewatchd.engines.")
names = sorted(module.name for module in modules)
for name in names:
    importlib.import_module(name)
others = ["PIL", "click", "cv2", "dlib", "joblib", "lz4", "pydantic", "scipy", "sklearn", "yaml"]
print(len(names), [name for name in others if importlib.util.find_spec(name)])
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with numpy, onnxruntime, dlib's weights and our wheel."""
    home = tmp_path_factory.mktemp("library")
    made = environments.environment(home / "environment")
    environments.lend(made, "numpy", "onnxruntime", environments.weights())
    wheel = environments.wheel(home / "dist")
    install = environments.pip(made, "--no-deps", "--no-index", wheel)
    subprocess.run(install, check=True, timeout=60)
    return made


def test_every_engine_can_be_imported_with_numpy_and_onnxruntime_alone(python: Path) -> None:
    ended = subprocess.run(
        [python, "-I", "-W", "error", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    count, others = ended.stdout.split(maxsplit=1)
    assert int(count) >= 10
    assert others == "[]\n"


def test_the_example_encodes_a_photo_there(python: Path, photos: Path, tmp_path: Path) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 20
    photo = Photo((photos / "bbt" / "bbt1.jpg").read_bytes(), 250).picture(1000).pixels
    np.save(tmp_path / "photo.npy", photo)
    ended = subprocess.run(
        [python, "-I", "-W", "error", EXAMPLE, tmp_path / "photo.npy"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    boxes = [
        tuple(map(int, found))
        for found in re.findall(r"left=(\d+), top=(\d+), right=(\d+), bottom=(\d+)", ended.stdout)
    ]
    here = detector("cnn")(Setup(longest_side=1000)).detect(photo)
    assert boxes == [tuple(face.box) for face in here]
    assert len(boxes) >= 3


def test_an_engine_that_needs_more_says_what_to_install(python: Path) -> None:
    program = "from facewatchd.engines import Setup, detector; detector('hog')(Setup())"
    ended = subprocess.run(
        [python, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert "PluginError" in ended.stderr
    assert "pip install" in ended.stderr
    assert "dlib" in ended.stderr
