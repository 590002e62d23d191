"""Walking real folders, and the difference to what is known."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.config import COPIES
from facewatchd.model import FileStat
from facewatchd.scan import (
    NOT_A_FILE,
    OUTPUT_MARK,
    Ignore,
    Rule,
    Seen,
    Unreadable,
    Walk,
    diff,
    is_picture,
    is_within,
    kind,
)

STATS = st.builds(
    FileStat, st.binary(min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 3), st.just(1)
)


def ignoring(root: Path, *patterns: str, folders: tuple[Path, ...] = ()) -> Ignore:
    return Ignore(os.fsencode(root), patterns, [os.fsencode(f) for f in folders])


def found(root: Path, ignore: Ignore) -> set[str]:
    return {
        str(Path(os.fsdecode(file.path)).relative_to(root))
        for seen in Walk(ignore).deep(os.fsencode(root))
        if isinstance(seen, Seen)
        for file in seen.listing().files
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


@pytest.mark.parametrize("stop", [".nomedia", ".facewatchignore", ".facewatchd/made.jsonl"])
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


def test_what_marks_an_output_is_the_folder_that_every_output_holds() -> None:
    assert os.fsdecode(OUTPUT_MARK) == COPIES


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
    walk = Walk(ignoring(tmp_path))
    assert list(walk.deep(gone)) == [Unreadable(gone, "No such file or directory")]


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
    inside = os.fsencode(tmp_path / "people/person_0001/a.jpg")
    own = Rule(f"{tmp_path}/people", "facewatchd's own folder")
    assert ignore.rule(inside, folder=False) == own
    assert ignore.rule(os.fsencode(tmp_path / "people of 1990/a.jpg"), folder=False) is None


def test_what_is_left_out_is_counted_by_the_rule_that_says_so(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.part", "c.part", "scans/d.jpg", "private/.nomedia", "private/e.jpg"):
        write(tmp_path / name)
    (tmp_path / "f.jpg").symlink_to("a.jpg")
    walk = Walk(ignoring(tmp_path, "*.gif", "scans/"))
    list(walk.deep(os.fsencode(tmp_path)))
    assert walk.ignored == {
        Rule("*.part", "built in"): 2,
        Rule("scans/", f"roots.ignore of {tmp_path}"): 1,
        Rule(".nomedia", f"{tmp_path}/private"): 1,
        NOT_A_FILE: 1,
    }


def test_the_rule_of_a_folder_above_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a/.nomedia")
    ignore = ignoring(tmp_path, "/private/", "!*.png")
    above = ignore.rule_above(os.fsencode(tmp_path / "private/deep/a.jpg"), folder=False)
    assert above == Rule("/private/", f"roots.ignore of {tmp_path}")
    assert ignore.rule_above(os.fsencode(tmp_path / "x/a.png"), folder=False) is None
    stop = ignore.stopped_above(os.fsencode(tmp_path / "a/b/c.jpg"))
    assert stop == Rule(".nomedia", f"{tmp_path}/a")
    assert ignore.stopped_above(os.fsencode(tmp_path / "b/c.jpg")) is None


def test_a_digest_tells_every_change_of_a_folder(tmp_path: Path) -> None:
    def digest() -> bytes:
        return Walk(ignoring(tmp_path)).flat(os.fsencode(tmp_path))[0].digest()

    write(tmp_path / "b.jpg")
    digests = [digest()]
    write(tmp_path / "a.jpg")
    digests.append(digest())
    (tmp_path / "a.jpg").write_bytes(b"yy")
    digests.append(digest())
    os.utime(tmp_path / "a.jpg", (1, 1))
    digests.append(digest())
    (tmp_path / "a.jpg").rename(tmp_path / "c.jpg")
    digests.append(digest())
    assert len(set(digests)) == len(digests)
    write(tmp_path / "d.part")
    assert digest() == digests[-1]


@pytest.mark.parametrize(
    ("name", "beside", "word"),
    [
        (b"/p/a.MOV", [], ".mov"),
        (b"/p/a.MOV", [b"/p/a.HEIC"], ".mov of a Live Photo"),
        (b"/p/a.mov", [b"/p/b.heic"], ".mov"),
        (b"/p/a.cr3", [b"/p/a.jpg"], ".cr3"),
        (b"/p/README", [], "no suffix"),
    ],
)
def test_other_files_are_told_apart_by_suffix(name: bytes, beside: list[bytes], word: str) -> None:
    assert kind(name, beside) == word


def test_within_is_told_by_whole_names() -> None:
    assert is_within(b"/a/b", [b"/a"])
    assert is_within(b"/a", [b"/a"])
    assert is_within(b"/a", [b"/"])
    assert not is_within(b"/ab", [b"/a"])


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
