"""Who has a folder and what is in it, on a real disk."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.model import CropFace

A, B = (0.0, 0.0), (5.0, 5.0)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        made.photos.mkdir()
        yield made


def all_wanted(library: Library) -> list[CropFace]:
    return list(iter(library.publishing.wanted_cover, None))


def fill(library: Library) -> None:
    """Four photos of one person, three of another, two of a third."""
    for place, count in ((A, 4), (B, 3), ((9.0, 0.0), 2)):
        for i in range(count):
            library.add((place[0] + 0.01 * i, place[1]))
    library.recluster()


def test_people_with_enough_photos_have_folders_the_largest_first(library: Library) -> None:
    fill(library)
    library.publish()
    assert library.tree() == {
        "person_0001": {"1.jpg", "2.jpg", "3.jpg", "4.jpg"},
        "person_0002": {"5.jpg", "6.jpg", "7.jpg"},
    }
    link = library.output / "person_0001" / "1.jpg"
    assert os.readlink(link) == "../../photos/1.jpg"


def test_a_photo_that_arrives_is_linked_at_once(library: Library) -> None:
    fill(library)
    library.publish()
    library.add((0.02, 0.01))
    library.publish()
    assert "10.jpg" in library.tree()["person_0001"]


def test_a_third_photo_makes_a_folder(library: Library) -> None:
    fill(library)
    library.publish()
    library.add((9.0, 0.01))
    library.publish()
    assert library.tree()["person_0003"] == {"8.jpg", "9.jpg", "10.jpg"}


def test_the_frames_of_a_burst_make_no_folder(library: Library) -> None:
    fill(library)
    library.publish()
    library.add(
        (9.0, 0.01), captured=3600.0 * 9 + 1
    )  # within 2 s of the ninth photo, and just alike
    library.publish()
    assert "person_0003" not in library.tree()
    library.add((9.0, 0.02), captured=1e6)
    library.publish()
    assert len(library.tree()["person_0003"]) == 4


def test_a_doubtful_face_is_shown_below_its_likeliest_person(library: Library) -> None:
    fill(library)
    library.add((0.4, 0.0))
    library.publish()
    assert library.tree()["_doubtful/person_0001"] == {"10.jpg"}


def test_a_deleted_photo_loses_its_link_and_a_small_person_the_folder(library: Library) -> None:
    fill(library)
    library.publish()
    library.remove(5)
    library.publish()
    assert "person_0002" not in library.tree()
    assert not (library.output / "person_0002").exists()
    assert library.store.people.numbers()  # and the number is kept for when it returns


def test_the_cover_is_asked_for_once_and_written_when_it_comes(library: Library) -> None:
    fill(library)
    library.publish()
    covers = all_wanted(library)
    assert len(covers) == 2
    assert all_wanted(library) == []
    for cover in covers:
        library.publishing.take_cover(cover, b"\xff\xd8\xff" + cover.hash)
    library.publish()
    assert "cover.jpg" in library.tree()["person_0001"]
    assert library.publishing.idle
    library.publishing.touch_all()
    library.publish()
    assert all_wanted(library) == []


def test_the_cover_is_the_best_face_near_the_centroid(library: Library) -> None:
    for i in range(4):
        library.add((0.01 * i, 0.0), quality=0.9 if i == 1 else 0.3)
    library.add((0.3, 0.0), quality=1.0)  # sharp, and hardly this person
    library.recluster()
    library.publish()
    (cover,) = all_wanted(library)
    assert cover.stat.path.endswith(b"/2.jpg")


def test_what_is_not_ours_stays_and_is_told(library: Library) -> None:
    theirs = library.output / "person_0001" / "1.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    fill(library)
    library.publish()
    assert theirs.read_text() == "mine"
    assert list(library.publishing.conflicts) == [b"person_0001/1.jpg"]
    assert "2.jpg" in library.tree()["person_0001"]


def test_an_output_that_cannot_be_written_is_told_and_tried_again(library: Library) -> None:
    library.output.write_text("in the way")
    fill(library)
    library.publish()
    assert str(library.output) in str(library.publishing.error)
    library.output.unlink()
    library.publish()
    assert library.publishing.error is None
    assert "person_0001" in library.tree()


def test_another_output_gets_the_whole_tree_and_the_old_one_stays(
    library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(library)
    library.publishing.start()
    library.publish()
    library.close()
    with closing(Library(tmp_path, output=tmp_path / "elsewhere")) as other:
        other.output = tmp_path / "elsewhere"
        other.publishing.start()
        other.publish()
        assert other.tree() == library.tree()
    assert str(library.output) in caplog.text


def test_a_link_that_somebody_deleted_is_made_again_after_a_restart(library: Library) -> None:
    fill(library)
    library.publish()
    (library.output / "person_0001" / "1.jpg").unlink()
    library.publishing.start()
    library.publishing.touch_all()
    library.publish()
    assert "1.jpg" in library.tree()["person_0001"]
