"""``facewatchctl export``: real folders, real links, real copies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import Exit
from tests.support.living import Living

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = ("1.jpg", "2.jpg", "3.jpg")
THEN = 1_463_221_800


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Living]:
    with Living(tmp_path) as made:
        made.library.photos.mkdir()
        for number in range(1, 8):
            photo = made.library.photos / f"{number}.jpg"
            photo.write_bytes(b"photo %d" % number)
            os.utime(photo, (THEN, THEN))
        yield made


@pytest.fixture
def photos(control: Living) -> Path:
    return control.library.photos


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def export(
    out: Path, *arguments: str, state: Path | None = None
) -> subprocess.CompletedProcess[str]:
    place = out.parent if state is None else state
    command = [sys.executable, "-m", "facewatchd.cli", "--state", str(place), "export", str(out)]
    return subprocess.run(
        [*command, "--person", "person_0001", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def told(out: Path, *arguments: str) -> str:
    result = export(out, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def test_links_are_relative_and_lead_to_the_photos(photos: Path, out: Path) -> None:
    assert told(out) == f"3 photos linked into {out}.\n"
    assert {name: os.readlink(out / name) for name in contents(out)} == {
        name: f"../photos/{name}" for name in ALL
    }
    assert contents(out) == {name: (photos / name).read_bytes() for name in ALL}


def test_copies_keep_the_time_and_follow_no_change(photos: Path, out: Path) -> None:
    assert told(out, "--copy") == f"3 photos copied into {out}.\n"
    (photos / "1.jpg").write_bytes(b"changed")
    assert not any(path.is_symlink() for path in out.iterdir())
    assert contents(out)["1.jpg"] == b"photo 1"
    assert [int((out / name).stat().st_mtime) for name in ALL] == [THEN] * 3


@pytest.mark.parametrize("how", [[], ["--copy"]])
def test_a_second_export_makes_only_what_is_not_there(
    control: Living, out: Path, how: list[str]
) -> None:
    told(out, *how)
    before = contents(out)
    (out / "2.jpg").unlink()
    assert json.loads(told(out, *how, "--json")) == {"made": 1, "there": 2, "unreadable": []}
    assert contents(out) == before
    control.ask(lambda: control.saying.merge("person_0001", "person_0002"))
    assert json.loads(told(out, *how, "--json")) == {"made": 3, "there": 3, "unreadable": []}
    assert contents(out).keys() == {f"{number}.jpg" for number in range(1, 7)}


@pytest.mark.usefixtures("control")
def test_a_file_that_is_there_is_not_replaced(out: Path) -> None:
    told(out)
    (out / "1.jpg").unlink()
    (out / "1.JPG").write_bytes(b"mine")
    told(out)
    found = contents(out)
    assert found.pop("1.JPG") == b"mine"
    assert sorted(found.values()) == [b"photo 1", b"photo 2", b"photo 3"]
    (renamed,) = found.keys() - set(ALL)
    assert renamed.startswith("1~")
    assert json.loads(told(out, "--json")) == {"made": 0, "there": 3, "unreadable": []}


def test_photos_of_one_name_are_told_apart(control: Living, photos: Path, out: Path) -> None:
    other = photos / "more" / "1.jpg"
    other.parent.mkdir()
    other.write_bytes(b"another")
    control.ask(
        lambda: control.library.store._db.execute(
            "UPDATE files SET path = ? WHERE photo = 2", [bytes(other)]
        )
    )
    told(out, "--copy")
    assert sorted(contents(out).values()) == [b"another", b"photo 1", b"photo 3"]
    assert json.loads(told(out, "--copy", "--json")) == {"made": 0, "there": 3, "unreadable": []}


@pytest.mark.usefixtures("control")
def test_only_a_new_an_empty_or_an_own_folder_is_filled(out: Path) -> None:
    out.mkdir()
    told(out)
    other = out.parent / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    result = export(other)
    assert (result.returncode, result.stdout) == (Exit.FAILED, "")
    assert result.stderr == (
        f"facewatchctl: {other} is not empty, and no export made it.\n"
        "  Name a new or an empty folder.\n"
    )
    assert contents(other) == {"letter.txt": b"mine"}


def test_neither_a_watched_folder_nor_the_output_is_filled(control: Living, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to("photos")
    places = (
        *(control.library.photos, control.library.photos / "new", tmp_path / "alias" / "new"),
        *(control.library.output, control.library.output / "new"),
    )
    for place in places:
        result = export(place, state=tmp_path)
        assert (result.returncode, result.stdout) == (Exit.FAILED, "")
        assert "Name a folder elsewhere" in result.stderr
        assert place.name != "new" or not place.exists()


def test_a_photo_that_is_away_is_named_and_the_others_are_made(photos: Path, out: Path) -> None:
    (photos / "2.jpg").unlink()
    result = export(out, "--copy")
    assert result.returncode == Exit.FAILED
    assert result.stdout == f"2 photos copied into {out}.\n"
    assert result.stderr.startswith(f"facewatchctl: {photos}/2.jpg cannot be read.\n")
    assert contents(out).keys() == {"1.jpg", "3.jpg"}


def test_a_folder_that_cannot_be_made_is_an_error(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    result = export(tmp_path / "file" / "out", state=tmp_path)
    assert (result.returncode, result.stdout) == (Exit.FAILED, "")
    assert f"The export into {tmp_path}/file/out failed: " in result.stderr
    assert len(list(photos.iterdir())) == 7


@pytest.mark.usefixtures("control")
def test_nothing_half_written_stays_when_the_disk_is_full(out: Path) -> None:
    limited = [
        "bash",
        "-c",
        'trap "" XFSZ; ulimit -f 0; exec "$@"',
        "bash",
        *(sys.executable, "-m", "facewatchd.cli", "--state", str(out.parent)),
        *("export", str(out), "--person", "person_0001", "--copy"),
    ]
    result = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == Exit.FAILED
    assert "File too large" in result.stderr
    assert contents(out) == {}
