"""The plan of the output tree, played out on a model of a disk that ignores case."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.model import Entry, File, Folder, Link
from facewatchd.organise import COVER, Cover, Photo, WantedFolder, plan
from facewatchd.organise.names import fold, is_temporary, link_names, temporary
from facewatchd.organise.plan import (
    MakeFolder,
    Operation,
    PutCover,
    PutLink,
    Remove,
    RemoveFolder,
    RenameFolder,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

OUTPUT = b"/srv/out"
FOLDERS = [b"person_0001", b"person_0002", b"_doubtful/person_0001", b"_doubtful/person_0003"]
ODD_NAMES = [
    b"a.jpg",
    b"A.JPG",
    b"a.Jpg",
    b"cover.jpg",
    b"COVER.jpg",
    "é.jpg".encode(),
    "e\N{COMBINING ACUTE ACCENT}.jpg".encode(),
    "É.jpg".encode(),
    b"\xff\xfe.jpg",
    b"two\nlines.jpg",
    b"-rf",
    b".hidden.jpg",
    b"x" * 255,
    b"X" * 251 + b".jpg",
    b"long." + b"y" * 250,
    b"\xf0\x9f\x98\x80" * 63 + b".gg",
    os.path.basename(temporary(COVER)),
]


def digest(number: int) -> bytes:
    """Return a photo hash; every other one begins like all of its kind."""
    whole = hashlib.sha256(b"%d" % number).digest()
    return whole if number % 2 else bytes(4) + whole[4:]


names = st.sampled_from(ODD_NAMES) | st.binary(min_size=1, max_size=12).map(
    lambda name: name.translate(None, b"/\0") or b"_"
).filter(lambda name: name not in (b".", b".."))
places = st.sampled_from([b"/srv/photos", b"/srv/photos/2019", b"/mnt/card", b"/"])
photos = st.builds(Photo, st.integers(0, 30).map(digest), st.builds(os.path.join, places, names))
covers = st.none() | st.builds(
    Cover, st.sampled_from([b"k1", b"k2"]), st.sampled_from([None, b"jpeg1", b"jpeg2"])
)


def in_some_case(path: bytes, *, upper: bool) -> bytes:
    place, name = os.path.split(path)
    return os.path.join(place, name.upper() if upper else name)


libraries = st.dictionaries(
    st.sampled_from(FOLDERS),
    st.tuples(
        st.booleans(), st.lists(photos, max_size=8, unique_by=lambda photo: photo.path), covers
    ),
).map(
    lambda library: [
        WantedFolder(in_some_case(path, upper=upper), some, cover)
        for path, (upper, some, cover) in library.items()
    ]
)


def renamed(tree: Mapping[bytes, Entry], rename: RenameFolder) -> dict[bytes, Entry]:
    """Return ``tree`` with a folder renamed, and with it what it holds."""
    inner = {path for path in tree if os.path.dirname(path) == rename.path}
    assert {os.path.basename(path): tree[path] for path in inner} == rename.entries
    assert tree[rename.path] == Folder()
    moved = {path: os.path.join(rename.new, os.path.basename(path)) for path in inner}
    moved[rename.path] = rename.new
    return {moved.get(path, path): entry for path, entry in tree.items()}


def perform(operations: Iterable[Operation], tree: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    """Do ``operations`` on a model disk, as strict as a real one that ignores case."""
    disk = {fold(path): (path, entry) for path, entry in tree.items()}
    for operation in operations:
        here, parent = fold(operation.path), fold(os.path.dirname(operation.path))
        assert not parent or disk[parent][1] == Folder()
        match operation:
            case MakeFolder(path):
                assert here not in disk
                disk[here] = (path, Folder())
            case PutLink(path, new, old) | PutCover(path, new, old):
                assert disk.get(here) == (None if old is None else (path, old))
                disk[here] = (path, new)
            case Remove(path, old):
                assert disk.pop(here) == (path, old)
            case RenameFolder():
                assert fold(operation.new) == here
                tree = renamed(dict(disk.values()), operation)
                disk = {fold(path): (path, entry) for path, entry in tree.items()}
            case RemoveFolder(path):
                assert not [other for other in disk if other.startswith(here + "/")]
                assert disk.pop(here) == (path, Folder())
    return dict(disk.values())


def shown_in(tree: Mapping[bytes, Entry], folder: bytes) -> set[bytes]:
    """Return the paths of the photos that the links in ``folder`` lead to."""
    return {
        os.path.normpath(os.path.join(OUTPUT, folder, entry.target))
        for path, entry in tree.items()
        if isinstance(entry, Link) and os.path.dirname(path) == folder
    }


def wanted_in(folder: WantedFolder) -> set[bytes]:
    first = {p.hash: p.path for p in sorted(folder.photos, key=lambda p: p.path, reverse=True)}
    return {os.path.normpath(path) for path in first.values()}


@given(libraries, libraries)
def test_the_plan_turns_any_tree_of_ours_into_any_other(
    before: list[WantedFolder], after: list[WantedFolder]
) -> None:
    tree = perform(plan(before, OUTPUT, {}), {})
    tree = perform(plan(after, OUTPUT, tree), tree)

    for folder in after:
        assert tree[folder.path] == Folder()
        assert shown_in(tree, folder.path) == wanted_in(folder)
    folders = {folder.path for folder in after}
    parents = {os.path.dirname(path) for path in folders} - {b""}
    assert {path for path, entry in tree.items() if entry == Folder()} == folders | parents


@given(libraries, libraries)
def test_a_second_plan_has_nothing_to_do(
    before: list[WantedFolder], after: list[WantedFolder]
) -> None:
    tree = perform(plan(before, OUTPUT, {}), {})
    tree = perform(plan(after, OUTPUT, tree), tree)
    assert plan(after, OUTPUT, tree) == []


@given(libraries, libraries)
def test_the_tree_does_not_depend_on_what_was_there_before(
    before: list[WantedFolder], after: list[WantedFolder]
) -> None:
    tree = perform(plan(before, OUTPUT, {}), {})
    tree = perform(plan(after, OUTPUT, tree), tree)
    fresh = perform(plan(after, OUTPUT, {}), {})
    assert _links(tree) == _links(fresh)


def _links(tree: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    return {path: entry for path, entry in tree.items() if not isinstance(entry, File)}


@given(libraries, libraries)
def test_nothing_is_removed_or_replaced_that_is_not_in_the_manifest(
    before: list[WantedFolder], after: list[WantedFolder]
) -> None:
    manifest = perform(plan(before, OUTPUT, {}), {})
    for operation in plan(after, OUTPUT, manifest):
        match operation:
            case RenameFolder():
                manifest = renamed(manifest, operation)
            case Remove(path, old):
                assert manifest[path] == old
            case PutLink(path, _, old) | PutCover(path, _, old):
                assert manifest.get(path) == old
            case RemoveFolder(path):
                assert manifest[path] == Folder()


@given(st.lists(photos, unique_by=lambda photo: photo.path), st.randoms())
def test_link_names_fit_every_disk_and_depend_on_the_set_of_photos_alone(
    some: list[Photo], chance: Random
) -> None:
    given_names = link_names(some)
    folded = [fold(name) for name in given_names.values()]
    assert len(set(folded)) == len(folded)
    assert "cover.jpg" not in folded
    for path, name in given_names.items():
        assert 0 < len(name) <= 255
        assert b"/" not in name
        assert b"\0" not in name
        assert name not in (b".", b"..")
        assert not is_temporary(name)
        own = os.path.basename(path)
        assert name == own or b"~" in name
    shuffled = some.copy()
    chance.shuffle(shuffled)
    assert link_names(shuffled) == given_names


@given(st.text(min_size=1, max_size=255).filter(lambda t: not set(t) & set("/\0")))
def test_a_shortened_name_of_unicode_stays_unicode(stem: str) -> None:
    name = (stem * 255).encode()[:280].decode(errors="ignore").encode() + b".jpg"
    (short,) = link_names([Photo(digest(1), b"/p/" + name)]).values()
    short.decode()
    assert 250 <= len(short) <= 255
    assert short.endswith(b"~" + digest(1).hex()[:8].encode() + b".jpg")


def test_names_that_differ_in_case_or_normalisation_alone_are_one_name() -> None:
    spellings = ["É", "é", "E\N{COMBINING ACUTE ACCENT}", "e\N{COMBINING ACUTE ACCENT}"]
    assert len({fold(spelling.encode()) for spelling in spellings}) == 1
    assert fold(b"IMG.JPG") == fold(b"img.jpg")
    assert fold(b"\xff.jpg") != fold(b"\xfe.jpg")


def photo(number: int, path: bytes) -> Photo:
    return Photo(digest(number), path)


def test_photos_of_one_name_all_get_the_hash_in_their_link_names() -> None:
    one, two, other = photo(1, b"/a/IMG.jpg"), photo(3, b"/b/img.JPG"), photo(5, b"/b/other.jpg")
    assert link_names([one, two, other]) == {
        b"/a/IMG.jpg": b"IMG~6b86b273.jpg",
        b"/b/img.JPG": b"img~4e074085.JPG",
        b"/b/other.jpg": b"other.jpg",
    }


def test_hashes_that_begin_alike_are_told_apart_by_more_digits() -> None:
    given_names = link_names([photo(2, b"/a/x.jpg"), photo(4, b"/b/x.jpg")])
    assert given_names[b"/a/x.jpg"] == b"x~00000000" + digest(2).hex()[8:16].encode() + b".jpg"
    assert given_names[b"/b/x.jpg"] == b"x~00000000" + digest(4).hex()[8:16].encode() + b".jpg"


def test_a_photo_named_like_anothers_link_gets_a_hash_too() -> None:
    given_names = link_names(
        [photo(1, b"/a/x.jpg"), photo(3, b"/b/x.jpg"), photo(5, b"/c/X~6B86B273.jpg")]
    )
    assert len({fold(name) for name in given_names.values()}) == 3


def test_a_copy_of_a_photo_is_linked_once() -> None:
    assert link_names([photo(1, b"/b/x.jpg"), photo(1, b"/a/y.jpg")]) == {b"/a/y.jpg": b"y.jpg"}


def test_a_photo_named_cover_makes_room_for_the_cover() -> None:
    assert link_names([photo(1, b"/a/Cover.JPG")]) == {b"/a/Cover.JPG": b"Cover~6b86b273.JPG"}


@pytest.mark.parametrize(
    ("folder", "target"),
    [
        (b"person_0001", b"../../photos/2019/a.jpg"),
        (b"_doubtful/person_0001", b"../../../photos/2019/a.jpg"),
    ],
)
def test_links_are_relative(folder: bytes, target: bytes) -> None:
    wanted = [WantedFolder(folder, [photo(1, b"/srv/photos/2019/a.jpg")])]
    tree = perform(plan(wanted, OUTPUT, {}), {})
    assert tree[folder + b"/a.jpg"] == Link(target)


def test_a_photo_that_changes_its_person_is_linked_there_before_it_is_removed_here() -> None:
    moved = [photo(1, b"/srv/photos/a.jpg")]
    tree = perform(plan([WantedFolder(b"person_0001", moved)], OUTPUT, {}), {})
    assert plan([WantedFolder(b"person_0002", moved)], OUTPUT, tree) == [
        MakeFolder(b"person_0002"),
        PutLink(b"person_0002/a.jpg", Link(b"../../photos/a.jpg"), None),
        Remove(b"person_0001/a.jpg", Link(b"../../photos/a.jpg")),
        RemoveFolder(b"person_0001"),
    ]


def test_when_only_the_case_of_a_folder_changes_it_is_renamed_with_its_links() -> None:
    anna, new = photo(1, b"/srv/photos/a.jpg"), photo(2, b"/srv/photos/b.jpg")
    tree = perform(plan([WantedFolder(b"anna", [anna])], OUTPUT, {}), {})
    link = Link(b"../../photos/a.jpg")
    assert plan([WantedFolder(b"Anna", [anna, new])], OUTPUT, tree) == [
        RenameFolder(b"anna", b"Anna", {b"a.jpg": link}),
        PutLink(b"Anna/b.jpg", Link(b"../../photos/b.jpg"), None),
    ]


def cover(tree: Mapping[bytes, Entry]) -> Entry | None:
    return tree.get(b"person_0001/cover.jpg")


def test_a_cover_stays_until_a_new_one_is_rendered_and_goes_when_none_is_wanted() -> None:
    def step(wanted: Cover | None, tree: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
        return perform(plan([WantedFolder(b"person_0001", [], wanted)], OUTPUT, tree), tree)

    tree = step(Cover(b"one"), {})
    assert cover(tree) is None
    tree = step(Cover(b"one", b"jpeg"), tree)
    first = File(b"one", hashlib.sha256(b"jpeg").digest())
    assert cover(tree) == first
    tree = step(Cover(b"two"), tree)
    assert cover(tree) == first
    tree = step(Cover(b"two", b"other jpeg"), tree)
    assert cover(tree) == File(b"two", hashlib.sha256(b"other jpeg").digest())
    tree = step(None, tree)
    assert cover(tree) is None


def test_what_an_interruption_left_half_written_is_removed_before_anything_is_made() -> None:
    rest = temporary(b"person_0001/cover.jpg")
    wanted = [WantedFolder(b"person_0001", [photo(1, b"/p/a.jpg")], Cover(b"k", b"jpeg"))]
    operations = plan(wanted, OUTPUT, {b"person_0001": Folder(), rest: File(b"k", b"digest")})
    assert operations[0] == Remove(rest, File(b"k", b"digest"))
