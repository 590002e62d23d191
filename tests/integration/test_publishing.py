"""Who has a folder and what is in it, on a real disk."""

from __future__ import annotations

import os
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING

import pytest

from facewatchd.model import Candidate
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
    assert len(library.store.people.folders()) == 2  # and the number is kept for when it returns


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


def test_a_person_without_any_face_left_has_a_folder_without_a_cover(library: Library) -> None:
    fill(library)
    anna = who(library, 1)
    say(library, anna, name="Anna")
    with library.store.transaction():  # she is in the fifth photo, with no box said
        library.store._db.execute(
            "INSERT INTO present SELECT hash, ? FROM photos WHERE id = 5", [anna]
        )
    library.publish()
    for photo in (1, 2, 3, 4):
        library.remove(photo)
    library.publishing.touch_all()
    library.publish()
    assert library.tree()["Anna"] == {"5.jpg"}


# -- names


def say(library: Library, person: str, **changes: object) -> None:
    """Write down what the user said of ``person``, and have it published."""
    with library.store.transaction():
        for column, value in changes.items():
            library.store._db.execute(
                f"UPDATE people SET {column} = ? WHERE id = ?",  # noqa: S608 - names of this file
                [value, person],
            )
    library.publishing.touch([person])


def who(library: Library, photo: int) -> str:
    person = library.person_of(photo)
    assert person is not None
    return person


ANNA = {"1.jpg", "2.jpg", "3.jpg", "4.jpg"}
BERTA = {"5.jpg", "6.jpg", "7.jpg"}


def test_a_name_renames_the_folder_in_one_step_and_no_photo_is_ever_in_neither(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library)
    library.add((0.4, 0.0))
    library.publish()
    say(library, who(library, 1), name="Анна")
    seen = []

    def unlink(path: bytes, *, dir_fd: int) -> None:
        seen.append(library.tree())
        real(path, dir_fd=dir_fd)

    real = os.unlink
    monkeypatch.setattr("facewatchd.organise.tree.os.unlink", unlink)
    library.publish()
    assert len(seen) == 5  # four photos and a doubtful one
    for moment in seen:
        assert moment["Анна"] == ANNA
        assert moment["_doubtful/Анна"] == {"10.jpg"}
    assert library.tree() == {"Анна": ANNA, "_doubtful/Анна": {"10.jpg"}, "person_0002": BERTA}
    assert not (library.output / "person_0001").exists()
    assert (library.output / "Анна" / "1.jpg").resolve() == library.photos / "1.jpg"


def test_the_cover_is_made_anew_for_the_folder_of_the_name(library: Library) -> None:
    fill(library)
    library.publish()
    for cover in all_wanted(library):
        library.publishing.take_cover(cover, b"\xff\xd8\xff" + cover.hash)
    library.publish()
    say(library, who(library, 1), name="Anna")
    library.publish()
    (cover,) = all_wanted(library)
    library.publishing.take_cover(cover, b"\xff\xd8\xff" + cover.hash)
    library.publish()
    assert library.tree()["Anna"] == ANNA | {"cover.jpg"}
    assert library.publishing.conflicts == {}


def test_only_the_case_of_a_name_changes(library: Library) -> None:
    fill(library)
    say(library, who(library, 1), name="anna")
    library.publish()
    link = os.lstat(library.output / "anna" / "1.jpg")
    say(library, who(library, 1), name="Anna")
    library.publish()
    assert library.tree() == {"Anna": ANNA, "person_0002": BERTA}
    assert os.path.samestat(os.lstat(library.output / "Anna" / "1.jpg"), link)


def test_of_two_people_with_one_name_the_second_gets_a_number(library: Library) -> None:
    fill(library)
    library.publish()
    say(library, who(library, 5), name="Anna")
    library.publish()
    assert library.tree() == {"person_0001": ANNA, "Anna": BERTA}
    say(library, who(library, 1), name="ANNA")
    library.publish()
    assert library.tree() == {"ANNA": ANNA, "Anna (2)": BERTA}
    say(library, who(library, 1), name="Bea")
    library.publish()
    assert library.tree() == {"Bea": ANNA, "Anna": BERTA}


def test_two_people_exchange_their_names(library: Library) -> None:
    fill(library)
    for photo, name in ((1, "Anna"), (5, "Bea")):
        say(library, who(library, photo), name=name)
    library.publish()
    for photo, name in ((1, "Bea"), (5, "Anna")):
        say(library, who(library, photo), name=name)
    library.publish()
    assert library.tree() == {"Bea": ANNA, "Anna": BERTA}
    assert library.publishing.conflicts == {}


def test_a_folder_of_the_users_with_the_name_is_used_and_never_removed(library: Library) -> None:
    fill(library)
    library.publish()
    mine = library.output / "Anna" / "1.jpg"
    mine.parent.mkdir()
    mine.write_text("mine")
    say(library, who(library, 1), name="Anna")
    library.publish()
    assert library.tree()["Anna"] == ANNA
    assert mine.read_text() == "mine"
    assert list(library.publishing.conflicts) == [b"Anna/1.jpg"]
    say(library, who(library, 1), name=None)
    library.publish()
    assert library.tree() == {"person_0001": ANNA, "Anna": {"1.jpg"}, "person_0002": BERTA}


