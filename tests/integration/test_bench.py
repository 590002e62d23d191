"""What `facewatchctl bench` measures of few photos, broken photos and broken plugins."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd import config
from facewatchd.batch import bench
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from facewatchd.batch.bench import Measured

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def folder(tmp_path: Path, photos: Path) -> Path:
    """Return a folder with four photos, of two of which half is missing, and a text."""
    made = tmp_path / "photos"
    made.mkdir()
    for name in ("bbt1.jpg", "bbt2.jpg", "bbt3.jpg", "bbt4.jpg"):
        shutil.copyfile(photos / "bbt" / name, made / name)
    for name in ("bbt1.jpg", "bbt2.jpg"):
        (made / name).write_bytes((made / name).read_bytes()[:50_000])
    (made / "notes.txt").write_text("no photo")
    return made


def measured(folder: Path, **settings: object) -> Measured:
    roots = {"roots": [{"path": str(folder)}], "output": str(folder.parent / "people")}
    state = {"state": str(folder.parent / "state")}
    return bench.measure(
        bench.sample([folder], bench.PHOTOS), config.load(None, {**roots, **state, **settings})
    )


def test_the_photos_that_can_be_read_are_measured_by_as_many_workers_as_they_give_work(
    folder: Path,
) -> None:
    found = measured(folder, workers=4)
    assert (found.workers, found.photos) == (1, 2)
    assert found.faces >= 2
    assert 0 < found.each < found.first
    assert all(seconds > 0 for seconds in found.stages)
    reasons = {Path(each.path.decode()).name: each.reason for each in found.failed}
    assert reasons.keys() == {"bbt1.jpg", "bbt2.jpg"}
    assert all("truncated" in reason for reason in reasons.values())
    said = bench.in_words(found)
    assert said[-3] == "2 could not be read:"
    assert all(str(each) in said for each in found.failed)


def test_nothing_is_kept_of_the_engine(folder: Path) -> None:
    measured(folder)
    assert {path.name for path in folder.parent.iterdir()} == {"photos"}


@pytest.mark.parametrize(
    ("left", "title"),
    [
        (("bbt3.jpg",), "1 photo could be read; it takes 2 to measure."),
        (("bbt1.jpg",), "No photo could be read; it takes 2 to measure.\n1 could not be read:\n"),
        (("bbt1.jpg", "bbt3.jpg"), "1 photo could be read; it takes 2 to measure.\n1 could not "),
    ],
)
def test_too_few_photos_are_an_error_that_names_what_failed(
    folder: Path, left: tuple[str, ...], title: str
) -> None:
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    with pytest.raises(FacewatchError) as caught:
        measured(folder)
    assert caught.value.title.startswith(title)
    assert ("bbt1.jpg': The file is truncated" in caught.value.title) == ("bbt1.jpg" in left)
    assert caught.value.remedy == "Name a folder with more photos: facewatchctl bench FOLDER"


@pytest.mark.parametrize(
    ("detector", "words"),
    [
        ("raises-at-construction", "The detector 'raises-at-construction' failed: KeyError"),
        ("raises", "The detector 'raises' failed: IndexError: "),
    ],
)
def test_a_broken_plugin_is_one_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, detector: str, words: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))  # of the workers
    monkeypatch.syspath_prepend(str(PLUGINS))
    with pytest.raises(FacewatchError) as caught:
        measured(folder, engine={"detector": detector, "encoder": "plain"})
    assert words in caught.value.title
