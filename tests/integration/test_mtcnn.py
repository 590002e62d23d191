"""The detector "mtcnn" with its real weights on real photos."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest
from PIL import Image

from bench.detectors import judged, marked_groups, scaled
from facewatchd.engines import mtcnn, mtcnn_graphs, weights
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.engines.session import session
from facewatchd.errors import PluginError
from facewatchd.model import Setup
from tests.support import lfw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from facewatchd.model import Detection

    Arrays = list[NDArray[np.float32]]


@pytest.fixture(scope="module")
def detector() -> MtcnnDetector:
    return MtcnnDetector(Setup())


@pytest.fixture(scope="module")
def group(photos: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(photos / "groups" / "group4.jpg").convert("RGB"))


def weights_of(name: str) -> Path:
    return weights.packaged(name, ("mtcnn",), "test")


def test_all_but_a_few_faces_of_the_groups_are_found_and_nothing_else(
    detector: MtcnnDetector, photos: Path, measured: Callable[[str], None]
) -> None:
    faces = found = false = 0
    for name, boxes in marked_groups().items():
        photo = scaled(Image.open(photos / "groups" / name).convert("RGB"), boxes, 1600)
        hits, misses = judged(detector.detect(photo.pixels), photo.faces)
        faces, found, false = faces + len(boxes), found + hits, false + misses
    measured(f"mtcnn found {found} of {faces} faces in the group photos, and {false} that are none")
    assert faces == 139
    assert found >= 137
    assert false <= 1


def test_the_labelled_face_is_found_in_lfw_with_its_points_where_they_belong(
    detector: MtcnnDetector, photos: Path
) -> None:
    labels = lfw.read(photos)[::70]
    for label in labels:
        pixels = np.asarray(Image.open(photos / "lfw" / label.file).convert("RGB"))
        face = nearest(detector.detect(pixels), label.centre)
        left, top, right, bottom = face.box
        assert left < label.centre[0] < right
        assert top < label.centre[1] < bottom
        assert 0.8 < face.confidence <= 1
        points = np.array(face.points)
        assert points.shape == (5, 2)
        assert ((points > (left, top)) & (points < (right, bottom))).all(), label.file
        one_eye, other_eye, nose, one_corner, other_corner = points
        assert one_eye[0] < other_eye[0]
        assert one_corner[0] < other_corner[0]
        assert max(one_eye[1], other_eye[1]) < nose[1] < min(one_corner[1], other_corner[1])
    assert len(labels) >= 50


def nearest(faces: list[Detection], centre: tuple[float, float]) -> Detection:
    def away(face: Detection) -> float:
        left, top, right, bottom = face.box
        return float(np.hypot((left + right) / 2 - centre[0], (top + bottom) / 2 - centre[1]))

    return min(faces, key=away)


def test_boxes_and_points_are_in_the_pixels_of_the_picture_whatever_it_was_scaled_to(
    detector: MtcnnDetector, photos: Path
) -> None:
    large = Image.open(photos / "groups" / "group3.jpg").convert("RGB")
    small = large.resize((1600, 1067), Image.Resampling.BILINEAR)
    factor = large.width / small.width
    in_large = sorted(detector.detect(np.asarray(large)), key=lambda face: face.box)
    in_small = sorted(detector.detect(np.asarray(small)), key=lambda face: face.box)
    assert len(in_large) == len(in_small) >= 22
    for one, other in zip(in_large, in_small, strict=True):
        side = one.box.right - one.box.left
        assert np.array(one.box) == pytest.approx(np.array(other.box) * factor, abs=0.1 * side)
        assert np.array(one.points) == pytest.approx(
            np.array(other.points) * factor, abs=0.1 * side
        )


def test_a_picture_gives_the_same_detections_bit_for_bit(
    detector: MtcnnDetector, group: NDArray[np.uint8], tmp_path: Path
) -> None:
    first = detector.detect(group)
    assert len(first) >= 37
    detector.detect(group[:400, :700])  # what was looked at before changes nothing
    assert detector.detect(group) == first
    assert detector.detect(np.asfortranarray(group)) == first
    for _ in range(2):  # converts the networks, then takes what was kept
        assert MtcnnDetector(Setup(cache=tmp_path)).detect(group) == first
    assert len(list(tmp_path.iterdir())) == 3


def test_the_smallest_face_is_a_setting(group: NDArray[np.uint8]) -> None:
    sides = {}
    for smallest in (24, 30, 40):
        faces = MtcnnDetector(Setup(smallest_face=smallest)).detect(group)
        sides[smallest] = [face.box.right - face.box.left for face in faces]
        assert all(side >= smallest for side in sides[smallest])
    assert len(sides[24]) > len(sides[30]) > len(sides[40])
    assert min(sides[24]) < 30


def test_smaller_faces_are_found_when_asked_for(photos: Path) -> None:
    boxes = marked_groups()["group1.jpg"]
    photo = scaled(Image.open(photos / "groups" / "group1.jpg").convert("RGB"), boxes, 1000)
    found = {}
    for smallest in (8, 14, 24):
        faces = MtcnnDetector(Setup(smallest_face=smallest)).detect(photo.pixels)
        found[smallest], _ = judged(faces, photo.faces)
    assert found[24] <= 3
    assert found[14] >= 30
    assert found[8] >= 30


def test_a_face_that_fills_the_picture_is_found(detector: MtcnnDetector, photos: Path) -> None:
    portrait = Image.open(photos / "lfw" / "AJ_Cook_0001.jpg").convert("RGB")
    large = portrait.crop((65, 60, 190, 185)).resize((1600, 1600), Image.Resampling.BICUBIC)
    (face,) = detector.detect(np.asarray(large))
    assert face.box.right - face.box.left > 1000


@pytest.mark.parametrize(
    "size",
    [(1, 1), (3, 3), (11, 11), (12, 12), (24, 24), (1, 5000), (5000, 1), (13, 4000), (900, 700)],
)
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_even_picture_of_any_size_has_no_faces(
    detector: MtcnnDetector, size: tuple[int, int], grey: int
) -> None:
    assert detector.detect(np.full((*size, 3), grey, np.uint8)) == []


def test_noise_has_no_faces(detector: MtcnnDetector) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8)
    coarse = Image.fromarray(noise).resize((1600, 1067), Image.Resampling.BICUBIC)
    assert detector.detect(noise) == []
    assert detector.detect(np.asarray(coarse)) == []


A_THOUSAND = """
import json, re, sys, time
from pathlib import Path
import numpy as np
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.model import Setup

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

