"""Finding a pack, and what is said of folders that are none."""

from __future__ import annotations

import os
import subprocess
import sys
from pwd import getpwuid
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.engines import packs
from facewatchd.engines.arcface import ArcfaceEncoder
from facewatchd.errors import PluginError
from facewatchd.model import Setup
from tests.support.bound import bound
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
    pack = packs.find(Setup(models=tmp_path))
    assert pack.folder == tmp_path / "any name"
    assert pack.recogniser.path.name == "c.onnx"
    assert pack.detector.path.name == "d.onnx"


def test_a_detector_of_five_levels_is_one(tmp_path: Path) -> None:
    folder(tmp_path / "pack", old=detector(levels(5)))
    assert packs.find(Setup(models=tmp_path)).detector.path.name == "old.onnx"


def test_a_folder_that_holds_the_models_themselves_is_no_pack(tmp_path: Path) -> None:
    folder(tmp_path / "pack", r=recogniser(512), d=DETECTOR)
    with pytest.raises(PluginError, match="There is no pack of models in"):
        packs.find(Setup(models=tmp_path / "pack"))


def test_files_beside_the_pack_are_no_pack(tmp_path: Path) -> None:
    folder(tmp_path, face_recognition_sface=recogniser(128, centres=True))
    folder(tmp_path / "pack", r=recogniser(512), d=DETECTOR)
    assert packs.find(Setup(models=tmp_path)).folder == tmp_path / "pack"


@pytest.mark.parametrize("there", [True, False])
def test_no_pack_names_the_folder_and_how_to_fetch_one(tmp_path: Path, *, there: bool) -> None:
    models = tmp_path / "models"
    if there:
        folder(models / "empty")
        folder(models / "age only", age=AGE)
    with pytest.raises(PluginError) as error:
        packs.find(Setup(models=models))
    assert f"no pack of models in {models}" in error.value.title
    assert error.value.remedy == "Fetch one: facewatchctl models fetch buffalo_l"


def test_of_several_packs_one_must_be_named_and_is_used(tmp_path: Path) -> None:
    for name, dimensions in (("buffalo_s", 128), ("buffalo_l", 512)):
        folder(tmp_path / name, r=recogniser(dimensions), d=DETECTOR)
    with pytest.raises(PluginError, match="buffalo_l, buffalo_s") as error:
        packs.find(Setup(models=tmp_path))
    assert "engine.pack: buffalo_l" in error.value.remedy
    for name, dimensions in (("buffalo_s", 128), ("buffalo_l", 512)):
        pack = packs.find(Setup(models=tmp_path, pack=name))
        assert pack.recogniser.header.outputs[0].shape == (1, dimensions)


@pytest.mark.parametrize("name", ["buffalo", "..", ".", "", "age only", ".new"])
def test_a_pack_that_is_named_and_not_there_says_what_is(tmp_path: Path, name: str) -> None:
    folder(tmp_path / "models" / "mini_s", r=recogniser(512), d=DETECTOR)
    folder(tmp_path / "models" / "age only", age=AGE)
    folder(tmp_path / "models" / ".new", r=recogniser(512), d=DETECTOR)
    folder(tmp_path / "models", r=recogniser(512), d=DETECTOR)
    folder(tmp_path, r=recogniser(512), d=DETECTOR)
    with pytest.raises(PluginError, match=r"no pack .* \(engine\.pack\) in ") as error:
        packs.find(Setup(models=tmp_path / "models", pack=name))
    assert repr(name) in error.value.title
    assert "age only, mini_s" in error.value.remedy


def test_a_named_pack_is_found_whatever_is_wrong_with_others(tmp_path: Path) -> None:
    folder(tmp_path / "damaged", d=b"no model")
    pack = folder(tmp_path / "pack", r=recogniser(512), d=DETECTOR)
    assert packs.find(Setup(models=tmp_path, pack="pack")).folder == pack


