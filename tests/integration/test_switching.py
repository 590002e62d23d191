"""What a second reading finds, taken into the library: who each face is, and what waits."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.config import load
from facewatchd.errors import ApiError, PluginError, StoreError
from facewatchd.model import Box, EngineId, Setup
from facewatchd.pipeline.adopting import adopt
from facewatchd.pipeline.engine import check_installed, difference, resolve, scale_of
from facewatchd.store import Store, reading
from tests.support.library import ENGINE, Library
from tests.support.switching import (
    ELSEWHERE,
    FIRST,
    NEW_A,
    NEW_B,
    NEW_C,
    OTHER,
    OTHER_SCALE,
    SECOND,
    photo_with,
    read_again,
    switch,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.config import Settings

A, B = (0.0, 0.0), (1.0, 0.0)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with closing(Library(tmp_path)) as made:
        yield made


def near(place: tuple[float, float], number: int) -> tuple[float, float]:
    return place[0] + 0.01 * number, place[1]


def two_people(library: Library) -> tuple[list[int], list[int]]:
    ann = [library.add(near(A, i)) for i in range(4)]
    bob = [library.add(near(B, i)) for i in range(4)]
    library.recluster()
    library.publish()
    library.store.engines.begin(OTHER)
    return ann, bob


def test_a_face_that_is_found_again_stays_with_its_person(library: Library) -> None:
    ann, bob = two_people(library)
    before = {photo: library.person_of(photo) for photo in ann + bob}
    covers = [library.store.people.cover(person) for person in set(before.values()) if person]
    tree = library.tree()
    for photo in ann:
        read_again(library, photo, (Box(1, 1, 10, 10), NEW_A))
    for photo in bob:
        read_again(library, photo, (FIRST, NEW_B))
    assert switch(library) == (8, 8, 0, 0)
    assert {photo: library.person_of(photo) for photo in ann + bob} == before
    assert {face.shape for _, _, _, face in library.store.faces.given_in(ann[0])} == {(3,)}
    assert [library.store.people.cover(p) for p in set(before.values()) if p] == covers
    library.publish()
    assert {f: {n for n in names if n != "cover.jpg"} for f, names in library.tree().items()} == {
        f: {n for n in names if n != "cover.jpg"} for f, names in tree.items()
    }
    library.recluster()
    assert {photo: library.person_of(photo) for photo in ann + bob} == before


def test_a_new_face_is_assigned_by_the_new_looks(library: Library) -> None:
    ann, bob = two_people(library)
    for photo in ann[1:]:
        read_again(library, photo, (FIRST, NEW_A))
    for photo in bob:
        read_again(library, photo, (FIRST, NEW_B))
    person = library.person_of(ann[1])
    read_again(library, ann[0], (FIRST, NEW_A), (SECOND, NEW_B), (ELSEWHERE, NEW_C))
    assert switch(library) == (8, 8, 2, 0)
    library.recluster()
    given = {p for _, p, _, _ in library.store.faces.given_in(ann[0])}
    assert given == {person, library.person_of(bob[0])}
    assert library.store.faces.count() == 10


def test_nobody_gets_two_faces_of_one_photo(library: Library) -> None:
    ann, bob = two_people(library)
    for photo in ann:
        read_again(library, photo, (FIRST, NEW_A), (ELSEWHERE, NEW_A))
    for photo in bob:
        read_again(library, photo, (FIRST, NEW_B))
    switch(library)
    library.recluster()
    assert [len(library.store.faces.given_in(photo)) for photo in ann] == [1, 1, 1, 1]


def test_a_face_that_is_not_found_again_goes_and_a_person_without_any(library: Library) -> None:
    ann, bob = two_people(library)
    person = library.person_of(bob[0])
    assert person is not None
    for photo in ann:
        read_again(library, photo, (FIRST, NEW_A))
    for photo in bob:
        read_again(library, photo)
    assert switch(library) == (8, 4, 0, 4)
    assert library.store.faces.count() == 4
    assert not library.store.faces.has_faces(person)
    assert {look.person for look in library.store.people.looks()} == {library.person_of(ann[0])}


def test_photos_that_were_not_read_keep_their_people_and_are_compared_with_nothing(
    library: Library,
) -> None:
    ann, bob = two_people(library)
    before = {photo: library.person_of(photo) for photo in ann + bob}
    for photo in ann:
        read_again(library, photo, (FIRST, NEW_A))
    switch(library)
    assert {photo: library.person_of(photo) for photo in ann + bob} == before
    assert library.store.faces.all().encodings.shape == (4, 3)
    assert {look.person for look in library.store.people.looks()} == {before[ann[0]]}
    with reading(library.store.path) as views:
        assert views.read_by_others() == 4
    for _ in range(2):
        library.recluster()
        library.publish()
        assert {photo: library.person_of(photo) for photo in ann + bob} == before
        folders = {name for name in library.tree() if name.startswith("person")}
        assert folders == {"person_0001", "person_0002"}


def test_a_photo_that_comes_back_follows_with_its_person(library: Library) -> None:
    ann, bob = two_people(library)
    before = {photo: library.person_of(photo) for photo in ann + bob}
    for photo in ann:
        read_again(library, photo, (FIRST, NEW_A))
    switch(library)
    for photo in bob:
        read_again(library, photo, (FIRST, NEW_B))
    with library.store.transaction():
        assert adopt(library.store, library.placing, anew=False) == (4, 4, 0, 0)
    assert {photo: library.person_of(photo) for photo in ann + bob} == before
    assert [len(library.store.people.looks_of(p)) for p in set(before.values()) if p] == [1, 1]
    assert library.store.faces.all().encodings.shape == (8, 3)
    assert not library.store.rereading.has_read()
    library.recluster()
    assert {photo: library.person_of(photo) for photo in ann + bob} == before


def test_an_abort_deletes_what_was_found_and_changes_nothing_else(library: Library) -> None:
    ann, bob = two_people(library)
    before = {photo: library.person_of(photo) for photo in ann + bob}
    marker = (0.123456, 0.654321, 0.777777)
    for photo in ann:
        read_again(library, photo, (FIRST, marker))
    library.store.engines.abort()
    assert library.store.engines.switch is None
    assert not library.store.rereading.has_read()
    assert library.store.rereading.to_read(1) == []
    assert library.store.engines.current == ENGINE
    assert {photo: library.person_of(photo) for photo in ann + bob} == before
    path = library.store.path
    library.grouping.close()
    library.store.close()
    assert np.array(marker, "<f4").tobytes() not in path.read_bytes()
    library.store = Store(path)


def test_boxes_are_kept_as_the_photo_lies_though_a_turned_file_was_read(library: Library) -> None:
    photo = library.add(A)
    found = photo_with((Box(10, 20, 30, 50), NEW_A), orientation=6)  # 100 wide, 80 high
    library.store.rereading.put(photo, found, found.faces)
    [face] = library.store.rereading.new_faces([photo])[photo]
    assert face.box == Box(20, 70, 50, 90)


def test_photos_are_read_again_newest_first_and_not_from_places_that_are_away(
    library: Library,
) -> None:
    old, new, middle = (library.add(A, captured=at) for at in (1.0, 9.0, 5.0))
    library.store.engines.begin(OTHER)
    assert [task.photo for task in library.store.rereading.to_read(9)] == [new, middle, old]
    assert library.store.rereading.to_read(9, outside={bytes(library.photos)}) == []
    library.store.rereading.tried(new)
    library.store.rereading.tried(new)
    assert [task.photo for task in library.store.rereading.to_read(9)] == [middle, old]
    library.store.engines.retry()
    assert [task.photo for task in library.store.rereading.to_read(9)] == [new, middle, old]


def test_every_look_of_before_has_one_of_the_same_faces_after(library: Library) -> None:
    places = [near(A, i) for i in range(3)] + [(0.48, 0.01 * i) for i in range(3)]
    photos = [library.add(place) for place in places]
    library.recluster()
    person = library.person_of(photos[0])
    assert person is not None
    before = library.store.people.looks_of(person)
    assert len(before) == 3, "all of them, and two tight groups"
    library.store.engines.begin(OTHER)
    for photo, there in zip(photos, [NEW_A] * 3 + [NEW_B] * 3, strict=True):
        read_again(library, photo, (FIRST, there))
    switch(library)
    centroids = {
        tuple(np.round(look.centroid, 6).tolist()): look.count
        for look in library.store.people.looks()
    }
    assert centroids == {(0.5, 0.5, 0.0): 6, NEW_A: 3, NEW_B: 3}


# -- which engine is meant


def settings(tmp_path: Path, **more: object) -> Settings:
    made = {"roots": [{"path": tmp_path / "p"}], "output": tmp_path / "o", "state": tmp_path / "s"}
    return load(None, {**made, **more})


def test_the_users_thresholds_are_for_the_engine_they_were_written_for(tmp_path: Path) -> None:
    dlib = EngineId("hog", "dlib", "1")
    given = settings(tmp_path, similarity=0.6, recluster={"eps": 0.3})
    with closing(Store(tmp_path / "dlib.db", dlib)) as store:
        scale = scale_of(dlib, given, store)
        assert (scale.similarity, scale.eps, scale.merge) == (0.6, 0.3, 0.4)
        other = settings(tmp_path, similarity=0.6, engine={"encoder": "arcface"})
        assert scale_of(dlib, other, store).similarity == 0.68
    with closing(Store(tmp_path / "other.db", OTHER)) as store:
        assert scale_of(dlib, given, store).similarity == 0.68, "switched to it, and not named"
        named = settings(tmp_path, similarity=0.6, engine={"encoder": "dlib"})
        assert scale_of(dlib, named, store).similarity == 0.6


def test_another_engine_in_the_configuration_is_said_in_one_sentence(tmp_path: Path) -> None:
    current = EngineId("hog", "dlib", "1")
    assert difference(current, settings(tmp_path)) is None
    named = settings(tmp_path, engine={"detector": "mtcnn"})
    sentence = difference(current, named)
    assert sentence is not None
    assert "names mtcnn+dlib; the library is encoded by hog+dlib" in sentence
    assert sentence.endswith("facewatchctl engine switch mtcnn+dlib")


def test_one_name_stands_for_a_detector_or_an_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = str(__file__).replace("integration/test_switching.py", "plugins")
    monkeypatch.syspath_prepend(plugins)
    current = EngineId("hog", "dlib", "1")
    assert resolve("tiny", current, Setup()) == EngineId("hog", "tiny", "1")
    assert resolve("hog+tiny", current, Setup()) == EngineId("hog", "tiny", "1")
    assert resolve("rogue", current, Setup()) == EngineId("rogue", "dlib", "1")
    with pytest.raises(ApiError, match=r"encoded by hog\+dlib already"):
        resolve("hog", current, Setup())
    with pytest.raises(ApiError, match="no encoder named 'nobody'"):
        resolve("nobody", current, Setup())


def test_a_library_whose_engine_is_not_installed_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no encoder named 'gone'"):
        check_installed(EngineId("hog", "gone", "1"), tmp_path, Setup())
    with pytest.raises(StoreError, match=r"encoded by dlib/0; installed is dlib/1"):
        check_installed(EngineId("hog", "dlib", "0"), tmp_path, Setup())


def test_a_library_with_a_scale_of_cosines_is_clustered_by_it(tmp_path: Path) -> None:
    with closing(Library(tmp_path)) as library:
        library.engine = OTHER
        library.store.engines.make_current(OTHER)
        scale = replace(OTHER_SCALE, eps=0.5, merge=0.6)
        library.placing.scale = scale
        library.grouping.use(scale)
        angles = [0.0, 0.1, 0.2, 1.5, 1.6, 0.8]  # radians: two groups, and one at cosine 0.76
        photos = [library.add((float(np.cos(a)), float(np.sin(a)))) for a in angles]
        library.recluster()
        people = [library.person_of(photo) for photo in photos]
        assert people[0] == people[1] == people[2] == people[5]
        assert people[3] == people[4] != people[0]