detector = MtcnnDetector(Setup(longest_side=2000))
pixels = np.load(sys.argv[1])
before, started = peak(), time.process_time()
found = detector.detect(pixels)
seconds, megabytes = time.process_time() - started, peak() - before
print(json.dumps({"faces": len(found), "megabytes": megabytes, "seconds": seconds}))
"""


def test_a_thousand_faces_are_found_in_bounded_time_and_memory(
    photos: Path, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    with (photos / "lfw.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[:40]
    tiles = [tile(photos, row) for row in rows]
    mosaic = np.concatenate(
        [np.concatenate([tiles[(7 * y + x) % 40] for x in range(40)], axis=1) for y in range(25)]
    )
    np.save(tmp_path / "mosaic.npy", mosaic)
    command = [sys.executable, "-c", A_THOUSAND, str(tmp_path / "mosaic.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spent = json.loads(done.stdout)
    measured(
        f"mtcnn found {spent['faces']} of a thousand faces in {spent['seconds']:.1f} s of processor"
        f" time and {spent['megabytes']:.0f} MB"
    )
    assert 950 <= spent["faces"] <= 1050
    assert 10 < spent["megabytes"] < 300
    assert spent["seconds"] < 15


def tile(photos: Path, row: dict[str, str]) -> NDArray[np.uint8]:
    """Return a face with some of its surroundings, 50 pixels square."""
    left, top, right, bottom = (int(row[side]) for side in ("left", "top", "right", "bottom"))
    x, y, half = (left + right) // 2, (top + bottom) // 2, 13 * (bottom - top) // 20
    picture = Image.open(photos / "lfw" / row["file"]).convert("RGB")
    cut = picture.crop((x - half, y - half, x + half, y + half))
    return np.asarray(cut.resize((50, 50), Image.Resampling.BILINEAR))


def test_the_class_is_known_without_onnxruntime_joblib_and_lz4() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['onnxruntime', 'joblib', 'lz4'])); "
        "from facewatchd.engines.mtcnn import MtcnnDetector as D; "
        "print(D.protocol, D.name, D.version, D.finds_points)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 mtcnn 1 True\n"


def test_kept_networks_need_neither_joblib_nor_lz4(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from facewatchd.model import Setup; "
        "from facewatchd.engines.mtcnn import MtcnnDetector; "
        "MtcnnDetector(Setup(cache=Path(sys.argv[1]))); "
        "print({'joblib', 'lz4', 'mtcnn', 'tensorflow'} & sys.modules.keys())"
    )
    MtcnnDetector(Setup(cache=tmp_path))
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("module", ["joblib", "lz4", "lz4.frame"])
def test_a_missing_module_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PluginError, match=f"'mtcnn' needs {module}, which is not") as error:
        MtcnnDetector(Setup())
    assert "pip install joblib lz4" in error.value.remedy


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "files", lambda _: None)
    with pytest.raises(PluginError, match=r"'mtcnn' needs pnet\.lz4, which is not") as error:
        MtcnnDetector(Setup())
    assert "pip install" in error.value.remedy


def arrays(name: str) -> Arrays:
    return [np.asarray(each, np.float32) for each in joblib.load(weights_of(name))]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def changed_in_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def of_another_network(path: Path) -> None:
    shutil.copyfile(weights_of("rnet.lz4"), path)


def with_a_layer_less(path: Path) -> None:
    joblib.dump(arrays("pnet.lz4")[:-2], path, compress="lz4")


def in_double_precision(path: Path) -> None:
    joblib.dump([each.astype(np.float64) for each in arrays("pnet.lz4")], path, compress="lz4")


def with_a_weight_that_is_no_number(path: Path) -> None:
    weights = [each.copy() for each in arrays("pnet.lz4")]
    weights[3].flat[5] = np.nan
    joblib.dump(weights, path, compress="lz4")


def something_else(path: Path) -> None:
    joblib.dump({"weights": 1}, path, compress="lz4")


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        emptied,
        changed_in_the_middle,
        of_another_network,
        with_a_layer_less,
        in_double_precision,
        with_a_weight_that_is_no_number,
        something_else,
    ],
)
def test_damaged_weights_are_one_clear_error_with_their_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "pnet.lz4"
    shutil.copyfile(weights_of("pnet.lz4"), path)
    damage(path)
    monkeypatch.setattr(mtcnn, "packaged", lambda *_: path)
    with pytest.raises(PluginError, match="damaged") as error:
        MtcnnDetector(Setup())
    assert str(path) in error.value.title
    assert "pip install --force-reinstall" in error.value.remedy


# The three networks in plain numpy, to compare the graphs with.


def convolved(plane: NDArray[Any], kernel: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Convolve (height, width, in) with (rows, columns, in, out)."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, kernel.shape[:2], axis=(0, 1))
    result: NDArray[Any] = np.einsum("yxirc,rcio->yxo", windows, kernel) + bias
    return result


def bent(plane: NDArray[Any], slopes: NDArray[Any]) -> NDArray[Any]:
    return np.where(plane > 0, plane, plane * slopes.reshape(-1))


def pooled(plane: NDArray[Any], size: int) -> NDArray[Any]:
    """Take the largest of each window, every two pixels; the last may reach beyond the plane."""
    steps = [range(0, -(-(length - size) // 2) * 2 + 1, 2) for length in plane.shape[:2]]
    return np.array(
        [[plane[y : y + size, x : x + size].max(axis=(0, 1)) for x in steps[1]] for y in steps[0]]
    )


def softmax_of_face(logits: NDArray[Any]) -> float:
    powers = np.exp(logits - logits.max())
    return float(powers[1] / powers.sum())


def plain(pixels: NDArray[np.uint8], layers: Arrays, pools: list[int]) -> list[NDArray[Any]]:
    """Return what the last layers answer for one picture of the size that the network judges."""
    layers = [each.astype(np.float64) for each in layers]
    plane = (pixels - 127.5) / 128
    for pool in pools:
        kernel, bias, slopes = layers[:3]
        layers = layers[3:]
        plane = bent(convolved(plane, kernel, bias), slopes)
        plane = pooled(plane, pool) if pool else plane
    flat = plane.transpose(1, 0, 2).reshape(-1)
    if layers[0].shape[0] == len(flat):  # R-Net and O-Net have a dense layer before the last
        flat = bent(flat @ layers[0] + layers[1], layers[2])
        layers = layers[3:]
    return [
        flat @ kernel.reshape(len(flat), -1) + bias
        for kernel, bias in zip(layers[0::2], layers[1::2], strict=True)
    ]


NETWORKS = {
    "pnet.lz4": (mtcnn_graphs.proposing, 12, [2, 0, 0]),
    "rnet.lz4": (mtcnn_graphs.refining, 24, [3, 3, 0]),
    "onet.lz4": (mtcnn_graphs.judging, 48, [3, 3, 2, 0]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_graphs_answer_as_the_networks_in_plain_numpy_do(name: str, photos: Path) -> None:
    build, side, pools = NETWORKS[name]
    network = session(build(weights_of(name).read_bytes(), name))
    for file in ("AJ_Cook_0001.jpg", "Aaron_Eckhart_0001.jpg"):
        face = Image.open(photos / "lfw" / file).convert("RGB").crop((70, 60, 190, 180))
        pixels = np.asarray(face.resize((side, side), Image.Resampling.BILINEAR))
        feed = {"picture": pixels.transpose(2, 0, 1)[None].astype(np.float32)}
        if name != "pnet.lz4":
            feed["boxes"] = np.array([[0, 0, side, side]], np.float32)
        (answers,) = network.run(None, feed)
        *others, logits = plain(pixels, arrays(name), pools)
        ours = answers.reshape(-1)
        assert 1 / (1 + np.exp(-ours[0])) == pytest.approx(softmax_of_face(logits), abs=1e-5)
        assert ours[1:] == pytest.approx(np.concatenate(others), abs=1e-4)


def test_strips_make_no_difference(
    monkeypatch: pytest.MonkeyPatch, detector: MtcnnDetector, group: NDArray[np.uint8]
) -> None:
    in_strips = detector.detect(group)
    monkeypatch.setattr(mtcnn, "_STRIP", 1 << 30)
    at_once = detector.detect(group)
    assert [replace(face, confidence=1, points=None) for face in in_strips] == [
        replace(face, confidence=1, points=None) for face in at_once
    ]


def test_a_file_that_only_looks_like_lz4_is_damaged() -> None:
    data = b"\x04\x22\x4d\x18" + bytes(40)
    with pytest.raises(PluginError, match=r"pnet.*damaged"):
        mtcnn_graphs.proposing(data, "pnet.lz4")