def test_a_file_with_the_name_stays_and_is_told_until_it_is_moved_away(library: Library) -> None:
    fill(library)
    library.publish()
    mine = library.output / "Anna"
    mine.write_text("mine")
    say(library, who(library, 1), name="Anna")
    library.publish()
    assert mine.read_text() == "mine"
    assert b"Anna" in library.publishing.conflicts
    mine.unlink()
    library.publishing.touch_all()
    library.publish()
    assert library.tree() == {"Anna": ANNA, "person_0002": BERTA}
    assert library.publishing.conflicts == {}


def test_a_folder_with_a_file_of_the_users_stays_when_its_person_gets_a_name(
    library: Library,
) -> None:
    fill(library)
    library.publish()
    (library.output / "person_0001" / "notes.txt").write_text("mine")
    say(library, who(library, 1), name="Anna")
    library.publish()
    assert library.tree()["Anna"] == ANNA
    assert library.tree()["person_0001"] == {"notes.txt"}
    assert list(library.publishing.conflicts) == [b"person_0001"]


@pytest.mark.parametrize("gone", [{"hidden": 1}, {"into_person": "somebody"}])
def test_who_is_hidden_or_merged_has_no_folder_and_doubt_goes_to_the_next(
    library: Library, gone: dict[str, object]
) -> None:
    fill(library)
    library.recluster()
    doubtful = library.add((0.4, 0.0))
    near, other = who(library, 1), who(library, 5)
    (face,) = [
        row[0]
        for row in library.store._db.execute("SELECT id FROM faces WHERE photo = ?", [doubtful])
    ]
    with library.store.transaction():
        library.store.faces.doubt(face, [Candidate(near, 0.6), Candidate(other, 0.55)])
    library.publish()
    assert library.tree()["_doubtful/person_0001"] == {"10.jpg"}
    say(library, near, **gone)
    library.publish()
    assert library.tree() == {"person_0002": BERTA, "_doubtful/person_0002": {"10.jpg"}}
    say(library, near, **dict.fromkeys(gone, None) | ({"hidden": 0} if "hidden" in gone else {}))
    library.publish()
    assert library.tree() == {
        "person_0001": ANNA,
        "person_0002": BERTA,
        "_doubtful/person_0001": {"10.jpg"},
    }


def test_a_named_person_has_a_folder_from_one_photo_on(library: Library) -> None:
    fill(library)
    library.publish()
    say(library, who(library, 8), name="Cleo")
    library.publish()
    assert library.tree()["Cleo"] == {"8.jpg", "9.jpg"}
    library.remove(8)
    library.publish()
    assert library.tree()["Cleo"] == {"9.jpg"}
    say(library, who(library, 9), name=None)
    library.publish()
    assert library.tree() == {"person_0001": ANNA, "person_0002": BERTA}


def test_a_name_that_is_taken_back_gives_the_number_back(library: Library) -> None:
    fill(library)
    library.publish()
    before = library.tree()
    say(library, who(library, 1), name="Anna")
    library.publish()
    say(library, who(library, 1), name=None)
    library.publish()
    assert library.tree() == before


def test_any_name_is_a_folder_on_this_disk(library: Library) -> None:
    fill(library)
    for name, folder in (
        ("CON", "CON_"),
        ("../../etc", "_.._etc"),
        ("李小龍", "李小龍"),
        ("דנה", "דנה"),
        ("\N{FAMILY}" * 100, "\N{FAMILY}" * 63),
        ("_doubtful", "_doubtful (2)"),
        ("cover.jpg", "cover.jpg"),
    ):
        say(library, who(library, 1), name=name)
        library.publish()
        assert library.tree() == {folder: ANNA, "person_0002": BERTA}
    assert library.publishing.conflicts == {}


def test_after_names_have_changed_at_random_the_tree_is_that_of_a_new_output(
    library: Library, tmp_path: Path
) -> None:
    fill(library)
    library.add((0.4, 0.0))
    library.publish()
    chance = Random(7)
    for _ in range(25):
        for photo in chance.sample([1, 5, 8], 2):
            name = chance.choice(["Anna", "anna", "Anna (2)", "person_0002", None])
            say(library, who(library, photo), name=name, hidden=chance.choice([0, 0, 0, 1]))
        library.publish()
    step_by_step = library.tree()
    assert library.publishing.conflicts == {}
    library.close()
    with closing(Library(tmp_path, output=tmp_path / "elsewhere")) as other:
        other.output = tmp_path / "elsewhere"
        other.store._db.execute("DELETE FROM links")
        other.publishing.start()
        other.publish()
        assert other.tree() == step_by_step


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
