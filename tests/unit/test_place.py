"""The folder that a command fills: what it may replace, and a stop at any moment."""

from __future__ import annotations

import json
import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

from facewatchd.batch.place import Place
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIRST = {"a/one": "1", "a/two": "2", "b/three": "3", "table.csv": "x"}
SECOND = {"a/two": "22", "c/three": "3", "table.csv": "longer", "page.html": "y"}


class _Stopped(BaseException):
    pass


def fill(place: Place, content: Mapping[str, str]) -> None:
    with place.claimed(), place.renewed() as folder:
        for path, text in content.items():
            file = folder / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        (folder / "link").symlink_to("../somewhere")


def there(place: Place) -> dict[str, str]:
    return {
        str(path.relative_to(place.output)): path.read_text()
        for path in place.output.rglob("*")
        if path.is_file() and not path.is_relative_to(place.own)
    }


def folders(place: Place) -> set[str]:
    return {p.name for p in place.output.iterdir() if p.is_dir() and p != place.own}


def test_what_was_made_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    fill(place, FIRST)
    assert there(place) == FIRST
    assert os.readlink(place.output / "link") == "../somewhere"
    assert place.own.stat().st_mode & 0o777 == 0o700
    (place.output / "b" / "mine").write_text("mine")
    (place.output / "notes").write_text("mine too")
    fill(place, SECOND)
    assert there(place) == SECOND | {"b/mine": "mine", "notes": "mine too"}
    assert folders(place) == {"a", "b", "c"}


def test_a_file_that_was_changed_is_its_users_and_stays(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    fill(place, FIRST)
    (place.output / "b" / "three").write_text("my own words")
    fill(place, SECOND)
    assert there(place)["b/three"] == "my own words"


def test_what_is_in_the_way_is_named_before_anything_is_changed(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    fill(place, FIRST)
    (place.output / "page.html").write_text("mine")
    with pytest.raises(FacewatchError, match=r"did not make: page\.html"):
        fill(place, SECOND)
    assert there(place) == FIRST | {"page.html": "mine"}


def test_a_folder_of_others_is_refused_with_some_of_its_files(tmp_path: Path) -> None:
    for name in ("b", "a", "e", "d", "c"):
        (tmp_path / name).write_text(name)
    with pytest.raises(FacewatchError) as raised, Place(tmp_path, "cluster").claimed():
        pass
    assert raised.value.title.endswith("holds what this command did not make: a, b, c and 2 more.")
    assert len(list(tmp_path.iterdir())) == 5


def test_a_link_in_the_place_of_a_folder_leads_to_what_is_not_ours(tmp_path: Path) -> None:
    place, mine = Place(tmp_path / "out", "cluster"), tmp_path / "mine"
    fill(place, FIRST)
    (place.output / "b").rename(mine)  # of the same size and time as what was made
    (place.output / "b").symlink_to(mine)
    fill(place, SECOND)
    assert (mine / "three").read_text() == "3"
    assert there(place).keys() == SECOND.keys()
    assert (place.output / "b").is_symlink()


def test_what_another_command_made_is_not_ours(tmp_path: Path) -> None:
    fill(Place(tmp_path / "out", "cluster"), FIRST)
    other = Place(tmp_path / "out", "report")
    with pytest.raises(FacewatchError, match="did not make: "):
        fill(other, SECOND)
    assert there(other) == FIRST


@pytest.mark.parametrize("made", [[], ["lock"], ["lock", "cluster.new"]])
def test_a_run_that_was_stopped_as_it_began_is_no_hindrance(
    tmp_path: Path, made: list[str]
) -> None:
    place = Place(tmp_path / "out", "cluster")
    place.own.mkdir(parents=True)
    for name in made:
        (place.own / name).touch()
    fill(place, FIRST)
    assert there(place) == FIRST


def test_a_hidden_folder_of_others_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    (place.own / "new").mkdir(parents=True)
    with pytest.raises(FacewatchError, match=r"did not make: \.facewatchd"):
        fill(place, FIRST)
    assert (place.own / "new").is_dir()


def test_nobody_else_reads_what_was_made(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    before = os.umask(0o022)
    try:
        fill(place, FIRST)
    finally:
        os.umask(before)
    for folder in (place.output, place.output / "a"):
        assert folder.stat().st_mode & 0o777 == 0o750


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(FacewatchError), Place(tmp_path / "out", "cluster").claimed():
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_two_runs_do_not_fill_one_folder_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    with (
        place.claimed(),
        pytest.raises(FacewatchError, match="Another facewatchctl fills"),
        place.claimed(),
    ):
        pass
    fill(place, FIRST)


def test_a_damaged_manifest_is_no_licence_to_delete(tmp_path: Path) -> None:
    place = Place(tmp_path / "out", "cluster")
    fill(place, FIRST)
    (place.own / "cluster.json").write_text('[["a/one", "file"]]')
    with pytest.raises(FacewatchError, match="is damaged"):
        fill(place, SECOND)
    assert there(place) == FIRST


@pytest.mark.parametrize("name", ["rename", "unlink", "rmdir", "mkdir", "fsync", "replace"])
def test_after_a_stop_at_any_moment_the_next_run_makes_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stops = 0
    for moment in count(1):
        place = Place(tmp_path / f"{name}{moment}", "cluster")
        fill(place, FIRST)
        (place.output / "a" / "mine").write_text("mine")
        if not stopped_at(place, monkeypatch, name, moment):
            break
        stops += 1
        manifest = {entry[0] for entry in json.loads((place.own / "cluster.json").read_text())}
        assert there(place).keys() <= manifest | {"a/mine"}
        fill(place, SECOND)
        assert there(place) == SECOND | {"a/mine": "mine"}
        assert folders(place) == {"a", "c"}
    assert stops > 0


def stopped_at(place: Place, monkeypatch: pytest.MonkeyPatch, name: str, moment: int) -> bool:
    """Fill ``place`` anew, but stop before the call number ``moment`` of ``os.name``."""
    calls = count(1)
    real = getattr(os, name)

    def stopping(*args: object, **named: object) -> object:
        if next(calls) == moment:
            raise _Stopped
        return real(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, name, stopping)
        try:
            fill(place, SECOND)
        except _Stopped:
            return True
    return False
