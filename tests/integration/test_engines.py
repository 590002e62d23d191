"""The engines with dlib's weights on real photos, beside dlib and face_recognition themselves."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import dlib
import numpy as np
import pytest
from PIL import Image

from facewatchd.decode import Photo
from facewatchd.engines.chip import chips
from facewatchd.engines.cnn import CnnDetector
from facewatchd.engines.dat import layers
from facewatchd.engines.dat_predictor import predictor
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.dlib_graphs import face_network
from facewatchd.engines.face_recognition import FaceRecognitionEncoder
from facewatchd.engines.hog import HogDetector
from facewatchd.engines.landmarks import Landmarks
from facewatchd.engines.session import session
from facewatchd.model import Box, Detection, Setup
from tests.support.dlib_weights import (
    LANDMARKS,
    MMOD,
    NETWORK,
    SIDES,
    labelled,
    pixels_of,
    weights_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


LFW = ["AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg", "Abdoulaye_Wade_0002.jpg"]


@pytest.fixture(scope="module")
def reference() -> FaceRecognitionEncoder:
    return FaceRecognitionEncoder(Setup())


@pytest.fixture(scope="module")
def library(reference: FaceRecognitionEncoder) -> Any:  # noqa: ARG001 - it imports the library quietly
    return sys.modules["face_recognition"]


@pytest.fixture(scope="module")
def encoder() -> DlibEncoder:
    return DlibEncoder(Setup())


@pytest.fixture(scope="module")
def hog() -> HogDetector:
    return HogDetector(Setup())


@pytest.fixture(scope="module")
def mmod() -> CnnDetector:
    return CnnDetector(Setup())


@pytest.fixture(scope="module")
def dlibs_landmarks() -> Any:
    return dlib.shape_predictor(str(weights_of(LANDMARKS)))


def samples(photos: Path) -> list[Path]:
    return [*(photos / "lfw" / name for name in LFW), *sorted((photos / "bbt").glob("*.jpg"))]


def enlarged(pixels: Pixels, by: float) -> Pixels:
    side = round(pixels.shape[0] * by)
    return np.array(Image.fromarray(pixels).resize((side, side)))


def landmarks_of(shape: Any) -> NDArray[np.int64]:
    return np.array([[(point.x, point.y) for point in shape.parts()]])


# What dlib gives, we give.


def test_hog_finds_the_boxes_of_face_recognition(
    photos: Path, hog: HogDetector, library: Any
) -> None:
    faces = small = 0
    for path in samples(photos):
        pixels = pixels_of(path)
        found = hog.detect(pixels)
        if max(pixels.shape) <= 800:
            small += 1
            expected = [
                Box(left, top, right, bottom)
                for top, right, bottom, left in library.face_locations(pixels)
            ]
            assert [each.box for each in found] == expected, path
        assert all(0 < each.confidence < 1 for each in found)
        faces += len(found)
    assert faces >= 15
    assert small >= 3


def test_the_reference_is_the_library_unchanged(
    photos: Path, reference: FaceRecognitionEncoder, library: Any
) -> None:
    pixels, face = labelled(photos, 4000)[0]
    box = face.box
    (expected,) = library.face_encodings(
        pixels, [(box.top, box.right, box.bottom, box.left)], num_jitters=1, model="small"
    )
    (found,) = reference.encode(pixels, [face])
    assert np.array_equal(found, expected.astype(np.float32))
    assert reference.encode(pixels, []).shape == (0, 128)
    assert reference.scale == DlibEncoder.scale


def test_landmarks_are_those_of_dlib(photos: Path, dlibs_landmarks: Any) -> None:
    finder = Landmarks(predictor(weights_of(LANDMARKS).read_bytes(), LANDMARKS))
    equal = []
    for pixels, face in labelled(photos, 50):
        found = finder.find(pixels, [face.box])
        expected = landmarks_of(dlibs_landmarks(pixels, dlib.rectangle(*face.box)))
        assert np.abs(found - expected).max() <= 2
        equal.append(np.array_equal(found, expected))
    assert len(equal) >= 80
    assert np.mean(equal) >= 0.98


@pytest.mark.parametrize("size", [1, 2, 3.3, 6.1, 9])
def test_chips_have_dlibs_pixels_at_every_size_of_the_face(
    photos: Path, dlibs_landmarks: Any, size: float
) -> None:
    for small, face in labelled(photos, 600):
        pixels = enlarged(small, size)
        box = [round(side * size) for side in face.box]
        shape = dlibs_landmarks(pixels, dlib.rectangle(*box))
        (found,) = chips(pixels, landmarks_of(shape))
        expected = dlib.get_face_chip(pixels, shape, size=150, padding=0.25)
        differences = np.abs(found.astype(int) - expected)
        assert differences.max() <= 1
        assert (differences > 0).mean() <= 1e-3


def test_from_one_chip_the_encoding_is_dlibs(photos: Path, dlibs_landmarks: Any) -> None:
    path = weights_of(NETWORK)
    ours = session(face_network(layers(path.read_bytes(), NETWORK), NETWORK))
    theirs = dlib.face_recognition_model_v1(str(path))
    cut = np.concatenate(
        [
            chips(pixels, landmarks_of(dlibs_landmarks(pixels, dlib.rectangle(*face.box))))
            for pixels, face in labelled(photos, 400)
        ]
    )
    (found,) = ours.run(None, {"chips": cut})
    expected = np.array([theirs.compute_face_descriptor(chip) for chip in cut])
    assert len(cut) >= 10
    assert np.abs(found - expected).max() <= 1e-5


def test_encodings_are_those_of_face_recognition(
    photos: Path, encoder: DlibEncoder, reference: FaceRecognitionEncoder
) -> None:
    apart = [
        np.linalg.norm(encoder.encode(pixels, [face]) - reference.encode(pixels, [face]))
        for pixels, face in labelled(photos, 120)
    ]
    assert len(apart) >= 30
    assert np.mean(np.array(apart) <= 0.02) >= 0.99
    assert np.median(apart) <= 1e-4


def test_all_faces_of_a_photo_are_encoded_as_one_by_one(
    photos: Path, hog: HogDetector, encoder: DlibEncoder
) -> None:
    pixels = pixels_of(photos / "groups" / "group3.jpg")
    found = hog.detect(pixels)
    assert len(found) >= 10
    together = encoder.encode(pixels, found)
    assert together.dtype == np.float32
    alone = np.concatenate([encoder.encode(pixels, [face]) for face in found])
    assert np.abs(together - alone).max() <= 1e-5


def test_cnn_finds_dlibs_boxes(photos: Path, mmod: CnnDetector) -> None:
    theirs = dlib.cnn_face_detection_model_v1(str(weights_of(MMOD)))
    found = 0
    for path in [*samples(photos)[:2], photos / "bbt" / "bbt3.jpg"]:
        pixels = pixels_of(path)
        expected = theirs(pixels, 0)
        boxes, scores = mmod.windows(pixels)
        assert boxes.tolist() == [[getattr(e.rect, side)() for side in SIDES] for e in expected]
        assert scores == pytest.approx([each.confidence for each in expected], abs=1e-4)
        found += len(boxes)
    assert found >= 3


def test_cnn_answers_in_the_pixels_it_was_given(photos: Path, mmod: CnnDetector) -> None:
    small = pixels_of(photos / "lfw" / LFW[0])
    large = enlarged(small, 4)
    searched = CnnDetector(Setup(longest_side=500))
    for detector, pixels, size in ((mmod, small, 1), (searched, large, 4)):
        (face,) = detector.detect(pixels)
        left, top, right, bottom = (side / size for side in face.box)
        assert 50 < left < 110
        assert 50 < top < 110
        assert 150 < right < 210
        assert 150 < bottom < 210
        assert 0.4 < face.confidence < 0.6


def test_a_large_photo_is_searched_scaled_down_and_boxes_fit_the_original(
    photos: Path, hog: HogDetector
) -> None:
    pixels = Photo((photos / "groups" / "group3.jpg").read_bytes(), 250).picture(3200).pixels
    height, width = pixels.shape[:2]
    assert max(height, width) == 3200
    found = hog.detect(pixels)
    assert len(found) >= 15
    for each in found:
        assert 0 <= each.box.left < each.box.right <= width
        assert 0 <= each.box.top < each.box.bottom <= height
        assert each.confidence > 0


# What is imported, and when.


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_names_and_scales_are_known_without_what_makes_them_work() -> None:
    code = (
        "import sys; from facewatchd import plugins; "
        "print(plugins.encoder('dlib').scale.similarity, plugins.encoder('face_recognition').name, "
        "plugins.detector('hog').name, plugins.detector('cnn').name, "
        "{'dlib', 'face_recognition', 'pkg_resources', 'onnxruntime', 'PIL'} & sys.modules.keys())"
    )
    assert run(code) == "0.68 face_recognition hog cnn set()\n"


def test_the_engines_on_onnx_runtime_import_neither_dlib_nor_pillow() -> None:
    code = (
        "import sys, numpy as np; from facewatchd.engines import Setup, detector, encoder, "
        "Detection, Box; pixels = np.zeros((200, 200, 3), np.uint8); "
        "found = detector('cnn')(Setup()).detect(pixels); "
        "face = Detection(Box(20, 20, 120, 120), 1.0); "
        "print(found, encoder('dlib')(Setup()).encode(pixels, [face]).shape, "
        "{'dlib', 'face_recognition', 'pkg_resources', 'PIL', 'scipy'} & sys.modules.keys())"
    )
    assert run(code) == "[] (1, 128) set()\n"


def test_the_reference_leaves_broken_photos_broken() -> None:
    code = (
        "from PIL import ImageFile; from facewatchd.engines import Setup, encoder; "
        "encoder('face_recognition')(Setup()); print(ImageFile.LOAD_TRUNCATED_IMAGES)"
    )
    assert run(code) == "False\n"


# Odd pictures.


@pytest.mark.parametrize("name", ["hog", "mmod"])
def test_a_photo_without_faces_has_none(
    request: pytest.FixtureRequest, name: str, encoder: DlibEncoder
) -> None:
    pixels = np.full((200, 300, 3), 128, np.uint8)
    assert request.getfixturevalue(name).detect(pixels) == []
    assert encoder.encode(pixels, []).shape == (0, 128)


@pytest.mark.parametrize("name", ["hog", "mmod"])
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (3, 3, 3), (40, 2000, 3)])
def test_a_tiny_or_narrow_picture_has_no_faces(
    request: pytest.FixtureRequest, name: str, shape: tuple[int, int, int]
) -> None:
    assert request.getfixturevalue(name).detect(np.zeros(shape, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (3, 3, 3)])
def test_a_box_in_a_tiny_picture_is_encoded(
    encoder: DlibEncoder, shape: tuple[int, int, int]
) -> None:
    pixels = np.full(shape, 200, np.uint8)
    box = Box(0, 0, min(shape[1], 9), min(shape[0], 9))
    assert np.isfinite(encoder.encode(pixels, [Detection(box, 1.0)])).all()


@pytest.mark.parametrize("by", [(-90, 0), (0, -90), (120, 0), (0, 120), (-70, -70), (900, 900)])
def test_a_face_half_outside_is_encoded_as_dlib_does(
    photos: Path, encoder: DlibEncoder, reference: FaceRecognitionEncoder, by: tuple[int, int]
) -> None:
    pixels, face = labelled(photos, 4000)[0]
    box = Box(
        face.box.left + by[0], face.box.top + by[1], face.box.right + by[0], face.box.bottom + by[1]
    )
    moved = [Detection(box, 1.0)]
    apart = np.linalg.norm(encoder.encode(pixels, moved) - reference.encode(pixels, moved))
    assert apart <= 0.02


def test_a_thousand_faces_take_no_more_memory_than_a_few(
    photos: Path, encoder: DlibEncoder
) -> None:
    pixels, face = labelled(photos, 4000)[0]
    box = face.box
    faces = [
        Detection(Box(box.left + n % 7, box.top, box.right + n % 7, box.bottom), 1.0)
        for n in range(1000)
    ]
    peaks = []
    for count in (64, 1000):
        tracemalloc.start()
        encodings = encoder.encode(pixels, faces[:count])
        peaks.append(tracemalloc.get_traced_memory()[1] - encodings.nbytes)
        tracemalloc.stop()
        assert encodings.shape == (count, 128)
        assert np.abs(encodings[:7] - encodings[7:14]).max() <= 1e-5
    assert peaks[1] <= peaks[0] * 1.1
