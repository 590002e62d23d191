"""Finding a pack, and what is said of folders that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.engines import packs
from facewatchd.engines.arcface import ArcfaceEncoder
from facewatchd.errors import PluginError
from facewatchd.model import Setup
from tests.support.packs import detector, folder, recogniser

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def levels(count: int, *, points: bool = True) -> dict[str, NDArray[np.float32]]:
    """Return outputs of a detector with so many levels, in the order scores, boxes, points."""
    kinds = {"score": 1, "box": 4, "points": 10} if points else {"score": 1, "box": 4}
    return {
        f"{kind}{level}": np.zeros((32 >> 2 * level or 1, numbers), np.float32)
        for kind, numbers in kinds.items()
        for level in range(count)
    }


DETECTOR = detector(levels(3))
AGE = detector({"age": np.zeros((1, 3), np.float32)}, 96)
DENSE_POINTS = detector({"points": np.zeros((1, 212), np.float32)}, 192)


def test_models_are_told_apart_by_what_they_take_and_give(tmp_path: Path) -> None:
    folder(
        tmp_path / "any name",
        a=AGE, b=DENSE_POINTS, c=recogniser(512), d=DETECTOR, e=detector(levels(3, points=False)),
    )  # fmt: skip
    pack = packs.find(tmp_path)
    assert pack.folder == tmp_path / "any name"
    assert pack.recogniser.path.name == "c.onnx"
    assert pack.detector.path.name == "d.onnx"


def test_a_detector_of_five_levels_is_one(tmp_path: Path) -> None:
    folder(tmp_path / "pack", old=detector(levels(5)))
    assert packs.find(tmp_path).detector.path.name == "old.onnx"


def test_the_folder_of_models_may_be_the_pack_itself(tmp_path: Path) -> None:
    folder(tmp_path / "one", r=recogniser(512), d=DETECTOR)
    folder(tmp_path / "two", r=recogniser(128), d=DETECTOR)
    assert packs.find(tmp_path / "two").recogniser.header.outputs[0].shape == (1, 128)


def test_files_beside_the_pack_are_no_pack(tmp_path: Path) -> None:
    folder(tmp_path, face_recognition_sface=recogniser(128, centres=True))
    folder(tmp_path / "pack", r=recogniser(512), d=DETECTOR)
    assert packs.find(tmp_path).folder == tmp_path / "pack"


@pytest.mark.parametrize("there", [True, False])
def test_no_pack_names_the_folder_and_how_to_fetch_one(tmp_path: Path, *, there: bool) -> None:
    models = tmp_path / "models"
    if there:
        folder(models / "empty")
        folder(models / "age only", age=AGE)
    with pytest.raises(PluginError) as error:
        packs.find(models)
    assert f"no pack of models in {models}" in error.value.title
    assert error.value.remedy == "Fetch one: facewatchctl models fetch buffalo_l"


def test_of_several_packs_one_must_be_named(tmp_path: Path) -> None:
    for name in ("buffalo_s", "buffalo_l"):
        folder(tmp_path / name, r=recogniser(512), d=DETECTOR)
    with pytest.raises(PluginError, match="buffalo_l, buffalo_s") as error:
        packs.find(tmp_path)
    assert f"engine.models: {tmp_path / 'buffalo_l'}" in error.value.remedy


def test_a_pack_without_a_recogniser_is_one_clear_error(tmp_path: Path) -> None:
    pack = folder(tmp_path / "half", d=DETECTOR, age=AGE)
    with pytest.raises(PluginError, match="half has no recogniser") as error:
        ArcfaceEncoder(Setup(models=tmp_path))
    assert "facewatchctl models fetch" in error.value.remedy
    assert packs.find(tmp_path).detector.path.parent == pack


def test_a_pack_without_a_detector_is_one_clear_error(tmp_path: Path) -> None:
    folder(tmp_path / "half", r=recogniser(512), boxes_only=detector(levels(3, points=False)))
    with pytest.raises(PluginError, match="half has no detector with five points"):
        _ = packs.find(tmp_path).detector


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", recogniser(512)[:-2000]])
def test_a_damaged_file_in_a_pack_is_named(tmp_path: Path, content: bytes) -> None:
    folder(tmp_path / "pack", d=DETECTOR, w600k_r50=content)
    with pytest.raises(PluginError, match=r"pack/w600k_r50\.onnx is no ONNX model, or is damaged"):
        packs.find(tmp_path)


def test_the_version_is_that_of_the_recogniser_whatever_its_name(tmp_path: Path) -> None:
    versions = {}
    for name, content in {"a": recogniser(512), "b": recogniser(512), "c": recogniser(128)}.items():
        pack = folder(tmp_path / name, d=DETECTOR, **{f"named_{name}": content})
        versions[name], scale = ArcfaceEncoder.identify(Setup(models=pack))
        assert scale.dimensions == (128 if name == "c" else 512)
        assert scale.similarity == ArcfaceEncoder.scale.similarity
    assert versions["a"] == versions["b"] != versions["c"]
