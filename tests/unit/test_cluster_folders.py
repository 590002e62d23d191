"""A folder for each group: which photos are in it, under which names, and what is lost."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.batch.cluster.folders import write
from facewatchd.errors import FacewatchError
from facewatchd.plugins import Scale
from facewatchd.reports import Material

if TYPE_CHECKING:
    from pathlib import Path

SCALE = Scale(2, 0.68, 0.5, 0.32, 0.52)


def material(photos: list[Path], faces: list[tuple[int, int]], nobody: str = "rest") -> Material:
    """Return faces as (photo, group); photos are read, so they are there or were."""
    count = len(faces)
    return Material(
        photos=tuple(map(os.fsencode, photos)),
        captured=np.full(len(photos), np.nan),
        photo=np.array([photo for photo, _ in faces], dtype=np.int64),
        boxes=np.tile(np.array([0, 0, 9, 9], dtype=np.int64), (count, 1)),
        quality=np.ones(count),
        groups=np.array([group for _, group in faces], dtype=np.int64),
        names=tuple(f"cluster_{n}" for n in range(max(group for _, group in faces) + 1)),
        similarity=np.ones(count),
        encodings=np.zeros((count, 2), np.float32),
        engine="test/1",
        scale=SCALE,
        nobody=nobody,
    )


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "in" / name for name in ("a/one.jpg", "b/one.jpg", "b/two.jpg")]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(path))
    return made


def filled(
    tmp_path: Path, made: Material, *, nobody: bool = True, copy: bool = False
) -> tuple[dict[str, Path], dict[bytes, str]]:
    """Return what each entry is, once it is where it was made for, and what was lost."""
    aside, final = tmp_path / "out" / ".own" / "new", tmp_path / "out" / "final"
    aside.mkdir(parents=True)
    lost = write(made, aside, final, nobody=nobody, copy=copy, progress=lambda _: None)
    aside.rename(final)
    files = [path for path in final.rglob("*") if path.is_symlink() or path.is_file()]
    return {str(path.relative_to(final)): path for path in files}, dict(lost)


def test_a_photo_is_in_the_folder_of_each_group_that_it_shows(
    tmp_path: Path, photos: list[Path]
) -> None:
    made = material(photos, [(0, 0), (0, 1), (2, 1), (2, 1), (2, -1)])
    found, lost = filled(tmp_path, made)
    assert lost == {}
    assert {name: path.resolve() for name, path in found.items()} == {
        "cluster_0/one.jpg": photos[0],
        "cluster_1/one.jpg": photos[0],
        "cluster_1/two.jpg": photos[2],
        "rest/two.jpg": photos[2],
    }
    assert not any(os.path.isabs(os.readlink(path)) for path in found.values())


def test_without_a_folder_for_nobody_there_is_none(tmp_path: Path, photos: list[Path]) -> None:
    found, _ = filled(tmp_path, material(photos, [(0, 0), (1, -1)]), nobody=False)
    assert found.keys() == {"cluster_0/one.jpg"}


def test_two_photos_of_one_name_are_told_apart(tmp_path: Path, photos: list[Path]) -> None:
    found, _ = filled(tmp_path, material(photos, [(0, 0), (1, 0), (2, 0)]))
    assert {path.resolve() for path in found.values()} == {*photos}
    ones = [name for name in found if "one" in name]
    assert all(name.startswith("cluster_0/one~") for name in ones)


def test_a_photo_called_as_a_report_gets_another_name(tmp_path: Path, photos: list[Path]) -> None:
    aside = tmp_path / "new"
    (aside / "cluster_0").mkdir(parents=True)
    (aside / "cluster_0" / "Two.jpg").write_text("a montage")
    write(material(photos, [(2, 0)]), aside, tmp_path, nobody=True, copy=True, progress=print)
    names = sorted(path.name for path in (aside / "cluster_0").iterdir())
    assert names[0] == "Two.jpg"
    assert names[1].startswith("two~")
    assert (aside / "cluster_0" / "Two.jpg").read_text() == "a montage"


def test_copies_are_whole_and_keep_their_times(tmp_path: Path, photos: list[Path]) -> None:
    os.utime(photos[2], (1e9, 1e9))
    found, _ = filled(tmp_path, material(photos, [(2, 0)]), copy=True)
    copy = found["cluster_0/two.jpg"]
    assert not copy.is_symlink()
    assert copy.read_text() == photos[2].read_text()
    assert copy.stat().st_mtime == 1e9


@pytest.mark.parametrize("copy", [False, True])
def test_a_photo_that_has_vanished_is_named_and_the_others_are_there(
    tmp_path: Path, photos: list[Path], *, copy: bool
) -> None:
    photos[0].unlink()
    found, lost = filled(tmp_path, material(photos, [(0, 0), (2, 0)]), copy=copy)
    assert found.keys() == {"cluster_0/two.jpg"}
    assert lost == {
        os.fsencode(photos[0]): "It was read, and cannot be any more: No such file or directory."
    }


def test_a_disk_without_links_is_told_and_takes_copies(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "symlink", refuse)  # as FAT does
    made = material(photos, [(0, 0)])
    with pytest.raises(FacewatchError, match="takes no links") as raised:
        filled(tmp_path / "one", made)
    assert "--copy" in raised.value.remedy
    there, _ = filled(tmp_path / "two", made, copy=True)
    assert there.keys() == {"cluster_0/one.jpg"}
