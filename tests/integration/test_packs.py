"""InsightFace packs, beside the package that they were made for."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import warnings
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from facewatchd.decode import Photo
from facewatchd.engines.align import TEMPLATE
from facewatchd.engines.arcface import ArcfaceEncoder
from facewatchd.engines.boxes import overlaps
from facewatchd.engines.scrfd import ScrfdDetector
from facewatchd.errors import PluginError
from facewatchd.model import Box, Detection, Setup
from tests.conftest import missing
from tests.support.packs import detector, folder, recogniser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

FACE = Detection(Box(0, 0, 112, 112), 1.0, tuple((x, y) for x, y in TEMPLATE.tolist()))


@pytest.fixture(scope="module")
def setup(shared: Path) -> Setup:
    pack = shared / "models" / "mini_s"
    if not pack.is_dir():
        missing(f"the pack of models {pack}")
    return Setup(models=pack.parent, pack=pack.name, smallest_face=1)


@pytest.fixture(scope="module")
def scrfd(setup: Setup) -> ScrfdDetector:
    return ScrfdDetector(setup)


@pytest.fixture(scope="module")
def arcface(setup: Setup) -> ArcfaceEncoder:
    return ArcfaceEncoder(setup)


@pytest.fixture(scope="module")
def reference(setup: Setup) -> Callable[[Pixels], list[Any]]:
    """Return insightface's own way from a trimmed picture to faces."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls what newer libraries are about to remove
        try:
            app: Any = import_module("insightface.app")
        except ImportError as cause:
            missing(f"the package insightface with all that it needs ({cause})")
        analysis = app.FaceAnalysis(
            str(setup.models / "mini_s"), allowed_modules=["detection", "recognition"]
        )

    def faces(pixels: Pixels) -> list[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            analysis.prepare(-1, det_size=pixels.shape[1::-1])
            return list(analysis.get(np.ascontiguousarray(pixels[:, :, ::-1])))

    return faces


def samples(photos: Path) -> list[Path]:
    groups = [photos / "groups" / "group4.jpg", *sorted((photos / "bbt").glob("*.jpg"))]
    return [*groups, *sorted((photos / "lfw").glob("*.jpg"))[::140]]


def pixels_of(path: Path) -> Pixels:
    return Photo(path.read_bytes(), 250).picture(1600).pixels


def trimmed(pixels: Pixels) -> Pixels:
    """Return a part of a picture that insightface does not scale; it rounds a quotient of sides."""
    height, width = (side // 32 * 32 for side in pixels.shape[:2])
    while int(width * (height / width)) != height:
        width -= 32
    return np.ascontiguousarray(pixels[:height, :width])


def within(boxes: NDArray[np.floating[Any]], pixels: Pixels) -> NDArray[np.float64]:
    height, width = pixels.shape[:2]
    edges = np.clip(np.rint(boxes), 0, (width, height, width, height))
    return np.asarray(edges, np.float64)


def test_boxes_points_and_encodings_equal_those_of_insightface(
    photos: Path,
    scrfd: ScrfdDetector,
    arcface: ArcfaceEncoder,
    reference: Callable[[Pixels], list[Any]],
    measured: Callable[[str], None],
) -> None:
    shares, distances, cosines = [], [], []
    for path in samples(photos):
        pixels = trimmed(pixels_of(path))
        theirs = reference(pixels)
        ours = scrfd.detect(pixels)
        assert len(ours) == len(theirs), path
        boxes = within(np.array([each.bbox for each in theirs]), pixels)
        shared = overlaps(np.array([each.box for each in ours], np.float64), boxes)
        partners = shared.argmax(axis=1)
        assert sorted(partners) == list(range(len(theirs))), path
        shares += shared.max(axis=1).tolist()
        for face, other in zip(ours, partners, strict=True):
            side = max(face.box.right - face.box.left, face.box.bottom - face.box.top)
            away = np.linalg.norm(np.array(face.points) - theirs[other].kps, axis=1)
            distances.append(float(away.max()) / side)
            assert face.confidence == pytest.approx(float(theirs[other].det_score), abs=1e-4)
        same_points = [
            Detection(Box(0, 0, 1, 1), 1.0, tuple(map(tuple, each.kps.tolist()))) for each in theirs
        ]
        cosines += [
            float(encoding @ each.normed_embedding)
            for encoding, each in zip(arcface.encode(pixels, same_points), theirs, strict=True)
        ]
    measured(
        f"scrfd and arcface beside insightface, {len(shares)} faces: overlap at least"
        f" {min(shares):.4f}, points at most {max(distances):.4f} sides away, cosine at least"
        f" {min(cosines):.5f}"
    )
    assert len(shares) >= 90
    assert min(shares) >= 0.95
    assert max(distances) <= 0.02
    assert min(cosines) >= 0.9995


def test_a_scaled_photo_has_boxes_and_points_in_its_own_pixels(photos: Path, setup: Setup) -> None:
    pixels = Photo((photos / "groups" / "group3.jpg").read_bytes(), 250).picture(3200).pixels
    height, width = pixels.shape[:2]
    assert max(height, width) == 3200
    found = ScrfdDetector(setup).detect(pixels)
    assert len(found) >= 20
    for face in found:
        assert 0 <= face.box.left < face.box.right <= width
        assert 0 <= face.box.top < face.box.bottom <= height
        assert 0.5 <= face.confidence <= 1
        assert face.points is not None
        eye, other_eye, nose, mouth, other_mouth = face.points
        assert eye[0] < other_eye[0]
        assert mouth[0] < other_mouth[0]
        assert max(eye[1], other_eye[1]) < nose[1] < max(mouth[1], other_mouth[1])
        for x, y in face.points:
            assert face.box.left <= x <= face.box.right
            assert face.box.top - 5 <= y <= face.box.bottom  # one head is cut off by the edge


@pytest.mark.parametrize("side", [250, 700, 1600, 3000])
def test_a_face_is_found_however_large_it_is(photos: Path, scrfd: ScrfdDetector, side: int) -> None:
    for name in ("AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg", "Abdoulaye_Wade_0002.jpg"):
        with Image.open(photos / "lfw" / name) as image:
            pixels = np.array(image.resize((side, side), Image.Resampling.BICUBIC))
        boxes = [each.box for each in scrfd.detect(pixels)]
        middle = [
            box
            for box in boxes
            if box.left < side / 2 < box.right and box.top < side / 2 < box.bottom
        ]
        assert len(middle) == 1, name
        assert 0.3 * side < middle[0].bottom - middle[0].top < 0.8 * side


def test_small_faces_are_left_out_as_the_setting_says(photos: Path, setup: Setup) -> None:
    pixels = Photo((photos / "groups" / "group4.jpg").read_bytes(), 250).picture(1600).pixels
    sides = {}
    for smallest in (1, 40):
        found = ScrfdDetector(replace(setup, smallest_face=smallest)).detect(pixels)
        boxes = [face.box for face in found]
        sides[smallest] = sorted(max(b.right - b.left, b.bottom - b.top) for b in boxes)
    assert sides[1][0] < 40
    assert sides[40][0] >= 40
    assert sum(side > 40 for side in sides[1]) <= len(sides[40]) < len(sides[1]) - 5


def test_small_faces_are_missed_in_a_small_picture(photos: Path, setup: Setup) -> None:
    pixels = Photo((photos / "groups" / "group4.jpg").read_bytes(), 250).picture(1600).pixels
    found = {
        side: len(ScrfdDetector(replace(setup, longest_side=side)).detect(pixels))
        for side in (320, 1600)
    }
    assert found[320] < found[1600] - 5


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5000, 3), (5000, 1, 3), (3, 3, 3), (33, 31, 3)])
def test_a_tiny_or_narrow_picture_has_no_faces(
    scrfd: ScrfdDetector, shape: tuple[int, int, int]
) -> None:
    assert scrfd.detect(np.full(shape, 120, np.uint8)) == []


