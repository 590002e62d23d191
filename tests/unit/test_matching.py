from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.clustering.constraints import constrained
from facewatchd.clustering.cover import cover
from facewatchd.clustering.matching import Before, match, owners_after

if TYPE_CHECKING:
    from random import Random


def matched(*faces: tuple[int, str | None]) -> dict[int, str]:
    return match(np.array([label for label, _ in faces], dtype=np.int64), [who for _, who in faces])


def test_a_cluster_keeps_the_person_with_whom_it_shares_most_faces() -> None:
    assert matched((0, "ann"), (0, "ann"), (0, "bob"), (1, None), (-1, "cy")) == {0: "ann"}


def test_a_person_that_falls_apart_stays_with_its_largest_part() -> None:
    assert matched((0, "ann"), (1, "ann"), (1, "ann"), (2, "ann")) == {1: "ann"}


def test_of_two_people_that_become_one_the_larger_stays() -> None:
    assert matched((0, "ann"), (0, "bob"), (0, "bob")) == {0: "bob"}


def test_a_cluster_whose_best_person_is_taken_keeps_its_next() -> None:
    faces = [(0, "ann")] * 5 + [(1, "ann")] * 3 + [(1, "bob")] * 2
    assert matched(*faces) == {0: "ann", 1: "bob"}


def test_of_equal_overlaps_the_larger_share_of_its_cluster_comes_first() -> None:
    assert matched((0, "ann"), (0, None), (1, "ann")) == {1: "ann"}


def test_of_equal_shares_the_lower_label_then_the_lower_person_comes_first() -> None:
    assert matched((1, "ann"), (0, "ann")) == {0: "ann"}
    assert matched((0, "bob"), (0, "ann")) == {0: "ann"}


def test_nothing_matches_nothing() -> None:
    assert match(np.empty(0, dtype=np.int64), []) == {}


@given(
    st.lists(
        st.tuples(st.integers(-1, 5), st.sampled_from([None, "ann", "bob", "cy", "dee"])),
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_every_person_and_every_cluster_is_matched_once_and_the_order_of_faces_is_no_matter(
    faces: list[tuple[int, str | None]], chance: Random
) -> None:
    found = matched(*faces)
    assert len(set(found.values())) == len(found)
    assert all((label, person) in faces for label, person in found.items())
    free_clusters = {label for label, _ in faces} - found.keys() - {-1}
    free_people = {person for _, person in faces} - set(found.values()) - {None}
    assert not any(label in free_clusters and who in free_people for label, who in faces)
    shuffled = list(faces)
    chance.shuffle(shuffled)
    assert matched(*shuffled) == found


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_the_same_clusters_again_keep_their_people(labels: list[int]) -> None:
    people = [f"p{label}" for label in labels]
    assert match(np.array(labels, dtype=np.int64), people) == {
        label: f"p{label}" for label in labels
    }


def covered(positions: list[float], qualities: list[float]) -> int:
    encodings = np.array(positions, dtype=np.float32)[:, None]
    return cover(encodings, np.array(qualities))


def test_the_cover_is_the_best_face_near_the_centroid_and_not_the_first() -> None:
    assert covered([0.0, 0.1, -0.1, 0.05], [0.2, 0.3, 0.1, 0.9]) == 3


def test_a_sharp_face_far_from_the_centroid_is_no_cover() -> None:
    assert covered([0.0, 0.1, 5.0, -0.1], [0.2, 0.3, 1.0, 0.1]) == 1


def test_one_face_is_its_own_cover_and_of_two_the_better_one() -> None:
    assert covered([0.3], [0.1]) == 0
    assert covered([0.0, 1.0], [0.1, 0.2]) == 1
    assert covered([0.0, 1.0], [0.2, 0.1]) == 0


def test_of_equal_qualities_the_nearer_face_then_the_first_is_the_cover() -> None:
    assert covered([-3.0, -1.0, 0.0, 1.0, 3.0], [0.5] * 5) == 2
    assert covered([1.0, 1.0, 1.0], [0.5] * 3) == 0


def test_a_person_without_faces_has_no_cover() -> None:
    with pytest.raises(ValueError, match="without faces"):
        cover(np.empty((0, 4), dtype=np.float32), np.empty(0))


class Faces:
    """Faces on a line, whose they are and what was said of them; people are numbers."""

    def __init__(self) -> None:
        self.places: list[float] = []
        self.photos: list[int] = []
        self.labels: list[int] = []
        self.owners: list[int] = []
        self.refused: list[tuple[int, int]] = []

    def add(
        self, place: float, cluster: int, owner: int = -1, photo: int | None = None, no: int = -1
    ) -> Faces:
        face = len(self.places)
        self.places.append(place)
        self.photos.append(1000 + face if photo is None else photo)
        self.labels.append(cluster)
        self.owners.append(owner)
        self.refused += [(face, no)] if no >= 0 else []
        return self

    def after(
        self,
        kept: list[bool],
        looks: list[tuple[int, float]] | None = None,
        persons: list[int] | None = None,
        confirmed: tuple[int, ...] = (),
    ) -> list[int]:
        before = Before(
            owners=np.array(self.owners, dtype=np.int64),
            persons=np.arange(len(kept)) if persons is None else np.array(persons),
            kept=np.array(kept, dtype=np.bool_),
            refused=np.array(self.refused, dtype=np.int64).reshape(-1, 2),
            confirmed=np.isin(np.arange(len(self.places)), confirmed),
            looks=np.array([owner for owner, _ in looks or []], dtype=np.int64),
            centroids=np.array([place for _, place in looks or []], dtype=np.float64)[:, None],
        )
        found = owners_after(
            np.array(self.places, dtype=np.float32)[:, None],
            np.array(self.photos, dtype=np.int64),
            np.array(self.labels, dtype=np.int64),
            before,
            REACH,
        )
        return [int(owner) for owner in found]


REACH = 0.32
KEPT, NOT_KEPT = True, False


def test_several_clusters_with_settled_faces_of_one_person_are_all_that_person() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.1, 0).add(5.0, 1, owner=0).add(5.1, 1)
    assert faces.after([KEPT]) == [0, 0, 0, 0]


def test_a_settled_face_in_no_cluster_stays() -> None:
    assert Faces().add(0.0, -1, owner=0).add(3.0, 0).add(3.0, 0).after([KEPT]) == [0, 1, 1]


def test_a_face_that_is_with_the_wrong_person_takes_nobody_there() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.1, 0, owner=1).add(0.1, 0, owner=1)
    assert faces.after([KEPT, NOT_KEPT], [(0, 9.0)]) == [0, 1, 1]


