from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from facewatchd.errors import ConfigError, ReportError
from facewatchd.reports import Kind, Limits, report, write
from facewatchd.reports.groups import best_first
from tests.support.material import album, colour, draw, material

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.reports import Material

_GAP = 4
_NEAR = 14  # of 255: two faces' colours are at least 12 apart in one channel, JPEG strays by a few


def wrote(folder: Path, made: Material, name: str, **options: object) -> list[Path]:
    written = write(made, os.fsencode(folder), [report(name, options)])
    return [folder / os.fsdecode(each.path) for each in written.made]


def tiles(sheet: Path, side: int) -> list[tuple[int, int, int]]:
    """Return the colour in the middle of each face of a sheet, row by row."""
    with Image.open(sheet) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    step = side + _GAP
    middles = pixels[_GAP + side // 2 :: step, _GAP + side // 2 :: step]
    return [tuple(each) for each in middles.reshape(-1, 3).tolist()]


def near(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < _NEAR / 2


def test_a_montage_shows_the_25_best_faces_of_its_group_in_order(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 1, 0]] * 20, ["Anna", "Ben"])
    [anna, _] = wrote(tmp_path, made, "montages")
    assert anna == tmp_path / "montages" / "Anna.jpg"
    with Image.open(anna) as picture:
        assert picture.size == (5 * 132 + 4, 5 * 132 + 4)
    expected = best_first(made, np.flatnonzero(made.groups == 0))[:25].tolist()
    shown = tiles(anna, 128)
    assert len(shown) == 25
    assert all(near(tile, colour(face)) for tile, face in zip(shown, expected, strict=True))


def test_a_montage_of_few_faces_has_the_same_size_and_is_dark_where_none_is(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0], [0]], ["Anna"])
    [sheet] = wrote(tmp_path, made, "montages")
    with Image.open(sheet) as picture:
        assert picture.size == (664, 664)
    shown = tiles(sheet, 128)
    assert {near(shown[0], colour(face)) for face in (0, 1)} == {True, False}
    assert all(max(tile) < 33 for tile in shown[2:])


def test_thumbnails_show_every_face_and_the_outliers_too(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 0, -1]] * 6, ["Anna"])
    anna, outliers = wrote(tmp_path, made, "thumbnails")
    assert outliers.name == "outliers.jpg"
    for sheet, group, rows in ((anna, 0, 2), (outliers, -1, 1)):
        with Image.open(sheet) as picture:
            assert picture.size == (1004, rows * 100 + 4)
        faces = best_first(made, np.flatnonzero(made.groups == group)).tolist()
        shown = tiles(sheet, 96)
        assert all(near(shown[n], colour(face)) for n, face in enumerate(faces))


def test_the_faces_in_no_group_are_called_as_the_material_says(tmp_path: Path) -> None:
    made = replace(album(tmp_path / "photos", [[-1]], []), nobody="doubtful")
    assert wrote(tmp_path, made, "thumbnails") == [tmp_path / "thumbnails" / "doubtful.jpg"]


def test_sheets_go_where_their_pattern_says(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, -1]], ["cluster_0"])
    paths = wrote(tmp_path, made, "thumbnails", at="{group}/thumbnails.png", columns=1, rows=1)
    assert paths == [tmp_path / name / "thumbnails.png" for name in ("cluster_0", "outliers")]
    with Image.open(paths[0]) as picture:
        assert (picture.format, picture.size) == ("PNG", (104, 104))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_faces_are_cut_from_the_upright_photo(tmp_path: Path, orientation: int) -> None:
    made = album(tmp_path / "photos", [[0, 0, 0]], ["Anna"])
    with Image.open(made.photos[0]) as photo:
        upright = photo.convert("RGB")
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF orientation -> how it lies, in Pillow
    lies = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[274] = orientation
    lies.save(tmp_path / "turned.jpg", quality=95, subsampling=0, exif=exif)
    made = replace(made, photos=(os.fsencode(tmp_path / "turned.jpg"),))
    crops = wrote(tmp_path, made, "crops")
    for face, crop in enumerate(crops):
        with Image.open(crop) as picture:
            assert picture.size == (40, 40)
            pixel = picture.convert("RGB").getpixel((20, 20))
        assert isinstance(pixel, tuple)
        assert near((pixel[0], pixel[1], pixel[2]), colour(face))


