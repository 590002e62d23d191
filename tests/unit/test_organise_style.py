"""How photos stand in the tree: names and folders by templates, ways, links from outside."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.errors import OutputError
from facewatchd.model import Copy, Entry, Folder, Link, Way
from facewatchd.organise import Photo, PutCopy, WantedFolder, plan
from facewatchd.organise.means import Trial, decided
from facewatchd.organise.plan import MakeFolder, Operation, PutLink, RenameFolder
from facewatchd.organise.portions import copied, portions
from facewatchd.organise.style import LINKS, Style

OUTPUT = b"/srv/people"
AUGUST = 1566656701.0  # 2019-08-24 14:25:01
PHOTO = Photo(b"hash", b"/srv/photos/a/IMG_1.JPG", 5_000_000, 17, AUGUST)
WORKS = Trial(None, reflinks=False)
FAT = Trial("Operation not permitted", reflinks=False, any_name=False)


def names(style: Style, *photos: Photo) -> list[bytes]:
    return sorted(style.entries(b"Anna", photos or [PHOTO], OUTPUT))


@pytest.mark.parametrize(
    ("layout", "name", "path"),
    [
        ("", "{name}", b"Anna/IMG_1.JPG"),
        ("", "{date}_{name}", b"Anna/2019-08-24_IMG_1.JPG"),
        ("{year}", "{date} {time} {stem}", b"Anna/2019/2019-08-24 142501 IMG_1.JPG"),
        ("in {year}/{month}", "{stem} ({day})", b"Anna/in 2019/08/IMG_1 (24).JPG"),
    ],
)
def test_templates_are_filled_in(layout: str, name: str, path: bytes) -> None:
    assert names(Style(layout=layout, name=name)) == [path]


def test_a_link_leads_to_its_photo_from_a_deeper_folder_too() -> None:
    ((path, link),) = Style(layout="{year}/{month}").entries(b"Anna", [PHOTO], OUTPUT).items()
    assert isinstance(link, Link)
    there = os.path.normpath(os.path.join(OUTPUT, os.path.dirname(path), link.target))
    assert there == PHOTO.path
    assert Style(layout="{year}/{month}").target(PHOTO.path, b"Anna", OUTPUT) == link.target


def test_photos_that_come_to_one_name_get_digits_and_those_in_two_folders_do_not() -> None:
    other = Photo(b"other", b"/srv/photos/b/IMG_1.JPG", 1, 1, AUGUST)
    later = Photo(b"later", b"/srv/photos/c/IMG_1.JPG", 1, 1, AUGUST + 366 * 86400)
    assert names(Style(name="{date}_{name}"), PHOTO, other, later) == [
        b"Anna/2019-08-24_IMG_1~%s.JPG" % b"hash".hex().encode(),
        b"Anna/2019-08-24_IMG_1~%s.JPG" % b"other".hex()[:8].encode(),
        b"Anna/2020-08-24_IMG_1.JPG",
    ]


@pytest.mark.parametrize("captured", [-1e18, 0.0, 1e18])
def test_any_capture_date_makes_a_name(captured: float) -> None:
    (path,) = names(Style(name="{date}_{name}"), replace(PHOTO, captured=captured))
    assert path.endswith(b"_IMG_1.JPG")


FILE_NAMES = st.binary(min_size=1, max_size=255).map(lambda n: n.translate(None, b"/\0") or b"_")


@given(FILE_NAMES)
def test_any_file_name_can_stand_in_a_template(name: bytes) -> None:
    photo = replace(PHOTO, path=b"/p/" + name)
    for template in ("{date}_{name}", "{stem}_{year}"):
        (path,) = names(Style(name=template), photo)
        assert len(os.path.basename(path)) <= 255


# "Naming Files, Paths, and Namespaces" of Microsoft; the same characters are refused by FAT.
REFUSED = set('"*:<>?\\|/') | {chr(code) for code in range(32)}
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(10))}
ODD_NAMES = st.lists(
    st.sampled_from(
        [*'.. :?*"<>|\\_', "con", "AUX", "nul", "COM1", "a", "A", ".jpg", "ü", "é", "\n", "\udcff"]
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: os.fsencode("".join(parts)))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("a:b.jpg", "a_b.jpg"),
        ('what? "this".jpg', "what_ _this_.jpg"),
        ("end. .", "end"),
        ("aux.JPG", "aux_.JPG"),
        ("com7", "com7_"),
        ("console.jpg", "console.jpg"),
        (".hidden.jpg", ".hidden.jpg"),
        ("???", "___"),
        ("...", "_"),
        ("Zoë \udcff.jpg", "Zoë _.jpg"),
        ("IMG_1.jpg", "IMG_1.jpg"),
    ],
)
def test_names_such_as_windows_takes(name: str, made: str) -> None:
    photo = replace(PHOTO, path=b"/p/" + os.fsencode(name))
    assert names(Style(portable=True), photo) == [b"Anna/" + made.encode()]
    assert names(Style(), photo) == [b"Anna/" + os.fsencode(name)]


@given(st.sets(FILE_NAMES | ODD_NAMES, min_size=1, max_size=8), st.sampled_from(["", "a: {year}."]))
def test_every_photo_has_a_name_of_its_own_that_windows_takes(
    found: set[bytes], layout: str
) -> None:
    photos = [Photo(b"%08d" % n, b"/p/" + name) for n, name in enumerate(sorted(found))]
    for template in ("{name}", "{stem}", "{date}: {name}"):
        made = names(Style(layout=layout, name=template, portable=True), *photos)
        assert len({path.decode().casefold() for path in made}) == len(photos)
        for part in (part for path in made for part in path.decode().split("/")):
            assert not REFUSED & set(part)
            assert part[-1] not in ". "
            assert part.partition(".")[0].rstrip().upper() not in DEVICES
            assert len(part.encode()) <= 255


def test_links_made_in_a_container_are_right_outside() -> None:
    outside = ((b"/photos", b"/volume1/photos"), (b"/people", b"/volume1/web/people"))
    ((_, link),) = (
        Style(outside=outside)
        .entries(b"Anna", [replace(PHOTO, path=b"/photos/a/1.jpg")], b"/people")
        .items()
    )
    assert link == Link(b"../../../photos/a/1.jpg")


@pytest.mark.parametrize(
    ("link", "audience", "share", "trial", "inside", "elsewhere"),
    [
        ("auto", "any", None, WORKS, Way.SYMLINK, Way.SYMLINK),
        ("auto", "any", None, FAT, Way.EITHER, Way.EITHER),
        ("auto", "smb", None, WORKS, Way.EITHER, Way.EITHER),
        ("auto", "smb", b"/srv", WORKS, Way.SYMLINK, Way.EITHER),
        ("auto", "smb", b"/srv", FAT, Way.EITHER, Way.EITHER),
        ("auto", "smb", b"/srv/photos", WORKS, Way.EITHER, Way.EITHER),
        *((way, "any", None, FAT, Way(way), Way(way)) for way in ("reflink", "copy")),
        ("symlink", "any", None, WORKS, Way.SYMLINK, Way.SYMLINK),
        ("hardlink", "smb", b"/srv", WORKS, Way.HARDLINK, Way.HARDLINK),
    ],
)
def test_what_is_wished_and_what_is_possible_decide(
    link: str, audience: str, share: bytes | None, trial: Trial, inside: Way, elsewhere: Way
) -> None:
    means = decided(link, audience, share, OUTPUT, trial)
    style = Style(means.way, means.share)
    assert style.way_of(b"/srv/photos/1.jpg") is inside
    assert style.way_of(b"/mnt/card/1.jpg") is elsewhere
    assert means.reason


def test_names_are_changed_only_where_somebody_would_not_take_them() -> None:
    for link in ("auto", "copy"):
        assert not decided(link, "any", None, OUTPUT, WORKS).portable
        for audience, trial in (("smb", WORKS), ("any", FAT)):
            means = decided(link, audience, None, OUTPUT, trial)
            assert means.portable
            assert "Windows" in means.reason


def test_symbolic_links_that_are_named_and_cannot_be_are_a_clear_error() -> None:
    with pytest.raises(OutputError, match=r"takes none \(Operation not permitted\).*\n.*auto"):
        decided("symlink", "any", None, OUTPUT, FAT)


def test_hard_links_are_never_chosen_by_themselves() -> None:
    for audience in ("any", "smb"):
        for share in (None, b"/srv", b"/other"):
            for trial in (WORKS, FAT, Trial(None, reflinks=True)):
                assert decided("auto", audience, share, OUTPUT, trial).way is not Way.HARDLINK


WANTED = [WantedFolder(b"Anna", [PHOTO])]
AS_LINK = Link(b"../../photos/a/IMG_1.JPG")
AS_COPY = Copy(Way.COPY, b"hash", PHOTO.path, 5_000_000, 17)


@pytest.mark.parametrize(
    ("style", "old", "new"), [(LINKS, AS_COPY, AS_LINK), (Style(Way.COPY), AS_LINK, AS_COPY)]
)
def test_a_conversion_puts_each_in_the_place_of_the_old_one(
    style: Style, old: Link | Copy, new: Link | Copy
) -> None:
    manifest: dict[bytes, Entry] = {b"Anna": Folder(), b"Anna/IMG_1.JPG": old}
    (operation,) = plan(WANTED, OUTPUT, manifest, style)
    assert isinstance(operation, PutLink | PutCopy)
    assert (operation.new, operation.old) == (new, old)


@pytest.mark.parametrize("change", [{"size": 5}, {"mtime_ns": 18}])
def test_a_copy_whose_photo_changed_is_renewed(change: dict[str, int]) -> None:
    manifest: dict[bytes, Entry] = {b"Anna": Folder(), b"Anna/IMG_1.JPG": AS_COPY}
    assert plan(WANTED, OUTPUT, manifest, Style(Way.COPY)) == []
    changed = [WantedFolder(b"Anna", [replace(PHOTO, **change)])]  # type: ignore[arg-type] # sizes
    (operation,) = plan(changed, OUTPUT, manifest, Style(Way.COPY))
    assert isinstance(operation, PutCopy)
    assert operation.old == AS_COPY


def test_a_person_whose_case_changes_takes_the_folders_in_it_along() -> None:
    style = Style(layout="{year}")
    inner: dict[bytes, Entry] = {
        b"anna/2019": Folder(),
        b"anna/2019/IMG_1.JPG": Link(b"../../../photos/a/IMG_1.JPG"),
    }
    manifest: dict[bytes, Entry] = {b"anna": Folder(), **inner}
    assert plan(WANTED, OUTPUT, manifest, style) == [
        RenameFolder(
            b"anna", b"Anna", {path.removeprefix(b"anna/"): e for path, e in inner.items()}
        )
    ]


@given(st.lists(st.integers(0, 90_000_000), max_size=12))
def test_portions_hold_all_in_order_and_none_copies_much(sizes: list[int]) -> None:
    operations: list[Operation] = [
        MakeFolder(b"Anna"),
        *(PutCopy(b"Anna/%d" % n, replace(AS_COPY, size=s), None) for n, s in enumerate(sizes)),
    ]
    cut = list(portions(operations))
    assert [operation for portion in cut for operation in portion] == operations
    for portion in cut:
        copies = [copied(operation, reflinks=False) for operation in portion]
        assert sum(copies) <= 64_000_000 or sum(size > 0 for size in copies) == 1


def test_what_shares_its_blocks_is_not_counted_as_copied() -> None:
    sizes = {
        way: [copied(PutCopy(b"x", replace(AS_COPY, way=way), None), reflinks=r) for r in (0, 1)]  # type: ignore[arg-type] # as booleans
        for way in (Way.COPY, Way.EITHER, Way.REFLINK, Way.HARDLINK)
    }
    assert sizes == {
        Way.COPY: [5_000_000, 5_000_000],
        Way.EITHER: [5_000_000, 0],
        Way.REFLINK: [0, 0],
        Way.HARDLINK: [0, 0],
    }