def test_no_faces_have_no_encodings(arcface: ArcfaceEncoder) -> None:
    encodings = arcface.encode(np.zeros((50, 60, 3), np.uint8), [])
    assert encodings.shape == (0, 128)
    assert encodings.dtype == np.float32


def test_encodings_have_the_length_one_and_the_dimensions_of_the_pack(
    photos: Path, scrfd: ScrfdDetector, arcface: ArcfaceEncoder
) -> None:
    pixels = pixels_of(photos / "bbt" / "bbt4.jpg")
    encodings = arcface.encode(pixels, scrfd.detect(pixels))
    assert encodings.shape == (6, 128)
    assert encodings.dtype == np.float32
    assert arcface.scale.dimensions == 128
    assert np.linalg.norm(encodings, axis=1) == pytest.approx(1, abs=1e-6)
    assert ArcfaceEncoder.scale.dimensions == 512  # of the class, whatever pack is there


def test_a_thousand_faces_are_all_found(photos: Path, setup: Setup) -> None:
    cell, rows, columns = 60, 25, 40
    with Image.open(photos / "lfw" / "AJ_Cook_0001.jpg") as image:
        face = np.array(image.crop((45, 45, 205, 205)).resize((cell, cell)))
    crowd = np.tile(face, (rows, columns, 1))
    found = ScrfdDetector(replace(setup, longest_side=2400, smallest_face=24)).detect(crowd)
    assert len(found) == rows * columns
    cells = {
        (int((each.box.left + each.box.right) / 2 / cell), int(each.box.top / cell))
        for each in found
    }
    assert len(cells) == rows * columns


