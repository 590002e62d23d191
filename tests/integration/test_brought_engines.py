"""The engines whose weights the user brings, with random ones, on real photos."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facewatchd import checked, plugins
from facewatchd.engines.brought import DSFD, FACENET
from facewatchd.engines.facenet import FacenetEncoder, chip
from facewatchd.engines.facenet_graph import encoding_network
from facewatchd.errors import FacewatchError, PluginError
from facewatchd.model import Box, Detection, Setup
from facewatchd.models.convert import convert, is_published
from facewatchd.models.folder import Folder, sha256_of
from facewatchd.models.known import CONVERTIBLE
from tests.support.dlib_weights import pixels_of
from tests.support.networks import constant_dsfd, random_weights, written
from tests.support.packs import recogniser

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tensors = random_weights(encoding_network) | {"logits.weight": np.zeros((7, 512), np.float32)}
    return written(tmp_path_factory.mktemp("weights") / FACENET.file, tensors)


@pytest.fixture(scope="module")
def setup(weights: Path) -> Setup:
    folder = Folder(weights.parent / "models")
    convert(weights, folder)
    return Setup(models=folder.path)


def levels(width: int, height: int) -> list[NDArray[np.float32]]:
    """Return the answers of the network to a picture without faces."""
    found = []
    for stride in (4, 8, 16, 32, 64, 128):
        found.append(np.zeros((5, -(-height // stride), -(-width // stride)), np.float32))
        found[-1][0] = -9
    return found


# FaceNet.


@pytest.mark.parametrize(
    "box", [(60, 50, 190, 200), (100, 90, 131, 122), (0, 0, 250, 250), (-30, 120, 90, 290)]
)
def test_a_face_is_cut_and_scaled_as_pillow_does(
    photos: Path, box: tuple[int, int, int, int]
) -> None:
    picture = Image.open(photos / "lfw" / "AJ_Cook_0001.jpg").convert("RGB")
    left, top, right, bottom = box
    inside = (max(left, 0), max(top, 0), min(right, 250), min(bottom, 250))
    expected = picture.crop(inside).resize((160, 160), Image.Resampling.BILINEAR)
    differences = np.abs(chip(np.asarray(picture), Box(*box)).astype(int) - np.asarray(expected))
    assert differences.max() <= 1
    assert (differences > 0).mean() <= 0.01


def test_real_faces_get_unit_vectors_that_differ(photos: Path, setup: Setup) -> None:
    pixels = pixels_of(photos / "bbt" / "bbt4.jpg")
    faces = checked.detections(checked.detector("mtcnn", Setup()), pixels)
    encodings = checked.encodings(checked.encoder("facenet", setup), pixels, faces)
    assert len(faces) >= 2
    assert encodings.shape == (len(faces), 512)
    apart = np.linalg.norm(encodings[:, None] - encodings, axis=2)
    assert apart[np.triu_indices(len(faces), 1)].min() > 0.01


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (3, 3, 4, 9), (-9, -9, -1, -1), (40, 40, 50, 50)])
def test_a_box_of_any_size_and_place_is_encoded(setup: Setup, box: tuple[int, ...]) -> None:
    pixels = np.full((20, 20, 3), 130, np.uint8)
    encoder = FacenetEncoder(setup)
    assert np.isfinite(encoder.encode(pixels, [Detection(Box(*box), 1.0)])).all()
    assert encoder.encode(pixels, []).shape == (0, 512)


def test_the_version_tells_two_files_of_weights_apart(setup: Setup, tmp_path: Path) -> None:
    other = written(tmp_path / "weights.pt", random_weights(encoding_network, seed=2))
    convert(other, Folder(tmp_path / "models"))
    first, scale = plugins.identity(FacenetEncoder, setup)
    second, _ = plugins.identity(FacenetEncoder, Setup(models=tmp_path / "models"))
    assert first.startswith("1-")
    assert first != second
    assert scale == FacenetEncoder.scale


def test_converting_again_gives_the_same_model(weights: Path, setup: Setup, tmp_path: Path) -> None:
    made = convert(weights, Folder(tmp_path))
    assert made.name == "facenet"
    assert not is_published(weights, made)
    assert sha256_of(tmp_path / FACENET.place) == sha256_of(setup.models / FACENET.place)


def test_a_model_without_usable_numbers_is_one_clear_error(tmp_path: Path) -> None:
    tensors = random_weights(encoding_network)
    tensors["last_bn.weight"] = np.zeros(512, np.float32)
    tensors["last_bn.bias"] = np.zeros(512, np.float32)
    convert(written(tmp_path / "zero.pt", tensors), Folder(tmp_path))
    encoder = FacenetEncoder(Setup(models=tmp_path))
    with pytest.raises(PluginError, match="gives no usable numbers") as error:
        encoder.encode(np.ones((9, 9, 3), np.uint8), [Detection(Box(0, 0, 9, 9), 1.0)])
    assert FACENET.convert in error.value.remedy


# The Dual Shot Face Detector; its network is beside PyTorch's in test_torch_networks.py.


def test_boxes_are_in_the_pixels_of_the_picture_and_end_at_its_edges(tmp_path: Path) -> None:
    seen = levels(160, 100)  # the picture of 320 x 200 scaled to 160
    seen[2][0, 3, 4] = 2  # its middle at 72, 56, its size 52.3 x 78.4
    seen[1][0, 0, 0] = 1  # 26.1 x 39.2 around 4, 4
    (tmp_path / DSFD.place).write_bytes(constant_dsfd(seen))
    detector = checked.detector("dsfd", Setup(models=tmp_path, longest_side=160))
    first, second = checked.detections(detector, np.zeros((200, 320, 3), np.uint8))
    assert first.box == (92, 34, 196, 190)
    assert second.box == (0, 0, 34, 47)
    assert first.confidence > second.confidence > 0.7
    assert first.points is None


def test_faces_smaller_than_asked_for_are_left_out(tmp_path: Path) -> None:
    seen = levels(160, 100)
    seen[0][0, 3, 4] = 2  # 13.1 x 19.6
    seen[1][0, 9, 9] = 2  # 26.1 x 39.2
    (tmp_path / DSFD.place).write_bytes(constant_dsfd(seen))
    found = {}
    for smallest in (19, 24, 40):
        detector = checked.detector("dsfd", Setup(models=tmp_path, smallest_face=smallest))
        found[smallest] = len(detector.detect(np.zeros((100, 160, 3), np.uint8)))
    assert found == {19: 2, 24: 1, 40: 0}


def test_answers_that_are_no_numbers_are_one_clear_error(tmp_path: Path) -> None:
    seen = levels(160, 100)
    seen[4][1, 0, 0] = np.nan
    (tmp_path / DSFD.place).write_bytes(constant_dsfd(seen))
    detector = checked.detector("dsfd", Setup(models=tmp_path))
    with pytest.raises(PluginError, match="gives no usable numbers") as error:
        detector.detect(np.zeros((100, 160, 3), np.uint8))
    assert DSFD.convert in error.value.remedy


# Without weights, or with others.


@pytest.mark.parametrize(("kind", "brought"), [("encoder", FACENET), ("detector", DSFD)])
def test_without_weights_one_error_names_the_file_its_source_and_its_place(
    tmp_path: Path, kind: str, brought: object
) -> None:
    assert isinstance(brought, type(DSFD))
    name = brought.place.removesuffix(".onnx")
    with pytest.raises(PluginError, match="which is not there") as error:
        getattr(checked, kind)(name, Setup(models=tmp_path / "models"))
    assert str(tmp_path / "models" / brought.place) in error.value.title
    assert all(each in error.value.remedy for each in (brought.file, brought.address))
    assert f"facewatchctl models convert {brought.file}" in error.value.remedy


@pytest.mark.parametrize(("kind", "name"), [("encoder", "facenet"), ("detector", "dsfd")])
def test_another_model_in_the_place_is_an_error(tmp_path: Path, kind: str, name: str) -> None:
    (tmp_path / f"{name}.onnx").write_bytes(recogniser(128))
    with pytest.raises(PluginError, match=f"is no model for the {kind} '{name}'") as error:
        getattr(checked, kind)(name, Setup(models=tmp_path))
    assert "facewatchctl models convert" in error.value.remedy


def test_weights_of_another_network_are_not_converted(tmp_path: Path) -> None:
    path = written(tmp_path / "resnet.pth", {"fc.weight": np.ones((2, 2), np.float32)})
    with pytest.raises(FacewatchError, match="weights of another network") as error:
        convert(path, Folder(tmp_path / "models"))
    assert all(known.published.name in error.value.remedy for known in CONVERTIBLE)
    assert not (tmp_path / "models").exists()


def test_half_of_the_weights_are_not_converted(tmp_path: Path) -> None:
    tensors = random_weights(encoding_network)
    del tensors["repeat_2.7.branch1.1.bn.bias"]
    path = written(tmp_path / FACENET.file, tensors)
    with pytest.raises(PluginError, match=r"it has no repeat_2\.7\.branch1\.1\.bn\.bias") as error:
        convert(path, Folder(tmp_path / "models"))
    assert str(path) in error.value.title
    assert not (tmp_path / "models").exists()


def test_names_and_scale_are_known_without_onnxruntime() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None; from facewatchd import plugins; "
        "print(plugins.encoder('facenet').scale.dimensions, plugins.detector('dsfd').finds_points)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "512 False\n"
