"""Walking real folders, and the difference to what is known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.model import FileStat
from facewatchd.scan import Ignore, Listing, Unreadable, diff, is_picture, walk

STATS = st.builds(
    FileStat, st.binary(min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 3), st.just(1)
)


def ignoring(root: Path, *patterns: str, folders: tuple[Path, ...] = ()) -> Ignore:
    return Ignore(os.fsencode(root), patterns, [os.fsencode(f) for f in folders])


def found(root: Path, ignore: Ignore) -> set[str]:
    return {
        str(Path(os.fsdecode(file.path)).relative_to(root))
        for seen in walk(os.fsencode(root), ignore)
        if isinstance(seen, Listing)
        for file in seen.files
    }


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_every_regular_file_is_found_at_any_depth(tmp_path: Path) -> None:
    for name in ("a.jpg", "b/c.png", "b/d/e.heic", "video.mp4"):
        write(tmp_path / name)
    assert found(tmp_path, ignoring(tmp_path)) == {"a.jpg", "b/c.png", "b/d/e.heic", "video.mp4"}


@pytest.mark.parametrize(
    "name",
    [
        ".syncthing.a.jpg.tmp",
        "~syncthing~a.jpg",
        ".stversions/a.jpg",
        ".a.jpg.Xy12ab",
        "a.jpg.part",
        "a.jpg.ocTransferId123",
        "@eaDir/a.jpg/SYNOPHOTO_THUMB.jpg",
        "#recycle/a.jpg",
        ".Trash-1000/files/a.jpg",
        "._a.jpg",
        "Thumbs.db",
    ],
)
def test_temporary_names_thumbnails_and_trash_are_left_out(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    assert found(tmp_path, ignoring(tmp_path)) == set()


@pytest.mark.parametrize("stop", [".nomedia", ".facewatchignore"])
def test_a_stop_file_leaves_out_its_folder_and_all_below(tmp_path: Path, stop: str) -> None:
    for name in ("a.jpg", f"private/{stop}", "private/b.jpg", "private/deep/c.jpg"):
        write(tmp_path / name)
    assert found(tmp_path, ignoring(tmp_path)) == {"a.jpg"}


def test_a_roots_patterns_are_those_of_gitignore(tmp_path: Path) -> None:
    for name in ("a.jpg", "scans/b.jpg", "scans/keep.jpg", "x/scans/c.jpg", "y/d.gif"):
        write(tmp_path / name)
    ignore = ignoring(tmp_path, "/scans/*", "!/scans/keep.jpg", "*.gif")
    assert found(tmp_path, ignore) == {"a.jpg", "scans/keep.jpg", "x/scans/c.jpg"}


def test_the_output_inside_a_root_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "people/person_0001/a.jpg")
    write(tmp_path / "b.jpg")
    assert found(tmp_path, ignoring(tmp_path, folders=(tmp_path / "people",))) == {"b.jpg"}


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside/a.jpg")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.jpg").symlink_to(outside)
    (root / "folder").symlink_to(outside.parent)
    os.mkfifo(root / "pipe.jpg")
    assert found(root, ignoring(root)) == set()


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    gone = os.fsencode(tmp_path / "gone")
    assert list(walk(gone, ignoring(tmp_path))) == [Unreadable(gone, "No such file or directory")]


def test_hidden_by_a_folder_above(tmp_path: Path) -> None:
    ignore = ignoring(tmp_path, "private/")
    assert ignore.hides(os.fsencode(tmp_path / "private/deep/a.jpg"), folder=False)
    assert ignore.hides(os.fsencode(tmp_path / "private"), folder=True)
    assert not ignore.hides(os.fsencode(tmp_path / "public/deep/a.jpg"), folder=False)


def test_a_stop_file_in_the_root_hides_everything(tmp_path: Path) -> None:
    write(tmp_path / ".nomedia")
    assert ignoring(tmp_path).hides(os.fsencode(tmp_path / "a.jpg"), folder=False)


def test_what_lies_in_the_output_is_left_out_at_any_depth(tmp_path: Path) -> None:
    ignore = ignoring(tmp_path, folders=(tmp_path / "people",))
    assert ignore(os.fsencode(tmp_path / "people/person_0001/a.jpg"), folder=False)
    assert not ignore(os.fsencode(tmp_path / "people of 1990/a.jpg"), folder=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"a.JPG", True), (b"a.HeIc", True), (b"a.mp4", False), (b"jpg", False), (b"\xff.png", True)],
)
def test_pictures_are_known_by_their_suffix(name: bytes, *, expected: bool) -> None:
    assert is_picture(name) is expected


@given(st.lists(STATS, unique_by=lambda s: s.path), st.lists(STATS, unique_by=lambda s: s.path))
def test_applying_the_difference_makes_known_what_was_seen(
    seen: list[FileStat], before: list[FileStat]
) -> None:
    known = {stat.path: stat for stat in before}
    changes = diff(seen, known)
    for path in changes.gone:
        del known[path]
    for stat in (*changes.new, *changes.changed):
        assert known.get(stat.path) != stat
        known[stat.path] = stat
    assert known == {stat.path: stat for stat in seen}