def found_by_one_who_obeys_permissions(models: Path) -> str:
    """Return what is said to a user of whom the system asks permissions."""
    code = """
import sys
from pathlib import Path
from facewatchd.engines import packs
from facewatchd.errors import PluginError
from facewatchd.model import Setup
try:
    print("found", packs.find(Setup(models=Path(sys.argv[1]))).folder.name)
except PluginError as error:
    print(error)
"""
    command = [*bound(), sys.executable, "-c", code, str(models)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.stderr == ""
    return ended.stdout


@pytest.mark.parametrize("mode", [0, 0o444, 0o111])
@pytest.mark.parametrize("closed", ["state", "state/models", "state/models/pack"])
def test_a_folder_that_may_not_be_read_is_named_with_who_may(
    tmp_path: Path, closed: str, mode: int
) -> None:
    models = tmp_path / "state" / "models"
    folder(models / "pack", r=recogniser(512), d=DETECTOR)
    assert found_by_one_who_obeys_permissions(models) == "found pack\n"
    (tmp_path / closed).chmod(mode)
    said = found_by_one_who_obeys_permissions(models)
    (tmp_path / closed).chmod(0o700)
    if (closed, mode) == ("state", 0o111):  # one may go through it, which is enough
        assert said == "found pack\n"
        return
    title, remedy = said.splitlines()
    me = getpwuid(os.geteuid()).pw_name
    assert title.startswith(f"{models}")
    assert title.endswith(" cannot be read: Permission denied.")
    assert f"readable for {me}, and {tmp_path / closed} belongs to {me}" in remedy
    assert remedy.endswith(f" {tmp_path / closed}")


def test_a_file_in_the_place_of_the_models_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"")
    with pytest.raises(PluginError, match="models is a file, where a folder of models would be"):
        packs.find(Setup(models=tmp_path / "models"))


def test_a_folder_with_the_name_of_a_model_is_named(tmp_path: Path) -> None:
    pack = folder(tmp_path / "pack", r=recogniser(512), d=DETECTOR)
    (pack / "x.onnx").mkdir()
    with pytest.raises(PluginError, match=r"x\.onnx is a folder, where a model would be") as error:
        packs.find(Setup(models=tmp_path))
    assert error.value.remedy == f"Move it away: mv {pack / 'x.onnx'} ELSEWHERE"


def test_a_pack_without_a_recogniser_is_one_clear_error(tmp_path: Path) -> None:
    pack = folder(tmp_path / "half", d=DETECTOR, age=AGE)
    with pytest.raises(PluginError, match="half has no recogniser") as error:
        ArcfaceEncoder(Setup(models=tmp_path))
    assert "facewatchctl models check" in error.value.remedy
    assert "(engine.pack)" in error.value.remedy
    assert packs.find(Setup(models=tmp_path)).detector.path.parent == pack


def test_a_pack_without_a_detector_is_one_clear_error(tmp_path: Path) -> None:
    folder(tmp_path / "half", r=recogniser(512), boxes_only=detector(levels(3, points=False)))
    with pytest.raises(PluginError, match="half has no detector with five points"):
        _ = packs.find(Setup(models=tmp_path)).detector


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", recogniser(512)[:-2000]])
def test_a_damaged_file_in_a_pack_is_named(tmp_path: Path, content: bytes) -> None:
    folder(tmp_path / "pack", d=DETECTOR, w600k_r50=content)
    with pytest.raises(PluginError, match=r"pack/w600k_r50\.onnx is no ONNX model, or is damaged"):
        packs.find(Setup(models=tmp_path))


def test_the_version_is_that_of_the_recogniser_whatever_its_name(tmp_path: Path) -> None:
    versions = {}
    for name, content in {"a": recogniser(512), "b": recogniser(512), "c": recogniser(128)}.items():
        pack = folder(tmp_path / name, d=DETECTOR, **{f"named_{name}": content})
        versions[name], scale = ArcfaceEncoder.identify(Setup(models=tmp_path, pack=pack.name))
        assert scale.dimensions == (128 if name == "c" else 512)
        assert scale.similarity == ArcfaceEncoder.scale.similarity
    assert versions["a"] == versions["b"] != versions["c"]