def test_a_thousand_faces_need_the_memory_of_one(tmp_path: Path) -> None:
    folder(tmp_path / "pack", r=recogniser(512))
    encoder = ArcfaceEncoder(Setup(models=tmp_path))
    pixels = np.random.default_rng(3).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    peaks = {}
    for count in (1, 1000):
        tracemalloc.start()
        encodings = encoder.encode(pixels, [FACE] * count)
        peaks[count] = tracemalloc.get_traced_memory()[1] - 3 * encodings.nbytes
        tracemalloc.stop()
        assert encodings.shape == (count, 512)
    assert peaks[1000] < peaks[1] + 1e6


def test_a_recogniser_that_centres_pixels_itself_is_given_them_as_they_are(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    encodings = []
    for centres in (False, True):
        pack = folder(tmp_path / str(centres), r=recogniser(64, centres=centres), d=detector_of())
        encodings.append(
            ArcfaceEncoder(Setup(models=tmp_path, pack=pack.name)).encode(pixels, [FACE])[0]
        )
    assert float(encodings[0] @ encodings[1]) == pytest.approx(1, abs=1e-5)


def test_a_damaged_recogniser_whose_numbers_are_none_is_one_clear_error(tmp_path: Path) -> None:
    folder(tmp_path / "pack", w600k=recogniser(512, broken=True))
    encoder = ArcfaceEncoder(Setup(models=tmp_path))
    with pytest.raises(PluginError, match=r"w600k\.onnx gives no usable numbers"):
        encoder.encode(np.zeros((112, 112, 3), np.uint8), [FACE])


def test_a_truncated_detector_is_one_clear_error(tmp_path: Path, setup: Setup) -> None:
    whole = (setup.models / "mini_s" / "det_500m.onnx").read_bytes()
    folder(tmp_path / "pack", det_500m=whole[: len(whole) // 2])
    with pytest.raises(PluginError, match=r"det_500m\.onnx is no ONNX model, or is damaged"):
        ScrfdDetector(Setup(models=tmp_path))


def test_a_model_that_onnx_runtime_refuses_is_one_clear_error(tmp_path: Path) -> None:
    folder(tmp_path / "pack", r=recogniser(512).replace(b"AveragePool", b"AveragePoll"))
    with pytest.raises(PluginError, match=r"r\.onnx cannot be loaded"):
        ArcfaceEncoder(Setup(models=tmp_path))


def detector_of(side: int | str = "side", levels: int = 3, at: int = 0) -> bytes:
    """Return a detector that finds one face, in its first level at the anchor ``at``."""
    cells = [(int(side) // (8 << level)) ** 2 if side != "side" else 4 for level in range(levels)]
    anchors = 2 if levels == 3 else 1
    outputs = {
        f"{kind}{level}": np.zeros((cells[level] * anchors, numbers), np.float32)
        for kind, numbers in (("score", 1), ("box", 4), ("points", 10))
        for level in range(levels)
    }
    outputs["score0"][at] = 0.9
    outputs["box0"][at] = (1, 2, 3, 4)
    outputs["points0"][at] = np.arange(10) / 10
    return detector(outputs, side)


@pytest.mark.parametrize(("levels", "anchors"), [(3, 2), (5, 1)])
def test_a_detector_of_a_fixed_size_gets_a_picture_that_fits(
    tmp_path: Path, levels: int, anchors: int
) -> None:
    row, column, side = 7, 9, 256
    at = (row * (side // 8) + column) * anchors
    folder(tmp_path / "pack", det=detector_of(side, levels, at))
    (face,) = ScrfdDetector(Setup(models=tmp_path)).detect(np.zeros((300, 512, 3), np.uint8))
    x, y, factor = column * 8, row * 8, 2  # the picture is halved to fit 256
    assert face.box == Box(
        (x - 8) * factor, (y - 16) * factor, (x + 24) * factor, (y + 32) * factor
    )
    assert face.confidence == pytest.approx(0.9)
    assert face.points is not None
    assert np.ravel(face.points) == pytest.approx(
        [((y if odd else x) + 0.8 * place) * factor for place in range(10) for odd in [place % 2]]
    )


def test_the_engines_are_known_without_what_runs_them() -> None:
    code = (
        "import sys\n"
        "from facewatchd.engines import arcface, scrfd, sface, yunet\n"
        "print(arcface.ArcfaceEncoder.scale.metric, scrfd.ScrfdDetector.finds_points)\n"
        "sys.exit(bool({'cv2', 'onnxruntime', 'insightface', 'PIL'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cosine True\n"
