"""The engine "dlib" on real photos, beside the package it must agree with."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facewatchd.decode import Photo
from facewatchd.engines import dlib_encoder
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.hog import HogDetector
from facewatchd.engines.quality import quality
from facewatchd.errors import PluginError
from facewatchd.model import Box

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LFW = ["AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg", "Abdoulaye_Wade_0002.jpg"]


@pytest.fixture(scope="module")
def reference() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports pkg_resources, which warns of its own end
        import face_recognition  # noqa: PLC0415 - under the filter of warnings
        from PIL import ImageFile  # noqa: PLC0415 - its setting is put back at once

        ImageFile.LOAD_TRUNCATED_IMAGES = False  # face_recognition sets it for the whole process
    return face_recognition


@pytest.fixture(scope="module")
def detector() -> HogDetector:
    return HogDetector(1600)


@pytest.fixture(scope="module")
def encoder() -> DlibEncoder:
    return DlibEncoder()


def pixels_of(path: Path) -> NDArray[np.uint8]:
    return Photo(path.read_bytes(), 250).picture(1600).pixels


def samples(photos: Path) -> list[Path]:
    return [*(photos / "lfw" / name for name in LFW), *sorted((photos / "bbt").glob("*.jpg"))]


def test_boxes_and_encodings_equal_those_of_face_recognition(
    photos: Path, reference: Any, detector: HogDetector, encoder: DlibEncoder
) -> None:
    faces = small = 0
    for path in samples(photos):
        pixels = pixels_of(path)
        assert np.array_equal(pixels, reference.load_image_file(path))
        boxes = [each.box for each in detector.detect(pixels)]
        if max(pixels.shape) <= 800:
            small += 1
            expected = [
                Box(left, top, right, bottom)
                for top, right, bottom, left in reference.face_locations(pixels)
            ]
            assert boxes == expected, path
        encodings = encoder.encode(pixels, boxes)
        theirs = reference.face_encodings(
            pixels, [(b.top, b.right, b.bottom, b.left) for b in boxes], model="small"
        )
        assert encodings.dtype == np.float32
        assert encodings.shape == (len(boxes), 128)
        for ours, their in zip(encodings, theirs, strict=True):
            assert np.abs(ours - their).max() <= 1e-5
        faces += len(boxes)
    assert faces >= 15
    assert small >= 3


def test_a_large_photo_is_searched_scaled_down_and_boxes_fit_the_original(
    photos: Path, detector: HogDetector
) -> None:
    pixels = Photo((photos / "groups" / "group3.jpg").read_bytes(), 250).picture(3200).pixels
    height, width = pixels.shape[:2]
    assert max(height, width) == 3200
    found = detector.detect(pixels)
    assert len(found) >= 15
    for each in found:
        assert 0 <= each.box.left < each.box.right <= width
        assert 0 <= each.box.top < each.box.bottom <= height
        assert each.confidence > 0


def test_a_photo_without_faces_has_none(detector: HogDetector, encoder: DlibEncoder) -> None:
    pixels = np.full((200, 300, 3), 128, np.uint8)
    assert detector.detect(pixels) == []
    assert encoder.encode(pixels, []).shape == (0, 128)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (3, 3, 3)])
def test_a_tiny_or_narrow_picture_has_no_faces(
    detector: HogDetector, shape: tuple[int, int, int]
) -> None:
    assert detector.detect(np.zeros(shape, np.uint8)) == []


def test_missing_weights_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(dlib_encoder, "files", missing)
    with pytest.raises(PluginError, match=r"shape_predictor_5.*not installed"):
        DlibEncoder()


def test_the_scale_is_known_without_dlib_and_without_face_recognition() -> None:
    code = (
        "import sys; from facewatchd import plugins; "
        "print(plugins.encoder('dlib').scale.similarity, plugins.detector('hog').name); "
        "sys.exit(bool({'dlib', 'face_recognition', 'pkg_resources'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0.68 hog\n"


def checked(side: int, cell: int) -> NDArray[np.uint8]:
    """Return a checked picture, ``side`` pixels square."""
    rows, columns = np.indices((side, side)) // cell
    return np.repeat(((rows + columns) % 2 * 200).astype(np.uint8)[..., None], 3, axis=2)


def test_a_sharper_face_has_the_higher_quality(photos: Path, detector: HogDetector) -> None:
    pixels = pixels_of(photos / "lfw" / LFW[0])
    (face, *_) = detector.detect(pixels)
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(pixels, ((4, 4), (0, 0), (0, 0))), 9, 0)
    blurred = rows.mean(axis=-1).astype(np.uint8)
    sharp = quality(pixels, face.box, face.confidence)
    assert 0 < quality(blurred, face.box, face.confidence) < sharp - 0.05
    assert sharp < 1


def test_a_larger_face_has_the_higher_quality() -> None:
    small, large = checked(64, 8), checked(256, 32)  # the same picture at two sizes
    assert quality(small, Box(0, 0, 64, 64), 1.0) < quality(large, Box(0, 0, 256, 256), 1.0)


def test_a_surer_face_has_the_higher_quality() -> None:
    picture, box = checked(100, 7), Box(0, 0, 100, 100)
    values = [quality(picture, box, confidence) for confidence in (-1, 0, 0.3, 1.0, 2.5)]
    assert values[0] == values[1] == 0
    assert values[1] < values[2] < values[3] < values[4] < 1


def test_a_face_of_two_pixels_has_no_quality() -> None:
    assert quality(checked(10, 1), Box(0, 0, 2, 2), 1.0) == 0
