from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.cover import cover
from facewatchd.names import folded
from facewatchd.reports import folder_of_groups
from facewatchd.reports.groups import (
    best_first,
    largest_first,
    members,
    numbers_in_group,
    numbers_in_photo,
)
from facewatchd.reports.naming import Pattern
from tests.support.material import material

GROUPS = st.lists(st.lists(st.integers(-1, 3), max_size=5), max_size=8)
NAMES = st.lists(st.text(max_size=6) | st.sampled_from(["person_0001", "A", "a", "outliers", ".."]))


@given(GROUPS)
def test_every_face_is_in_one_group_and_counted_in_its_order(groups: list[list[int]]) -> None:
    made = material([b"/%d" % n for n in range(len(groups))], groups, "ABCD")
    found = members(made)
    assert sorted(face for faces in found.values() for face in faces.tolist()) == [
        *range(len(made))
    ]
    in_group, in_photo = numbers_in_group(made), numbers_in_photo(made)
    for group, faces in found.items():
        assert (made.groups[faces] == group).all()
        assert in_group[faces].tolist() == [*range(len(faces))]
    for photo in range(len(groups)):
        assert in_photo[made.photo == photo].tolist() == [*range(len(groups[photo]))]
    ordered = [group for group, _ in largest_first(made)]
    assert -1 not in ordered[:-1]


@given(st.integers(1, 30), st.integers(0, 1000))
def test_the_best_face_is_the_persons_cover_and_none_is_lost(count: int, seed: int) -> None:
    made = material([b"/a"], [[0] * count], ["A"], seed)
    order = best_first(made, np.arange(count)).tolist()
    assert sorted(order) == [*range(count)]
    assert order[0] == cover(made.encodings, made.quality)


def test_faces_in_no_group_are_ordered_by_quality_alone() -> None:
    made = material([b"/a"], [[-1] * 9], [])
    order = best_first(made, np.arange(9))
    assert (np.diff(made.quality[order]) <= 0).all()


def test_of_faces_of_equal_quality_the_nearer_comes_first() -> None:
    made = material([b"/a"], [[0] * 9], ["A"])
    made = replace(made, quality=np.full(9, 0.5))
    assert (np.diff(made.similarity[best_first(made, np.arange(9))]) <= 0).all()


@given(NAMES)
def test_each_group_has_a_safe_folder_of_its_own(names: list[str]) -> None:
    made = material([], [], [name.encode("utf-8", "ignore").decode() for name in names])
    found = folder_of_groups(made)
    assert len(found) == len(names) + 1
    assert len({folded(folder.decode()) for folder in found.values()}) == len(found)
    assert found[-1] == b"outliers"
    for folder in found.values():
        assert not {*folder} & {*b"/\\\0\n"}
        assert folder not in {b"", b".", b".."}
        assert len(folder) <= 255


def test_groups_keep_names_that_can_be_folders() -> None:
    made = material([], [], ["cluster_0", "Ben Müller", "person_0007", "a/b"])
    assert folder_of_groups(made) == {
        -1: b"outliers",
        0: b"cluster_0",
        1: "Ben Müller".encode(),
        2: b"person_0007",
        3: b"a_b",
    }


@given(st.lists(st.fixed_dictionaries({"photo": st.binary(max_size=300)})))
def test_no_two_crops_have_one_name_and_each_is_a_legal_one(rows: list[dict[str, bytes]]) -> None:
    rows = [{"photo": row["photo"].replace(b"\0", b"")} for row in rows]
    names = Pattern("all/{photo}.jpg", ["photo"]).names(rows)
    assert len({folded(name.decode("utf-8", "surrogateescape")) for name in names}) == len(rows)
    for name in names:
        folder, _, rest = name.partition(b"/")
        assert folder == b"all"
        assert b"/" not in rest
        assert rest.endswith(b".jpg")
        assert len(rest) <= 255
