"""The presets whose weights users bring: everything but the weights, which are made up here.

FaceNet has random weights, and the model in DSFD's place answers every photo with the same box.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facewatchd.engines.brought import DSFD, FACENET
from facewatchd.engines.facenet_graph import encoding_network
from tests.support.cluster import Home
from tests.support.networks import constant_dsfd, random_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

SIDE = 150  # of the portraits
STRIDES = (4, 8, 16, 32, 64, 128)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, cache: Path) -> Home:
    return Home(tmp_path, cache)


def one_box() -> list[NDArray[np.float32]]:
    """Return the network's answers to a portrait: a face of 105 x 150 pixels around (80, 80)."""
    cells = [-(-SIDE // stride) for stride in STRIDES]
    levels = [np.zeros((5, side, side), np.float32) for side in cells]
    for level in levels:
        level[0] = -9
    levels[3][0, 2, 2] = 3
    return levels


def test_dsfd_and_chinese_whispers_cut_out_each_face_and_name_it_by_its_cluster(
    home: Home, photos: Path
) -> None:
    home.take(photos / "bbt", "penny", "raj")
    models = home.path / "models"
    models.mkdir()
    (models / DSFD.place).write_bytes(constant_dsfd(one_box()))
    preset = ("--preset", "dsfd-chinese-whispers", "--models", models)
    found = home.clustered(*preset, "--distance", 0.5)
    assert (found["engine"], found["clusterer"]) == ("dsfd+dlib", "chinese_whispers")
    assert (found["faces"], found["groups"], found["nobody"]) == (10, 2, 0)
    assert {path.name for path in home.output.iterdir()} == {
        ".facewatchd",
        "clustered_faces",
        "face_crops",
        "faces.csv",
    }
    names = [f"{person}{n}" for person in ("penny", "raj") for n in range(1, 6)]
    crops = {path.name for path in (home.output / "face_crops").iterdir()}
    assert crops == {f"{name}_0.png" for name in names}
    clustered = {path.name for path in (home.output / "clustered_faces").iterdir()}
    assert clustered == {f"{int(name.startswith('raj'))}_{name}_0.png" for name in names}
    for row in home.table("faces.csv"):
        box = tuple(int(row[side]) for side in ("left", "top", "right", "bottom"))
        assert box == (28, 5, 132, 150)
        crop = home.output / "face_crops" / f"{os.path.basename(row['photo'])[:-4]}_0.png"
        with Image.open(crop) as shown, Image.open(row["photo"]) as photo:
            assert np.array_equal(np.asarray(shown), np.asarray(photo.convert("RGB").crop(box)))
    assert home.clustered(*preset, "--distance", 0.3)["encoded"] == 0


def test_facenet_and_hdbscan_write_tables_folders_thumbnails_and_plots(
    home: Home, photos: Path
) -> None:
    home.take(photos / "bbt", "amy", "penny", "raj", "bbt4.jpg")
    models = home.path / "models"
    models.mkdir()
    network = encoding_network(random_weights(encoding_network), "random weights")
    (models / FACENET.place).write_bytes(network)
    preset = ("--preset", "facenet-hdbscan", "--models", models, "--min-samples", 2)
    found = home.clustered(*preset)
    assert (found["engine"], found["clusterer"]) == ("mtcnn+facenet", "hdbscan")
    assert found["left_out"] == []
    rows = [(row["photo"], int(row["cluster"])) for row in home.table("clusters.csv")]
    assert len(rows) == found["faces"] > 15
    outliers = sorted(photo for photo, cluster in rows if cluster < 0)
    assert sorted(row["photo"] for row in home.table("outliers.csv")) == outliers
    assert len(outliers) == found["nobody"]
    expected: dict[str, set[str]] = {}
    for photo, cluster in rows:
        folder = f"cluster_{cluster}" if cluster >= 0 else "outliers"
        expected.setdefault(folder, set()).add(os.path.relpath(photo, home.photos))
    folders = home.folders()
    assert folders.pop("plots") == set()
    assert folders == expected
    assert len(expected) == found["groups"] + bool(outliers)
    for folder in expected:
        with Image.open(home.output / folder / "thumbnails.jpg") as sheet:
            assert np.asarray(sheet).std() > 10
    for plot in ("space", "condensed-tree"):
        with Image.open(home.output / "plots" / f"{plot}.png") as drawn:
            assert min(drawn.size) > 300
            assert len(drawn.convert("RGB").getcolors(1 << 24) or ()) > 10
    same = home.path / "same.yaml"  # but for what takes long to draw
    engine, recluster = "{encoder: facenet, min_quality: 0}", "{clusterer: hdbscan, options: {}}"
    same.write_text(f"engine: {engine}\nrecluster: {recluster}\noutputs: [clusters.csv]\n")
    again = home.clustered("--preset", same, *preset[2:])
    assert again["encoded"] == 0
    assert [(row["photo"], int(row["cluster"])) for row in home.table("clusters.csv")] == rows