def test_a_face_that_the_user_looked_at_takes_its_cluster_along() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.1, 0, owner=1).add(0.1, 0, owner=1)
    assert faces.after([KEPT, NOT_KEPT], [(0, 9.0)], confirmed=(0,)) == [0, 0, 0]


def test_a_few_settled_faces_take_somebody_along_whose_look_is_theirs() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.1, 0, owner=1).add(0.1, 0, owner=1)
    assert faces.after([KEPT, NOT_KEPT], [(0, 0.0)]) == [0, 0, 0]


def test_of_merged_people_a_cluster_goes_to_the_owner_of_most_of_its_settled_faces() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.0, 0, owner=1).add(0.0, 0, owner=1).add(0.0, 0)
    assert faces.after([KEPT, KEPT], persons=[0, 0]) == [0, 1, 1, 1]


def test_a_cluster_joins_the_kept_person_of_the_nearest_look() -> None:
    faces = Faces().add(1.0, 0).add(1.2, 0).add(4.0, 1).add(4.0, 1)
    assert faces.after([KEPT, KEPT], [(0, 9.0), (0, 1.3), (1, 0.85)]) == [0, 0, 2, 2]
    assert faces.after([KEPT, KEPT], [(0, 9.0), (0, 1.3), (1, 1.05)]) == [1, 1, 2, 2]


def test_a_look_beyond_reach_is_not_matched() -> None:
    faces = Faces().add(0.0, 0).add(0.0, 0)
    assert faces.after([KEPT], [(0, 0.33)]) == [1, 1]
    assert faces.after([KEPT], [(0, 0.31)]) == [0, 0]


def test_a_cluster_of_somebody_unnamed_joins_a_kept_person_whose_look_it_matches() -> None:
    faces = Faces().add(0.0, 0, owner=1).add(0.0, 0, owner=1)
    assert faces.after([KEPT, NOT_KEPT], [(0, 0.1)]) == [0, 0]


def test_a_face_that_refuses_the_person_of_its_cluster_is_nobodys() -> None:
    faces = Faces().add(0.0, 0, no=0).add(0.0, 0).add(0.0, 0)
    assert faces.after([KEPT], [(0, 0.1)]) == [-1, 0, 0]


def test_a_cluster_most_of_which_refuses_the_nearest_person_goes_to_the_next() -> None:
    faces = Faces().add(0.0, 0, no=0).add(0.0, 0, no=0).add(0.0, 0)
    assert faces.after([KEPT, KEPT], [(0, 0.1), (1, 0.2)]) == [1, 1, 1]
    assert faces.after([KEPT, KEPT], [(0, 0.1)]) == [2, 2, 2]


def test_who_refuses_a_person_refuses_everyone_merged_into_that_person() -> None:
    faces = Faces().add(0.0, 0, no=1).add(0.0, 0, no=1)
    assert faces.after([KEPT, KEPT], [(0, 0.1)], persons=[0, 0]) == [2, 2]


def test_a_face_in_no_cluster_joins_a_kept_person_too() -> None:
    assert Faces().add(0.0, -1).add(0.5, -1).after([KEPT], [(0, 0.1)]) == [0, -1]


def test_a_face_stays_out_where_a_settled_one_is_in_its_photo() -> None:
    faces = Faces().add(0.5, -1, owner=0, photo=1).add(0.0, 0, photo=1).add(0.0, 0).add(0.0, 0)
    assert faces.after([KEPT], [(0, 0.0)]) == [0, -1, 0, 0]