def test_crops_are_named_as_the_pattern_says(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 1], [0, -1]], ["Anna", "Ben"])
    names = {str(p.relative_to(tmp_path)) for p in wrote(tmp_path, made, "crops")}
    assert names == {
        "crops/0_photo 000_0.png",
        "crops/1_photo 000_1.png",
        "crops/0_photo 001_0.png",
        "crops/-1_photo 001_1.png",
    }
    crops = wrote(tmp_path, made, "crops", at="{group}/face{number}.jpg", outliers=False)
    assert {str(p.relative_to(tmp_path)) for p in crops} == {
        "Anna/face0.jpg",
        "Anna/face1.jpg",
        "Ben/face0.jpg",
    }


def test_a_crop_is_the_box_alone_and_with_a_margin_more(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0]], ["Anna"])
    [crop] = wrote(tmp_path, made, "crops")
    with Image.open(crop) as picture:
        assert picture.size == (40, 40)
        assert picture.convert("RGB").getcolors() == [(1600, colour(0))]
    [wider] = wrote(tmp_path, made, "crops", margin=0.25)
    with Image.open(wider) as picture:
        assert picture.size == (60, 60)
        assert picture.convert("RGB").getcolors() == [(2000, (255,) * 3), (1600, colour(0))]


def test_equal_photo_names_give_each_crop_a_name_of_its_own(tmp_path: Path) -> None:
    photos = [os.fsencode(tmp_path / "photos" / str(n) / name) for n, name in enumerate("aAa")]
    made = material(photos, [[0], [0], [0]], ["Anna"])
    draw(made)
    names = [p.name for p in wrote(tmp_path, made, "crops")]
    assert names == ["0_a_0.jpg", "0_A_0~2.jpg", "0_a_0~3.jpg"]


def test_a_photo_name_that_is_no_text_names_a_crop(tmp_path: Path) -> None:
    photos = [os.fsencode(tmp_path) + b"/photos/" + name for name in (b"\xff\xfe.jpg", b"...jpg")]
    made = material(photos, [[0], [0]], ["../../Anna"])
    draw(made)
    wrote(tmp_path, made, "crops", at="{group}/{photo}/{face}.jpg")
    [group] = (name for name in os.listdir(os.fsencode(tmp_path)) if name != b"photos")
    assert b"/" not in group
    there = os.listdir(os.path.join(os.fsencode(tmp_path), group))
    assert sorted(there) == [b"...jpg", b"\xff\xfe"]


def test_a_vanished_and_a_broken_photo_are_named_and_the_rest_is_made(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0]] * 6, ["Anna"])
    os.unlink(made.photos[1])
    with open(made.photos[2], "r+b") as file:
        file.truncate(60)
    os.unlink(made.photos[3])
    os.mkfifo(made.photos[3])
    with open(made.photos[4], "ab") as file:
        file.truncate(2_000_000)
    progress: list[tuple[int, int]] = []
    written = write(
        made,
        os.fsencode(tmp_path),
        [report("montages")],
        limits=Limits(file_mb=1),
        progress=lambda done, total: progress.append((done, total)),
    )
    assert [each.photo for each in written.unreadable] == list(made.photos[1:5])
    assert "No such file" in written.unreadable[0].reason
    assert "limits.file_mb" in written.unreadable[3].reason
    shown = tiles(tmp_path / "montages" / "Anna.jpg", 128)
    assert sum(max(tile) > 33 for tile in shown) == 2
    assert progress[0] == (0, 7)
    assert progress[-1] == (7, 7)


def test_a_photo_that_is_another_one_by_now_is_named(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 0, 0]], ["Anna"])
    with Image.new("RGB", (60, 80), "green") as smaller:
        smaller.save(os.fsdecode(made.photos[0]))
    written = write(made, os.fsencode(tmp_path), [report("crops")])
    assert len(written.made) == 1
    assert "another picture" in written.unreadable[0].reason


