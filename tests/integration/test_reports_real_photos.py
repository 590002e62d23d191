"""All reports of real photos: groups of up to 40 faces, and portraits of five people."""

from __future__ import annotations

import csv
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps
from pyarrow import parquet

from facewatchd.clustering.recipe import Recipe
from facewatchd.decode import Photo
from facewatchd.encode import Engine, faces
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.model import Setup, Told
from facewatchd.reports import REPORTS, Kind, Material, report, write
from facewatchd.reports.groups import best_first, centroids, members

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.reports import Written

_PEOPLE = ("amy", "howard", "leonard", "penny", "sheldon")
_MONTAGE, _GAP = 128, 4


@pytest.fixture(scope="module")
def material(photos: Path) -> Material:
    engine = Engine(MtcnnDetector(Setup()), DlibEncoder(Setup()))
    paths = [path for name in _PEOPLE for path in sorted((photos / "bbt" / name).iterdir())]
    paths += [*sorted((photos / "bbt").glob("*.jpg")), photos / "groups" / "group1.jpg"]
    found = []
    for number, path in enumerate(paths):
        picture = Photo(path.read_bytes(), 250).picture(1600)
        found += [(number, face) for face in faces(picture, [engine], Told())[0]]
    encodings = np.array([face.encoding for _, face in found])
    photo = np.array([number for number, _ in found])
    scale = DlibEncoder.scale
    groups = Recipe().group(
        encodings,
        photo,
        eps=scale.eps,
        min_samples=2,
        merge=scale.merge,
        reach=scale.distance_at(scale.similarity),
        progress=lambda _: None,
    )
    made = Material(
        photos=tuple(os.fsencode(path) for path in paths),
        captured=np.full(len(paths), np.nan),
        photo=photo,
        boxes=np.array([face.box for _, face in found]),
        quality=np.array([face.quality.score for _, face in found]),
        groups=groups,
        names=tuple(f"cluster_{n}" for n in range(groups.max() + 1)),
        similarity=np.full(len(found), np.nan),
        encodings=encodings,
        engine=f"{DlibEncoder.name}/{DlibEncoder.version}",
        scale=scale,
    )
    distances = np.linalg.norm(encodings - centroids(made)[groups], axis=1)
    made.similarity[groups >= 0] = scale.similarity_at(distances)[groups >= 0]
    return made


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def written(material: Material, out: Path) -> Written:
    return write(material, os.fsencode(out), [report(name) for name in REPORTS])


def test_everything_is_made_but_the_years_of_photos_without_a_date(written: Written) -> None:
    assert written.unreadable == ()
    assert [each.report for each in written.left_out] == ["people over the years"]
    kinds = {each.kind for each in written.made}
    assert kinds == {*Kind}


def test_the_tables_and_the_crops_have_every_face(
    written: Written, material: Material, out: Path
) -> None:
    with (out / "faces.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(material) > 60
    assert sum(each.kind is Kind.CROP for each in written.made) == len(material)
    read = parquet.read_table(out / "faces.parquet")
    assert np.array_equal(np.array(read["encoding"].to_pylist(), np.float32), material.encodings)


def test_montages_show_the_faces_that_they_should(
    written: Written, material: Material, out: Path
) -> None:
    montages = {m.group: m.path for m in written.made if m.kind is Kind.MONTAGE}
    assert len(montages) >= len(_PEOPLE)
    step = _MONTAGE + _GAP
    for group, found in members(material).items():
        if group == -1:
            continue
        with Image.open(os.path.join(os.fsencode(out), montages[group])) as picture:
            sheet = picture.convert("RGB")
        for place, face in enumerate(best_first(material, found)[:25].tolist()):
            row, column = divmod(place, 5)
            corner = (_GAP + column * step, _GAP + row * step)
            tile = sheet.crop((*corner, corner[0] + _MONTAGE, corner[1] + _MONTAGE))
            expected = _cut_by_hand(material, face)
            apart = np.abs(np.asarray(tile, float) - np.asarray(expected, float)).mean()
            assert apart < 6, (group, face)


def _cut_by_hand(material: Material, face: int) -> Image.Image:
    """Return the square around ``face``, from the whole photo at full size."""
    with Image.open(material.photos[material.photo[face]]) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
    left, top, right, bottom = material.boxes[face].tolist()
    edge = min(max(right - left, bottom - top) * 1.4, *upright.size)
    x = min(max(0.0, (left + right - edge) / 2), upright.width - edge)
    y = min(max(0.0, (top + bottom - edge) / 2), upright.height - edge)
    return upright.resize(
        (_MONTAGE, _MONTAGE), Image.Resampling.LANCZOS, (x, y, x + edge, y + edge)
    )
