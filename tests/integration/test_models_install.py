"""Packs, files by hand, and the check of what is installed."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.doctor import weights
from facewatchd.errors import FacewatchError
from facewatchd.models.fetch import fetch
from facewatchd.models.folder import Folder
from facewatchd.models.install import install
from facewatchd.models.known import Model
from tests.support.file_server import Served, serve
from tests.support.models import DATA, LICENCE, file_of, silent, single, there

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DETECTOR, RECOGNISER = b"detector" * 1000, b"recogniser" * 2000


def zipped(**members: bytes) -> bytes:
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("_dot_", "."), data)
    return stored.getvalue()


def pack(archive: bytes, *, cited: bool = True) -> Model:
    files = (
        file_of("det.onnx", DETECTOR, cited=cited),
        file_of("rec.onnx", RECOGNISER, cited=cited),
    )
    download = file_of("pack.zip", archive, cited=cited)
    address = "https://example.org/pack.zip"
    return Model("pack", "", address, download, "X" * cited or None, files, LICENCE)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "state" / "models")


@pytest.fixture
def server() -> Iterator[Served]:
    with serve(DATA) as served:
        yield served


def test_of_a_pack_the_two_models_get_a_folder(folder: Folder) -> None:
    archive = zipped(det_dot_onnx=DETECTOR, rec_dot_onnx=RECOGNISER, age_dot_onnx=b"9", readme=b"")
    model = pack(archive)
    with serve(archive) as server:
        fetch(model, folder, server.address, silent)
    found = there(folder)
    assert set(found) == {"pack/det.onnx", "pack/rec.onnx", "pack.sha256"}
    assert (found["pack/det.onnx"], found["pack/rec.onnx"]) == (DETECTOR, RECOGNISER)
    assert stat.S_IMODE((folder.path / "pack").stat().st_mode) == 0o700
    assert folder.has(model)


def test_what_else_a_user_keeps_in_the_packs_folder_stays(folder: Folder) -> None:
    (folder.path / "pack").mkdir(parents=True)
    (folder.path / "pack" / "own.onnx").write_bytes(b"own")
    (folder.path / "pack" / "det.onnx").write_bytes(b"damaged")
    archive = zipped(det_dot_onnx=DETECTOR, rec_dot_onnx=RECOGNISER)
    source = folder.path / "came.zip"
    source.write_bytes(archive)
    install(pack(archive), folder, source)
    found = there(folder)
    assert (found["pack/own.onnx"], found["pack/det.onnx"]) == (b"own", DETECTOR)
    assert found["came.zip"] == archive


def test_a_file_by_hand_is_checked_like_a_download(folder: Folder, tmp_path: Path) -> None:
    source = tmp_path / "by hand.onnx"
    source.write_bytes(DATA)
    install(single(), folder, source)
    assert there(folder)["one.onnx"] == DATA
    source.write_bytes(DATA[:-1])
    with pytest.raises(FacewatchError, match="is damaged"):
        install(single(), folder, source)
    assert there(folder)["one.onnx"] == DATA


def members(*names: str) -> list[tuple[str, bytes]]:
    good = [("det.onnx", DETECTOR), ("rec.onnx", RECOGNISER)]
    return good + [(name, b"evil") for name in names]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (members("../../escaped.onnx"), "leads out of its folder"),
        (members("/tmp/escaped.onnx"), "leads out of its folder"),  # noqa: S108 -- only a name
        (members("..\\escaped.onnx"), "leads out of its folder"),
        (members("C:\\escaped.onnx"), "leads out of its folder"),
        ([("det.onnx", DETECTOR)], "holds no rec.onnx"),
        ([("det.onnx", DETECTOR), ("rec.onnx", bytes(10**7))], "10,000,000 bytes"),
        ([("det.onnx", DETECTOR), ("rec.onnx", b"another")], "its SHA-256 is"),
    ],
)
def test_an_archive_that_is_no_honest_pack_puts_nothing_in_place(
    folder: Folder, tmp_path: Path, content: list[tuple[str, bytes]], says: str
) -> None:
    source = tmp_path / "pack.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content:
            archive.writestr(name, data)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(FacewatchError, match=says):
        install(pack(b""), folder, source)
    made = set(tmp_path.rglob("*")) - before
    assert made <= {folder.path, folder.path.parent}


@pytest.mark.parametrize("damage", ["truncated", "no zip", "bits"])
def test_a_damaged_archive_puts_nothing_in_place(
    folder: Folder, tmp_path: Path, damage: str
) -> None:
    archive = zipped(det_dot_onnx=os.urandom(8000), rec_dot_onnx=RECOGNISER)
    damaged = {
        "truncated": archive[:-30],
        "no zip": b"<html>Not found</html>",
        "bits": archive[:1000] + bytes(1000) + archive[2000:],
    }[damage]
    source = tmp_path / "pack.zip"
    source.write_bytes(damaged)
    with pytest.raises(FacewatchError, match="is no whole zip file"):
        install(pack(archive, cited=False), folder, source)
    assert there(folder) == {}


def test_a_lying_header_of_a_zip_bomb_writes_no_more_than_the_file_may_have(
    folder: Folder, tmp_path: Path
) -> None:
    archive = bytearray(zipped(det_dot_onnx=DETECTOR, rec_dot_onnx=bytes(10**7)))
    size = (10**7).to_bytes(4, "little")
    lie = len(RECOGNISER).to_bytes(4, "little")
    source = tmp_path / "pack.zip"
    source.write_bytes(bytes(archive).replace(size, lie))
    with pytest.raises(FacewatchError):
        install(pack(b""), folder, source)
    assert there(folder) == {}


def test_a_member_that_is_the_folder_itself_is_no_matter(folder: Folder, tmp_path: Path) -> None:
    archive = zipped(det_dot_onnx=DETECTOR, rec_dot_onnx=RECOGNISER)
    source = tmp_path / "pack.zip"
    source.write_bytes(archive)
    with zipfile.ZipFile(source, "a") as more:
        more.writestr("./", b"")
    install(pack(archive), folder, source)
    assert folder.has(pack(archive))


def judged(folder: Folder) -> dict[str, Any]:
    return {finding.about: finding for finding in map(weights.examine, folder.weights())}


def test_a_real_model_loads_and_a_damaged_truncated_or_foreign_one_is_named(
    folder: Folder, shared: Path
) -> None:
    good = (shared / "models" / "face_detection_yunet_2026may.onnx").read_bytes()
    own = folder.path / "own"
    own.mkdir(parents=True)
    for name, data in {
        "good": good,
        "truncated": good[:100_000],
        "foreign": b"\xff\xd8\xff\xe0 a photo",
        "empty": b"",
    }.items():
        (own / f"{name}.onnx").write_bytes(data)
    (folder.path / "face_detection_yunet_2026may.onnx").write_bytes(good[:-1] + b"\0")
    (folder.path / "x.onnx").mkdir()
    found = judged(folder)
    foreign = found.pop("x.onnx")
    assert foreign.words == "is a folder, not a model"
    assert foreign.mend == f"mv {folder.path / 'x.onnx'} ELSEWHERE"
    assert {about for about, finding in found.items() if finding.mend is None} == {"own/good.onnx"}
    damaged = found["face_detection_yunet_2026may.onnx"]
    assert "its SHA-256 is not" in damaged.words
    assert damaged.mend == "facewatchctl models fetch yunet"
    assert len(found) == 5
    assert all("\n" not in finding.words for finding in found.values())


def test_a_pack_that_lacks_a_file_is_wrong(folder: Folder, shared: Path) -> None:
    there = folder.path / "buffalo_s"
    there.mkdir(parents=True)
    real = shared / "models" / "mini_s" / "det_500m.onnx"  # the very one of buffalo_s
    (there / real.name).write_bytes(real.read_bytes())
    found = judged(folder)
    assert found["buffalo_s/det_500m.onnx"].mend is None
    assert found["buffalo_s/w600k_mbf.onnx"].words == "is missing"
    (row,) = [each for each in folder.listed() if each.name == "buffalo_s"]
    assert row.state == "incomplete"


def test_a_model_with_other_contents_than_its_record_is_wrong(
    folder: Folder, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = replace(single(cited=False), name="two")
    monkeypatch.setattr("facewatchd.models.folder.KNOWN", (model,))
    fetch(model, folder, server.address, silent)
    (folder.path / "one.onnx").write_bytes(DATA[::-1])
    (finding,) = judged(folder).values()
    assert "its SHA-256 is not" in finding.words