def test_60_faces_of_one_photo_need_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = album(tmp_path / "photos", [[n % 3 for n in range(60)]], ["A", "B", "C"])
    opened: list[bytes] = []
    real = os.open

    def counting(path: bytes | str, *rest: int) -> int:
        if path == made.photos[0]:
            opened.append(made.photos[0])
        return real(path, *rest)

    monkeypatch.setattr("facewatchd.decode.source.os.open", counting)
    reports = [report("montages"), report("thumbnails"), report("crops")]
    written = write(made, os.fsencode(tmp_path), reports)
    assert len(opened) == 1
    assert sum(each.kind is Kind.CROP for each in written.made) == 60
    assert sum(each.kind is Kind.MONTAGE for each in written.made) == 3


@pytest.mark.parametrize("groups", [[[]], [[], []]])
def test_without_faces_no_picture_is_made(tmp_path: Path, groups: list[list[int]]) -> None:
    made = album(tmp_path / "photos", groups, [])
    written = write(made, os.fsencode(tmp_path), [report("montages"), report("crops")])
    assert written.made == ()
    assert written.unreadable == ()


def test_the_same_material_gives_the_same_bytes(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 1, -1]] * 4, ["A", "B"])
    names = ("montages", "thumbnails", "crops", "clusters.csv", "faces.jsonl", "index")
    twice = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        written = write(made, os.fsencode(tmp_path / run), [report(name) for name in names])
        twice.append(
            [(m, (tmp_path / run / os.fsdecode(m.path)).read_bytes()) for m in written.made]
        )
    assert twice[0] == twice[1]


def test_every_file_is_announced_before_it_is_there_and_no_scratch_is_left(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0, 1]] * 3, ["A", "B"])
    out = tmp_path / "out"
    out.mkdir()
    announced: list[bytes] = []

    def making(path: bytes) -> None:
        assert not os.path.exists(os.path.join(os.fsencode(out), path))
        announced.append(path)

    names = ("montages", "thumbnails", "crops", "faces.csv", "index")
    written = write(made, os.fsencode(out), [report(name) for name in names], making=making)
    there = {os.fsencode(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert {*announced} == there == {each.path for each in written.made}


def test_a_cancelled_run_leaves_whole_files_only(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0]] * 9, ["A"])
    out = tmp_path / "out"
    out.mkdir()

    def cancel(done: int, _total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(made, os.fsencode(out), [report("montages"), report("crops")], progress=cancel)
    crops = sorted(out.rglob("*.*"))
    assert len(crops) == 5
    for crop in crops:
        with Image.open(crop) as picture:
            picture.load()


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    made = album(tmp_path / "photos", [[0]], ["A"])
    (tmp_path / "montages").write_text("a file where a folder shall be")
    with pytest.raises(ReportError, match=r"montages/A\.jpg cannot be written"):
        wrote(tmp_path, made, "montages")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("montage", {}, "no report named 'montage'"),
        ("montages", {"size": 3}, "no option 'size'"),
        ("montages", {"columns": "five"}, "cannot have the columns 'five'"),
        ("montages", {"columns": True}, "cannot have the columns True"),
        ("montages", {"columns": 0}, "No sheet has 0 x 5"),
        ("montages", {"side": 5000}, "No sheet"),
        ("crops", {"at": "../{photo}.jpg"}, "below the report's folder"),
        ("crops", {"at": "/elsewhere/{photo}.jpg"}, "below the report's folder"),
        ("crops", {"at": "{photo"}, "cannot name"),
        ("crops", {"at": "{photo.__class__}.jpg"}, "cannot name"),
        ("crops", {"at": "{person}.jpg"}, "it has person"),
        ("crops", {"at": "{photo}.gif"}, "must end in"),
        ("crops", {"margin": -1.0}, "margin"),
        ("crops", {"margin": float("nan")}, "margin"),
        ("condensed_tree", {"min_cluster_size": 1}, "min_cluster_size is 1"),
    ],
)
def test_wrong_reports_and_options_are_refused_in_words(
    name: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        report(name, options)
