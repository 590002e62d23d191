"""Engines and clustering in other people's programs, where hardly anything else is installed."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.decode import Photo
from facewatchd.engines import Setup, detector
from tests.support import environments
from tests.support.made_faces import made, partition

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.system

EXAMPLES = environments.REPOSITORY / "examples"
EXAMPLE = EXAMPLES / "encode_photo.py"
CLUSTERS = EXAMPLES / "cluster.py"
IMPORT_ALL = """
import importlib, importlib.util, pkgutil, sys

package = importlib.import_module(sys.argv[1])
names = sorted(module.name for module in pkgutil.iter_modules(package.__path__, sys.argv[1] + "."))
for name in names:
    importlib.import_module(name)
others = ["PIL", "click", "cv2", "dlib", "lz4", "onnxruntime", "pydantic", "scipy", "yaml"]
print(len(names), [name for name in others if importlib.util.find_spec(name)])
"""


# Runs a program and tells of which packages it loaded modules, besides those of Python itself.
LOADED = """
import runpy, sys

program = sys.argv.pop(1)
runpy.run_path(program, run_name="__main__")
tops = {name.partition(".")[0] for name, each in sys.modules.items() if hasattr(each, "__file__")}
print(*sorted(top for top in tops - set(sys.stdlib_module_names) if not top.startswith("_")))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environments.wheel(tmp_path_factory.mktemp("dist"))


def installed(home: Path, wheel: Path, *packages: str) -> Path:
    """Return the Python of an environment with our wheel, and no others than ``packages``."""
    python = environments.environment(home)
    environments.lend(python, *packages)
    install = environments.pip(python, "--no-deps", "--no-index", wheel)
    subprocess.run(install, check=True, timeout=60)
    return python


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Return the Python of an environment with numpy, onnxruntime, dlib's weights and our wheel."""
    home = tmp_path_factory.mktemp("engines")
    return installed(home, wheel, "numpy", "onnxruntime", environments.weights())


@pytest.fixture(scope="module")
def clustering(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """Return the Python of an environment with numpy, scipy, scikit-learn and our wheel."""
    home = tmp_path_factory.mktemp("clustering")
    return installed(home, wheel, "numpy", "scipy", "scikit-learn")


def imported(python: Path, package: str) -> tuple[int, str]:
    """Import every module of ``package``; return how many, and which others can be imported."""
    ended = subprocess.run(
        [python, "-I", "-W", "error", "-c", IMPORT_ALL, package],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    count, others = ended.stdout.split(maxsplit=1)
    return int(count), others


def test_every_engine_can_be_imported_with_numpy_and_onnxruntime_alone(python: Path) -> None:
    count, others = imported(python, "facewatchd.engines")
    assert count >= 10
    assert others == "['onnxruntime']\n"


def test_all_of_clustering_can_be_imported_with_numpy_scipy_and_scikit_learn_alone(
    clustering: Path,
) -> None:
    count, others = imported(clustering, "facewatchd.clustering")
    assert count >= 10
    assert others == "['scipy']\n"


def test_the_example_clusters_there_and_loads_nothing_else(
    clustering: Path, tmp_path: Path
) -> None:
    assert len(CLUSTERS.read_text().splitlines()) <= 20
    encodings, people = made(seed=1, people=4, photos=10, strangers=3)
    np.save(tmp_path / "encodings.npy", encodings)
    ended = subprocess.run(
        [clustering, "-I", "-W", "error", "-c", LOADED, CLUSTERS, tmp_path / "encodings.npy"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    *lines, loaded = ended.stdout.splitlines()
    groups = dict(line.split(maxsplit=1) for line in lines)
    assert json.loads(groups.pop("nobody")) == np.flatnonzero(people < 0).tolist()
    assert {frozenset(json.loads(group)) for group in groups.values()} == partition(people)
    allowed = {"facewatchd", "numpy", "scipy", "sklearn", "joblib", "narwhals", "threadpoolctl"}
    assert {"facewatchd", "numpy"} <= set(loaded.split()) <= allowed


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
