from __future__ import annotations

import importlib.metadata
from collections import Counter
from typing import TYPE_CHECKING

import dlib
import numpy as np
import pytest
from PIL import ExifTags, Image

from facewatchd import demo_photos
from facewatchd.decode import Photo
from facewatchd.errors import FacewatchError, PhotoError
from tests.conftest import missing

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.decode import Picture
    from facewatchd.demo_photos import MadePhoto


@pytest.fixture(scope="module")
def group() -> Path:
    try:
        return demo_photos.group_picture()
    except FacewatchError:
        missing("the picture of the insightface package")
        raise


@pytest.fixture(scope="module")
def made(group: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[MadePhoto], Path]:
    return demo_photos.make(group, tmp_path_factory.mktemp("demo"))


def read(path: Path) -> Picture:
    return Photo(path.read_bytes(), megapixels=100).picture(1600)


def test_every_made_photo_has_the_faces_that_it_should_have(
    made: tuple[list[MadePhoto], Path],
) -> None:
    detector = dlib.get_frontal_face_detector()
    found = {p.path.name: len(detector(read(p.path).pixels, 0)) for p in made[0]}
    assert found == {photo.path.name: len(photo.people) for photo in made[0]}


def test_everyone_is_alone_in_six_photos_and_with_others_in_some(
    made: tuple[list[MadePhoto], Path],
) -> None:
    alone = Counter(p.people[0] for p in made[0] if len(p.people) == 1)
    together = Counter(person for p in made[0] if len(p.people) > 1 for person in p.people)
    assert alone == dict.fromkeys(range(6), 6)
    assert set(together) == set(range(6))


def test_all_orientations_and_four_formats_occur(made: tuple[list[MadePhoto], Path]) -> None:
    assert Counter(p.path.suffix for p in made[0]) == {
        ".jpg": 40,
        ".heic": 1,
        ".png": 1,
        ".webp": 1,
    }
    orientations = set()
    for photo in made[0]:
        if photo.path.suffix == ".jpg":
            with Image.open(photo.path) as image:
                orientations.add(image.getexif()[ExifTags.Base.Orientation])
    assert orientations == set(range(1, 9))


def test_an_upright_photo_is_the_picture_that_it_was_cut_from(
    made: tuple[list[MadePhoto], Path], group: Path
) -> None:
    with Image.open(group) as image:
        whole = np.asarray(image.convert("RGB"), np.float64)
    first, frame = made[0][0], demo_photos._frames()[0]
    left, top, right, bottom = frame.window
    cut = Image.fromarray(read(first.path).pixels).resize((right - left, bottom - top))
    difference = np.abs(np.asarray(cut, np.float64) - whole[top:bottom, left:right])
    assert difference.mean() < 4


def test_every_photo_is_another_one_with_a_date_of_its_own(
    made: tuple[list[MadePhoto], Path],
) -> None:
    assert len({photo.path.read_bytes() for photo in made[0]}) == len(made[0])
    dates = [Photo(photo.path.read_bytes(), 100).facts().taken for photo in made[0]]
    assert None not in dates
    assert len(set(dates)) == len(dates)
    assert [photo.path.stat().st_mtime for photo in made[0]] == dates


def test_the_broken_photo_cannot_be_read(made: tuple[list[MadePhoto], Path]) -> None:
    with pytest.raises(PhotoError, match="truncated"):
        read(made[1])


def test_two_runs_make_the_same_photos(
    made: tuple[list[MadePhoto], Path], group: Path, tmp_path: Path
) -> None:
    again, _ = demo_photos.make(group, tmp_path)
    assert [p.path.read_bytes() for p in again] == [p.path.read_bytes() for p in made[0]]


def test_another_picture_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (20, 10)).save(other)
    with pytest.raises(FacewatchError, match="not the one that the demo knows"):
        demo_photos.make(other, tmp_path / "photos")


def test_without_the_package_the_error_says_what_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_photos, "_PACKAGE", "no-package-of-this-name")
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.files("no-package-of-this-name")
    with pytest.raises(FacewatchError, match="is not installed") as raised:
        demo_photos.group_picture()
    assert "make run" in raised.value.remedy