def test_two_settled_faces_of_one_photo_both_stay() -> None:
    faces = Faces().add(0.0, 0, owner=0, photo=1).add(0.1, -1, owner=0, photo=1)
    assert faces.after([KEPT], [(0, 0.0)]) == [0, 0]


def test_of_two_clusters_of_a_person_the_face_nearer_to_a_look_stays_in_a_photo() -> None:
    faces = Faces().add(0.0, 0, owner=0).add(0.2, 0, photo=1)
    faces.add(9.0, 1, owner=0).add(9.1, 1, photo=1)
    assert faces.after([KEPT], [(0, 0.0), (0, 9.0)]) == [0, -1, 0, 0]


def test_who_stands_beside_the_person_in_most_photos_is_somebody_else() -> None:
    faces = Faces().add(0.0, 0, owner=0, photo=1).add(0.0, 0, owner=0, photo=2)
    faces.add(0.1, 1, photo=1).add(0.1, 1, photo=2).add(0.1, 1, photo=3)
    assert faces.after([KEPT], [(0, 0.0)]) == [0, 0, 1, 1, 1]


def test_of_two_clusters_of_the_same_photos_only_the_nearer_joins() -> None:
    faces = Faces().add(0.2, 0, photo=1).add(0.2, 0, photo=2).add(0.1, 1, photo=1)
    assert faces.add(0.1, 1, photo=2).after([KEPT], [(0, 0.0)]) == [1, 1, 0, 0]


def test_a_kept_person_is_not_matched_by_overlap() -> None:
    faces = Faces().add(0.0, -1, owner=0).add(3.0, 0, owner=1).add(3.0, 0)
    assert faces.after([KEPT, NOT_KEPT]) == [0, 1, 1]


def test_people_who_are_new_are_numbered_in_the_order_of_their_clusters() -> None:
    faces = Faces().add(9.0, 1).add(9.0, 1).add(5.0, 0).add(5.0, 0).add(1.0, 2, owner=0)
    assert faces.after([NOT_KEPT]) == [2, 2, 1, 1, 0]


def test_without_people_every_cluster_is_somebody_new() -> None:
    assert Faces().add(0.0, 1).add(1.0, -1).add(2.0, 0).after([]) == [1, -1, 0]
    assert Faces().after([]) == []


@st.composite
def runs(draw: st.DrawFn) -> tuple[Faces, list[bool], list[tuple[int, float]], list[int]]:
    people = draw(st.integers(0, 4))
    kept = draw(st.lists(st.booleans(), min_size=people, max_size=people))
    persons = list(range(people))
    if kept.count(True) > 1 and draw(st.booleans()):
        one, other, *_ = [number for number in persons if kept[number]]
        persons[other] = one
    faces = Faces()
    for _ in range(draw(st.integers(0, 25))):
        owner = draw(st.integers(-1, people - 1))
        faces.add(
            draw(st.floats(0, 1)),
            draw(st.integers(-1, 4)),
            owner,
            draw(st.integers(0, 12)),
            draw(st.integers(-1, people - 1)),
        )
    makers = [number for number in range(people) if kept[number]]
    place = st.floats(0, 1)
    looks = draw(st.lists(st.tuples(st.sampled_from(makers), place), max_size=5)) if makers else []
    return faces, kept, looks, persons


@given(runs())
def test_settled_faces_stay_and_nobody_gets_what_it_must_not(
    run: tuple[Faces, list[bool], list[tuple[int, float]], list[int]],
) -> None:
    faces, kept, looks, persons = run
    whole = constrained(
        np.array(faces.places, dtype=np.float32)[:, None],
        np.array(faces.photos, dtype=np.int64),
        np.array(faces.labels, dtype=np.int64),
        settled=np.array([persons[o] if o >= 0 and kept[o] else -1 for o in faces.owners], int),
        refused=[(face, persons[owner]) for face, owner in faces.refused],
        merge=0.52,
    )
    faces.labels = whole.tolist()
    after = faces.after(kept, looks, persons)
    settled = [owner >= 0 and kept[owner] for owner in faces.owners]
    person = [persons[owner] if 0 <= owner < len(kept) else owner for owner in after]
    for face, (old, new) in enumerate(zip(faces.owners, after, strict=True)):
        assert not settled[face] or new == old
    for face, owner in faces.refused:
        follows = kept[owner] and not settled[face]
        assert not (follows and person[face] == persons[owner])
    shown = [
        (who, photo)
        for who, photo, is_settled in zip(person, faces.photos, settled, strict=True)
        if who >= 0 and not is_settled
    ]
    assert len(set(shown)) == len(shown)
    assert not {
        (who, photo)
        for who, photo, is_settled in zip(person, faces.photos, settled, strict=True)
        if is_settled
    } & set(shown)
    added = sorted({owner for owner in after if owner >= len(kept)})
    assert added == list(range(len(kept), len(kept) + len(added)))
