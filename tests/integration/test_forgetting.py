"""Forgetting in a library: what goes, what stays, and that a start keeps what was promised."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.decisions import Decision, Kind, Spoken
from facewatchd.errors import NotFoundError
from facewatchd.journal import Journal
from facewatchd.model import (
    Box,
    CaptureDate,
    DateSource,
    EngineId,
    Face,
    PhotoResult,
    Quality,
)
from facewatchd.pipeline.forgetting import What
from tests.support.library import Library

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.decisions import Spot
    from facewatchd.store import Store

ANN = [(0.0123, 0.0456), (0.0223, 0.0456), (0.0123, 0.0556)]
BEN = [(2.0123, 2.0456), (2.0223, 2.0456), (2.0123, 2.0556)]
NAME = "Xq7 Ünïcode Zebra"


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library(tmp_path)
    for place in (*ANN, *BEN):
        library.add(place)
    library.found([1, 2, 3], [4, 5, 6])
    library.publish()
    yield library
    library.close()


def who(library: Library, face: int) -> str:
    owner = library.store.decisions.spots([face])[face].owner
    assert owner is not None
    return owner


def finish(library: Library) -> None:
    """Let the tree be made and the traces go."""
    library.publish()
    library.clock.now += 120
    library.traces.step()


def everything(folder: Path) -> bytes:
    """Return all bytes of all files, and all names of files and folders."""
    paths = [path for path in folder.rglob("*") if folder / "photos" not in path.parents]
    names = b"\n".join(bytes(path.relative_to(folder)) for path in paths)
    return names + b"".join(path.read_bytes() for path in paths if path.is_file())


def forms(name: str) -> set[bytes]:
    """Return the bytes that may stand for a name."""
    texts = {name, name.casefold(), name.upper(), json.dumps(name)[1:-1]}
    return {t.encode(code) for t in texts for code in ("utf-8", "utf-16-le", "utf-16-be")}


def bytes_of(*encodings: tuple[float, float]) -> set[bytes]:
    faces = np.array(encodings, np.float32)
    middle = faces.astype(np.float64).mean(axis=0)
    return {face.astype(kind).tobytes() for face in (*faces, middle) for kind in ("<f4", "<f8")}


def found(data: bytes, wanted: set[bytes]) -> set[bytes]:
    return {each for each in wanted if each in data}


def test_no_byte_of_a_forgotten_person_is_left(library: Library, tmp_path: Path) -> None:
    ann = who(library, 1)
    library.saying.name(ann, NAME)
    library.publish()
    before = everything(tmp_path)
    assert found(before, {NAME.encode()})
    assert len(found(before, bytes_of(*ANN))) >= len(ANN)
    told = library.forgetting.forget(What(person=NAME))
    assert (told["faces"], told["photos"], told["names"]) == (3, 3, [NAME])
    finish(library)
    assert library.traces.look.done
    left = everything(tmp_path)
    assert not found(left, forms(NAME))
    assert not found(left, bytes_of(*ANN))
    assert len(found(left, bytes_of(*BEN))) >= len(BEN)
    with pytest.raises(NotFoundError):
        library.saying.person(ann)


def test_who_was_merged_into_a_person_goes_too(library: Library, tmp_path: Path) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ben, NAME)
    library.saying.merge(ann, ben, NAME)
    told = library.forgetting.forget(What(person=ann))
    assert (told["faces"], told["people"]) == (6, 2)
    finish(library)
    assert library.store.faces.count() == 0
    assert library.store.people.folders() == {}
    assert not found(everything(tmp_path), forms(NAME) | bytes_of(*ANN, *BEN))
    assert library.tree() == {}


def test_a_forgotten_face_leaves_its_person_without_it(library: Library, tmp_path: Path) -> None:
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    library.forgetting.forget(What(face=1))
    finish(library)
    assert library.store.who.faces_of(ann) == [2, 3]
    assert not found(everything(tmp_path), bytes_of(ANN[0]))
    (look,) = library.store.people.looks_owned(ann)
    assert look.centroid[:2] == pytest.approx(np.mean(ANN[1:], axis=0), abs=1e-6)
    assert library.saying.person("Ann") == ann


def test_a_forgotten_photo_shows_nobody_and_its_file_is_not_pending(library: Library) -> None:
    path = bytes(library.photos / "1.jpg")
    picture = library.store.who.picture(path)
    assert picture is not None
    library.forgetting.forget(What(photo=path))
    assert library.store.photos.of_picture(picture.hash) is None
    assert library.deciding.said.forgotten_photos == {picture.hash}
    assert library.store.files.pending(9) == []
    assert library.store.who.picture(path) is None
    assert library.store.faces.count() == 5


def test_the_preview_changes_nothing(library: Library) -> None:
    library.saying.name(who(library, 1), NAME)
    before = library.store.changes, library.deciding.last
    told = library.forgetting.preview(What(person=NAME))
    assert (told["faces"], told["decisions"]) == (3, 1)
    assert (library.store.changes, library.deciding.last) == before


@pytest.mark.parametrize("what", [What(person="nobody"), What(photo=b"/no"), What(face=99)])
def test_what_is_not_there_cannot_be_forgotten(library: Library, what: What) -> None:
    with pytest.raises(NotFoundError):
        library.forgetting.forget(what)
    assert library.deciding.last == 0


def test_a_forgotten_person_does_not_come_back_by_a_clustering(library: Library) -> None:
    ann = who(library, 1)
    library.saying.name(ann, NAME)
    library.grouping.request()
    library.grouping.step(backlog=False)
    running = library.grouping.connections()
    assert running
    library.forgetting.forget(What(person=ann))
    assert library.grouping.connections() == []
    library.recluster()
    faces = library.store.faces.all()
    assert faces.ids.tolist() == [4, 5, 6]
    assert ann not in faces.persons


def test_it_cannot_be_undone_and_undoing_others_brings_nothing_back(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, NAME)
    library.saying.name(ben, "Ben")
    library.saying.ignore([1, 4])
    library.forgetting.forget(What(person=NAME))
    library.saying.undo()
    library.saying.undo()
    assert library.store.who.called(NAME) == []
    assert library.store.faces.all().ids.tolist() == [1, 4, 5, 6]


@pytest.fixture
def promised(library: Library, tmp_path: Path) -> Path:
    """Return the folder of a library whose daemon was killed when it had promised to forget."""
    ann, ben = who(library, 1), who(library, 4)
    library.saying.name(ann, NAME)
    library.saying.ignore([4])
    library.saying.assign([4], ben)
    library.publish()
    spots = [at.spot for at in library.store.decisions.of_owner(ann)]
    journal = Journal([tmp_path / "state", tmp_path / "copies"], None)
    journal.read()
    journal.append(_forget(library, ann, spots))
    library.close()
    return tmp_path


def _forget(library: Library, person: str, spots: list[Spot]) -> Decision:
    faces = tuple(Spoken(spot) for spot in spots)
    number = library.deciding.last + 1
    return Decision("f" * 32, number, 1e9, Kind.FORGET, person=person, faces=faces)


def test_the_next_start_keeps_the_promise(promised: Path) -> None:
    again = Library(promised)
    try:
        assert again.store.faces.all().ids.tolist() == [4, 5, 6]
        finish(again)
        assert again.traces.look.done
        left = everything(promised)
        assert not found(left, forms(NAME) | bytes_of(*ANN))
        assert len(found(left, bytes_of(*BEN))) >= len(BEN)
        assert again.traces.removed_until == again.deciding.last
    finally:
        again.close()


def test_an_old_store_that_is_put_back_is_forgotten_anew(library: Library, tmp_path: Path) -> None:
    library.saying.name(who(library, 1), NAME)
    old = tmp_path / "old.db"
    library.store._db.execute("VACUUM INTO ?", [str(old)])
    library.forgetting.forget(What(person=NAME))
    finish(library)
    library.close()
    old.replace(tmp_path / "store.db")
    again = Library(tmp_path)
    try:
        finish(again)
        assert again.traces.look.done
        assert not found(everything(tmp_path), forms(NAME) | bytes_of(*ANN))
    finally:
        again.close()


def test_a_copy_of_the_journal_out_of_reach_is_named(library: Library, tmp_path: Path) -> None:
    library.saying.name(who(library, 1), NAME)
    copies = tmp_path / "copies"
    copies.rename(tmp_path / "unplugged")
    copies.symlink_to(tmp_path / "unplugged")
    library.forgetting.forget(What(person=NAME))
    finish(library)
    look = library.traces.look
    assert look.done
    assert any(str(copies) in sentence for sentence in look.left)


def test_a_reader_delays_the_scrubbing_of_the_store(library: Library, tmp_path: Path) -> None:
    library.saying.name(who(library, 1), NAME)
    reader = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM people").fetchall()
    library.store._db.execute("PRAGMA busy_timeout = 10")
    library.forgetting.forget(What(person=NAME))
    finish(library)
    assert library.traces.look.waits
    assert found(everything(tmp_path), {NAME.encode()})
    reader.close()
    finish(library)
    assert library.traces.look.done
    assert not found(everything(tmp_path), forms(NAME) | bytes_of(*ANN))


def test_a_former_engines_look_of_a_face_that_went_is_emptied(library: Library) -> None:
    ann = who(library, 1)
    store: Store = library.store
    (look,) = store.people.looks_of(ann)
    store._db.execute("UPDATE looks SET engine = 'old/1' WHERE id = ?", [look])
    store._db.execute("UPDATE faces SET engine = 'old/1' WHERE look = ?", [look])
    library.forgetting.forget(What(face=1))
    ((centroid, count),) = store._db.execute(
        "SELECT centroid, count FROM looks WHERE id = ?", [look]
    ).fetchall()
    assert (centroid, count) == (b"", 0)


def test_what_a_second_engine_has_found_there_goes_too(library: Library) -> None:
    store, second = library.store, EngineId("any", "second", "1")
    with store.transaction():
        store.engines.begin(second)
        for photo, place in ((1, ANN[0]), (4, BEN[0])):
            quality = Quality(0.5, 0.5, 0.5)
            face = Face(Box(0, 0, 9, 8), quality, np.array(place, np.float32))
            date = CaptureDate(0.0, DateSource.EXIF)
            result = PhotoResult(photo.to_bytes(16, "big"), 9, 9, date, (face,))
            store.rereading.put(photo, result, result.faces)
    library.forgetting.forget(What(person=who(library, 1)))
    left = store.rereading.new_faces([1, 4])
    assert {photo: len(faces) for photo, faces in left.items()} == {1: 0, 4: 1}


def test_somebody_without_a_name_can_be_forgotten(library: Library) -> None:
    ann = who(library, 1)
    told = library.forgetting.forget(What(person=ann))
    assert (told["faces"], told["names"], told["decisions"]) == (3, [], 0)
    assert library.store.faces.all().ids.tolist() == [4, 5, 6]


def test_a_face_that_may_be_a_forgotten_person_has_other_candidates(library: Library) -> None:
    ann, ben = who(library, 1), who(library, 4)
    library.add((0.4, 0.05))
    assert library.candidates(7) == [ann]
    library.forgetting.forget(What(person=ann))
    assert library.candidates(7) == []
    assert library.store.people.is_known(ben)


def test_a_cover_that_is_forgotten_gives_way_to_another_face(library: Library) -> None:
    ann = who(library, 1)
    library.saying.name(ann, "Ann")
    library.saying.cover(ann, 1)
    library.store.people.set_cover(ann, 1)
    library.publish()
    library.forgetting.forget(What(face=1))
    assert library.store.people.cover(ann) is None
    library.publish()
    assert library.store.people.cover(ann) in {2, 3}


def test_who_was_split_from_a_forgotten_person_keeps_face_and_name(library: Library) -> None:
    ann = who(library, 1)
    other = str(library.saying.split(ann, [1]).other)
    library.saying.name(other, "Zoe")
    library.forgetting.forget(What(person=ann))
    assert library.store.who.faces_of(other) == [1]
    assert library.saying.person("Zoe") == other
    library.close()
    again = Library(library.photos.parent)
    assert again.saying.person("Zoe") == other
    assert again.store.decisions.kept() == {other}
    again.close()


def test_a_tree_that_cannot_be_made_delays_the_end_and_is_told(
    library: Library, tmp_path: Path
) -> None:
    library.saying.name(who(library, 1), NAME)
    library.publish()
    library.output.rename(tmp_path / "unplugged")
    library.output.write_text("no folder")
    library.forgetting.forget(What(person=NAME))
    finish(library)
    finish(library)
    before = library.traces.look
    assert not before.done
    assert before.waits
    assert library.traces.removed_until == 0
    library.output.unlink()
    (tmp_path / "unplugged").rename(library.output)
    finish(library)
    finish(library)
    assert library.traces.look.done
    assert not found(everything(tmp_path), forms(NAME) | bytes_of(*ANN))
