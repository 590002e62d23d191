"""The detector and the encoder that OpenCV runs: real weights of YuNet, written ones of SFace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from facewatchd.decode import Photo
from facewatchd.engines.arcface import ArcfaceEncoder
from facewatchd.engines.boxes import overlaps
from facewatchd.engines.sface import SfaceEncoder
from facewatchd.engines.yunet import YunetDetector
from facewatchd.errors import PluginError
from facewatchd.model import Detection, Setup
from tests.conftest import missing
from tests.support.packs import folder, recogniser

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def cv2() -> Any:
    try:
        import cv2  # noqa: PLC0415 - an extra
    except ImportError:
        missing("opencv-python-headless")
    return cv2


@pytest.fixture(scope="module")
def weights(shared: Path) -> Path:
    path = shared / "models" / "face_detection_yunet_2026may.onnx"
    if not path.is_file():
        missing(f"the weights {path}")
    return path


@pytest.fixture(scope="module")
def yunet(weights: Path, cv2: Any) -> YunetDetector:  # noqa: ARG001 - it must be there
    return YunetDetector(Setup(models=weights.parent))


def pixels_of(path: Path, longest_side: int = 1600) -> Pixels:
    return Photo(path.read_bytes(), 250).picture(longest_side).pixels


def faces_in(photos: Path, yunet: YunetDetector) -> tuple[Pixels, list[Detection]]:
    pixels = pixels_of(photos / "bbt" / "bbt4.jpg")
    return pixels, yunet.detect(pixels)


def test_boxes_points_and_confidences_are_those_of_opencv(
    photos: Path, weights: Path, yunet: YunetDetector, cv2: Any
) -> None:
    faces = 0
    for path in sorted((photos / "lfw").glob("*.jpg"))[::200]:
        pixels = pixels_of(path)
        height, width = pixels.shape[:2]
        network = cv2.FaceDetectorYN.create(str(weights), "", (width, height), 0.7, 0.3)
        _, rows = network.detect(np.ascontiguousarray(pixels[:, :, ::-1]))
        rows = rows[rows[:, 2:4].max(axis=1) >= Setup().smallest_face]
        found = yunet.detect(pixels)
        assert len(found) == len(rows), path
        for face, row in zip(found, rows, strict=True):
            left, top, *size = row[:4].tolist()
            right, bottom = left + size[0], top + size[1]
            inside = np.clip([left, top, right, bottom], 0, (width, height, width, height))
            assert np.array(face.box) == pytest.approx(inside, abs=0.51)
            assert face.points is not None
            assert np.ravel(face.points) == pytest.approx(row[4:14], abs=1e-3)
            assert face.confidence == pytest.approx(float(row[14]))
        faces += len(found)
    assert faces >= 20


def test_a_scaled_photo_has_boxes_and_points_in_its_own_pixels(
    photos: Path, yunet: YunetDetector
) -> None:
    pixels = pixels_of(photos / "groups" / "group3.jpg", 3200)
    height, width = pixels.shape[:2]
    assert max(height, width) == 3200
    found = yunet.detect(pixels)
    assert len(found) >= 20
    for face in found:
        assert 0 <= face.box.left < face.box.right <= width
        assert 0 <= face.box.top < face.box.bottom <= height
        assert 0.7 <= face.confidence <= 1
        assert face.points is not None
        eye, other_eye, nose, mouth, other_mouth = face.points
        assert face.box.left <= eye[0] < other_eye[0] <= face.box.right
        assert mouth[0] < other_mouth[0]
        assert max(eye[1], other_eye[1]) < nose[1] < max(mouth[1], other_mouth[1])


@pytest.mark.parametrize("side", [250, 1600, 3000])
def test_a_face_is_found_however_large_it_is(photos: Path, yunet: YunetDetector, side: int) -> None:
    for name in ("AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg", "Abdoulaye_Wade_0002.jpg"):
        with Image.open(photos / "lfw" / name) as image:
            pixels = np.array(image.resize((side, side), Image.Resampling.BICUBIC))
        boxes = [each.box for each in yunet.detect(pixels)]
        middle = [box for box in boxes if box.left < side / 2 < box.right]
        assert len(middle) == 1, name
        assert 0.3 * side < middle[0].bottom - middle[0].top < 0.8 * side


def test_the_settings_say_how_small_a_face_may_be(photos: Path, weights: Path) -> None:
    pixels = pixels_of(photos / "groups" / "group4.jpg")
    counts = {
        (setup.longest_side, setup.smallest_face): len(YunetDetector(setup).detect(pixels))
        for setup in (
            Setup(side, smallest, models=weights.parent)
            for side, smallest in ((1600, 1), (1600, 40), (320, 1))
        )
    }
    assert 5 <= counts[1600, 40] < counts[1600, 1] - 5
    assert counts[320, 1] < counts[1600, 1] - 5


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (3, 3, 3)])
def test_a_tiny_or_narrow_picture_has_no_faces(
    yunet: YunetDetector, shape: tuple[int, int, int]
) -> None:
    assert yunet.detect(np.full(shape, 120, np.uint8)) == []


def test_a_thousand_faces_are_all_found(photos: Path, weights: Path) -> None:
    cell, rows, columns = 60, 25, 40
    with Image.open(photos / "lfw" / "AJ_Cook_0001.jpg") as image:
        face = np.array(image.crop((45, 45, 205, 205)).resize((cell, cell)))
    found = YunetDetector(Setup(2400, 24, models=weights.parent)).detect(
        np.tile(face, (rows, columns, 1))
    )
    assert len(found) == rows * columns
    boxes = np.array([each.box for each in found], np.float64)
    assert (overlaps(boxes, boxes) > 0.3).sum() == rows * columns  # each one only its own


def test_without_opencv_the_remedy_is_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    for engine in (YunetDetector, SfaceEncoder):
        with pytest.raises(PluginError, match=f"'{engine.name}' needs OpenCV") as error:
            engine(Setup(models=tmp_path))
        assert error.value.remedy == "Install it: pip install 'facewatchd[opencv]'"


@pytest.mark.usefixtures("cv2")
@pytest.mark.parametrize("engine", [YunetDetector, SfaceEncoder])
def test_missing_weights_name_the_file_and_the_folder(
    tmp_path: Path, engine: type[YunetDetector | SfaceEncoder]
) -> None:
    with pytest.raises(PluginError, match=rf"needs a file face_\w+\*\.onnx in {tmp_path}"):
        engine(Setup(models=tmp_path))


@pytest.mark.usefixtures("cv2")
def test_damaged_and_foreign_weights_are_one_clear_error(tmp_path: Path, weights: Path) -> None:
    whole = weights.read_bytes()
    setups = {
        "damaged": folder(tmp_path / "1", face_detection_yunet_cut=whole[:-1000]),
        "is no model for the detector 'yunet'": folder(
            tmp_path / "2", face_detection_yunet_foreign=recogniser(128)
        ),
        "yunet_odd.onnx cannot be loaded": folder(
            tmp_path / "3", face_detection_yunet_odd=whole.replace(b"MaxPool", b"MaxPoll")
        ),
    }
    for words, models in setups.items():
        with pytest.raises(PluginError, match=words):
            YunetDetector(Setup(models=models))
    setups = {
        "damaged": folder(tmp_path / "4", face_recognition_sface_cut=recogniser(128)[:-100]),
        "is no model for the encoder 'sface'": folder(
            tmp_path / "5", face_recognition_sface_foreign=recogniser(512)
        ),
    }
    for words, models in setups.items():
        with pytest.raises(PluginError, match=words):
            SfaceEncoder(Setup(models=models))


def test_opencv_aligns_and_encodes_as_we_do(
    tmp_path: Path, photos: Path, yunet: YunetDetector
) -> None:
    """SFace takes pixels from 0 to 255, as do recognisers that centre them themselves."""
    model = recogniser(128, centres=True)
    folder(tmp_path, face_recognition_sface_written=model)
    folder(tmp_path / "pack", written=model)
    pixels, faces = faces_in(photos, yunet)
    encodings = SfaceEncoder(Setup(models=tmp_path)).encode(pixels, faces)
    ours = ArcfaceEncoder(Setup(models=tmp_path)).encode(pixels, faces)
    assert encodings.shape == (6, 128)
    assert encodings.dtype == np.float32
    assert np.linalg.norm(encodings, axis=1) == pytest.approx(1, abs=1e-6)
    assert ((encodings * ours).sum(axis=1) > 0.9999).all()
    assert (encodings @ encodings.T)[~np.eye(6, dtype=bool)].max() < 0.9999


@pytest.mark.usefixtures("cv2")
def test_no_faces_have_no_encodings(tmp_path: Path) -> None:
    folder(tmp_path, face_recognition_sface_written=recogniser(128))
    encodings = SfaceEncoder(Setup(models=tmp_path)).encode(np.zeros((9, 9, 3), np.uint8), [])
    assert encodings.shape == (0, 128)
