from __future__ import annotations

from itertools import chain, product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.peers.__main__ import compare, measure, over_orders, table
from bench.peers.counting import count
from bench.peers.ente import Ente
from bench.peers.immich import NIGHT, Immich
from bench.peers.nextcloud import NEW_FACES, Nextcloud, persons_of
from bench.peers.ours import Ours
from bench.peers.photoprism import PhotoPrism
from bench.peers.tuning import STEPS, Ground, at_share, best, halves
from bench.scales import Faces

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.peers.rule import Rule

SIX_DEGREES = float(1.0 - np.cos(np.radians(6.0)))


def on_circle(*degrees: float) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    # Of any length: what counts is the direction.
    return (3.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


def one_by_one(rule: Rule, faces: range) -> list[int]:
    for face in faces:
        rule.take(range(face, face + 1))
    return [int(group) for group in rule.groups[: faces.stop]]


def test_in_immich_two_faces_near_each_other_are_no_person_until_a_third_comes() -> None:
    rule = Immich(on_circle(0.0, 1.0, 2.0), SIX_DEGREES)
    assert one_by_one(rule, range(2)) == [-1, -1]
    rule.finish()
    assert rule.groups.tolist() == [-1, -1, -1]
    assert one_by_one(rule, range(2, 3)) == [-1, -1, 0]
    rule.finish()
    assert rule.groups.tolist() == [0, 0, 0]


def test_in_immich_three_faces_of_one_photo_are_a_person_at_once() -> None:
    rule = Immich(on_circle(0.0, 1.0, 2.0), SIX_DEGREES)
    rule.take(range(3))
    assert rule.groups.tolist() == [0, 0, 0]


def test_in_immich_a_face_joins_the_nearest_who_has_a_person_and_bridges_nothing() -> None:
    rule = Immich(on_circle(0, 0.1, 0.2, 10, 10.1, 10.2, 5.2), SIX_DEGREES)
    rule.take(range(3))
    rule.take(range(3, 6))
    assert one_by_one(rule, range(6, 7)) == [0, 0, 0, 1, 1, 1, 1]
    rule.finish()
    assert rule.groups.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_in_immich_a_night_falls_after_so_many_faces() -> None:
    strangers = np.linspace(20.0, 300.0, NIGHT - 3)
    rule = Immich(on_circle(0.0, 0.1, 0.2, *strangers), 1e-6 + SIX_DEGREES / 1000)
    assert one_by_one(rule, range(NIGHT - 1))[:3] == [-1, -1, 0]
    assert one_by_one(rule, range(NIGHT - 1, NIGHT))[:3] == [0, 0, 0]


def test_in_ente_a_face_joins_the_cluster_of_the_nearest_and_two_clusters_stay_two() -> None:
    assert one_by_one(Ente(on_circle(0, 5, 10), SIX_DEGREES), range(3)) == [0, 0, 0]
    assert one_by_one(Ente(on_circle(0, 10, 4), SIX_DEGREES), range(3)) == [0, 1, 0]
    assert one_by_one(Ente(on_circle(0, 10, 5.5), SIX_DEGREES), range(3)) == [0, 1, 1]


def test_in_photoprism_eight_faces_without_a_cluster_are_clustered_where_four_are_dense() -> None:
    rule = PhotoPrism(on_circle(0, 90, 0, 90, 0, 90, 0, 180), 0.64)
    assert one_by_one(rule, range(7)) == [-1] * 7
    assert one_by_one(rule, range(7, 8)) == [0, -1, 0, -1, 0, -1, 0, -1]
    rule.finish()
    assert rule.groups.tolist() == [0, -1, 0, -1, 0, -1, 0, -1]


def test_in_photoprism_the_reach_of_a_cluster_grows_with_what_it_matches_up_to_its_limit() -> None:
    # Chords: 23 degrees are 0.399, 40 are 0.684, 48 are 0.813, 49 are 0.829.  With no radius the
    # reach is 0.40, with 23 degrees 0.799, and at most 0.82.
    start = [0, 0, 0, 0, 180, 180, 180, 180]
    rule = PhotoPrism(on_circle(*start, 40, 23, 40, 49, 48), 0.64)
    assert one_by_one(rule, range(13))[8:] == [-1, 0, 0, -1, 0]


def test_in_photoprism_a_face_goes_over_to_a_new_cluster_that_is_nearer() -> None:
    start = [0, 0, 0, 0, 180, 180, 180, 180, 23, 40]
    rule = PhotoPrism(on_circle(*start, 49, 49, 49, 49, 230, 240, 250, 260), 0.64)
    assert one_by_one(rule, range(17))[9:14] == [0, -1, -1, -1, -1]
    assert one_by_one(rule, range(17, 18))[8:14] == [0, 2, 2, 2, 2, 2]


def test_in_photoprism_another_cluster_dist_scales_the_reach_too() -> None:
    start = [0, 0, 0, 0, 180, 180, 180, 180]
    rule = PhotoPrism(on_circle(*start, 11, 12), 0.32)  # chords 0.192 and 0.209; reach 0.20
    assert one_by_one(rule, range(9))[8:] == [0]
    alone = PhotoPrism(on_circle(*start, 12), 0.32)
    assert one_by_one(alone, range(9))[8:] == [-1]


def test_nextcloud_clusters_everybody_when_25_faces_are_new() -> None:
    degrees = [*np.linspace(0.0, 0.5, NEW_FACES - 1), 90.0]
    rule = Nextcloud(on_circle(*degrees), 0.4)
    assert one_by_one(rule, range(NEW_FACES - 1)) == [-1] * (NEW_FACES - 1)
    groups = one_by_one(rule, range(NEW_FACES - 1, NEW_FACES))
    assert len(set(groups[:-1])) == 1
    assert groups[-1] not in {-1, groups[0]}


@pytest.mark.parametrize(
    ("clusters", "persons", "after"),
    [
        ([0, 0, 0, 1, 1], [-1, -1, -1, -1, -1], [0, 0, 0, 1, 1]),
        ([0, 0, 0, 0, 0], [1, 1, 1, 2, 2], [1, 1, 1, 1, 1]),
        ([0, 0, 1, 1, 1], [4, 4, 4, 4, 4], [5, 5, 4, 4, 4]),
        ([0, 0, 0, 1], [3, -1, -1, 3], [4, 4, 4, 3]),
        ([0, 0, 1, 1, 1], [2, 2, 2, 2, -1], [2, 2, 3, 3, 3]),
    ],
)
def test_in_nextcloud_a_cluster_goes_on_to_be_the_person_it_shares_most_with(
    clusters: list[int], persons: list[int], after: list[int]
) -> None:
    assert persons_of(np.array(clusters), np.array(persons)).tolist() == after


def people_made(people: int, photos: int, seed: int = 0) -> tuple[NDArray[np.float32], list[int]]:
    """Return faces far nearer to those of their person than to others, in turns."""
    choice = np.random.default_rng(seed)
    middles = choice.normal(0.0, 0.2, (people, 128))
    turns = list(range(people)) * photos
    return (middles[turns] + choice.normal(0.0, 0.01, (len(turns), 128))).astype(np.float32), turns


def test_the_daemons_way_clusters_after_200_new_faces_and_then_assigns() -> None:
    encodings, turns = people_made(25, 9)
    rule = Ours(encodings, np.arange(len(turns)))
    assert set(one_by_one(rule, range(199))) == {-1}
    assert len(set(one_by_one(rule, range(199, 200)))) == 25
    groups = one_by_one(rule, range(200, 225))
    assert groups[200:] == [groups[turn] for turn in turns[200:]]
    stays = rule.groups.copy()
    rule.finish()
    assert (rule.groups == stays).all()


def test_the_daemons_way_gives_one_face_of_a_photo_to_a_person() -> None:
    encodings, turns = people_made(25, 9)
    photos = np.arange(len(turns))
    photos[200:202] = 200
    encodings[201] = encodings[200] + 0.001
    rule = Ours(encodings, photos)
    one_by_one(rule, range(200))
    rule.take(range(200, 202))
    given = rule.groups[200:202].tolist()
    assert sorted(given) == [-1, rule.groups[turns[200]]]


def test_wrong_faces_joined_people_and_questions_are_counted_by_hand() -> None:
    #            Ann has four faces, Bob two, Cid one; whose the last one is nobody knows.
    people = np.array([0, 0, 0, 0, 1, 1, 2, -1])
    groups = np.array([5, 5, 5, 8, 5, -1, 9, 9])
    found = count(groups, people)
    assert (found.wrong, found.joined, found.found) == (1, 1, 1.0)
    assert found.questions == 2  # Bob's face goes to Bob, Ann's two groups are merged


def test_somebody_is_found_with_half_of_their_faces_in_a_group_that_is_mostly_theirs() -> None:
    ann, bob, cid = [0] * 4, [1] * 4, [2] * 2
    people = np.array([*ann, *bob, *cid])
    assert count(np.array([0, 0, 1, 2, 3, 3, 3, 3, 4, 4]), people).found == 1.0
    assert count(np.array([0, -1, 1, 2, 3, 3, 3, 3, 4, 4]), people).found == 0.5
    assert count(np.array([0, 0, 1, 2, 3, 3, 3, 3, 0, 0]), people).found == 0.5


def test_a_tie_is_given_to_whom_it_saves_a_merge() -> None:
    assert count(np.array([0, 0, 1]), np.array([0, 1, 0])).questions == 1
    assert count(np.array([0, 0, 1]), np.array([1, 0, 1])).questions == 1


def test_single_faces_cost_the_same_whether_they_are_shown_or_hidden() -> None:
    people = np.array([0, 0, 0, 1, 2])
    hidden, shown = np.array([0, 0, -1, -1, -1]), np.array([0, 0, 1, 2, 3])
    assert count(hidden, people) == count(shown, people)
    assert count(hidden, people).questions == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=9))
def test_the_questions_are_the_fewest_whoever_owns_the_groups(
    faces: list[tuple[int, int]],
) -> None:
    used = sorted({group for group, _ in faces})

    def steps(owners: tuple[int, ...]) -> int:
        owner = dict(zip(used, owners, strict=True))
        moved = sum(owner[group] != person for group, person in faces)
        return moved + len(owners) - len(set(owners))

    groups, people = (np.array(each) for each in zip(*faces, strict=True))
    least = min(map(steps, product(range(4), repeat=len(used))))
    assert count(groups, people).questions == least


def test_halves_share_nobody_and_keep_photos_together() -> None:
    people = np.array([0, 0, 1, 1, 2, 2, 3, 3, -1, -1])
    photos = np.array([0, 1, 2, 3, 4, 5, 6, 7, 0, 8])
    faces = Faces(np.arange(20, dtype=np.float32).reshape(10, 2), photos, people)
    one, other = halves(faces, seed=3)
    named = [set(half.faces.people.tolist()) - {-1} for half in (one, other)]
    assert named[0] | named[1] == {0, 1, 2, 3}
    assert len(named[0]) == len(named[1]) == 2
    with_face_8 = one if 0 in named[0] else other
    [row] = np.flatnonzero((with_face_8.faces.encodings == [16, 17]).all(axis=1))
    beside = with_face_8.faces.photos == with_face_8.faces.photos[row]
    assert with_face_8.faces.people[beside].tolist() == [0, -1]
    assert list(chain.from_iterable(one.photos)) == list(range(len(one.faces.people)))
    again, _ = halves(faces, seed=3)
    assert (again.faces.encodings == one.faces.encodings).all()


def test_a_share_of_pairs_is_a_distance_between_different_people_alone() -> None:
    encodings = np.array([[0, 1], [0, 2], [3, 0], [9, 9]], dtype=np.float32)
    ground = Ground(Faces(encodings, np.arange(4), np.array([0, 0, 1, -1])))
    assert ground.distances.tolist() == pytest.approx([np.sqrt(10.0), np.sqrt(13.0)])
    assert ground.cosine_distances.tolist() == pytest.approx([1.0, 1.0])
    assert at_share(np.array([1.0, 2.0, 3.0]), 0.5) == 2.0


def test_the_rule_and_the_distance_with_the_best_f1_are_chosen() -> None:
    # Faces of one person are 0.06 apart (1 - cosine), those of two at least 0.0937.
    encodings = on_circle(0, 20, 45, 65)
    ground = Ground(Faces(encodings, np.arange(4), np.array([0, 0, 1, 1])))
    within, across = 1.0 - np.cos(np.radians([20.0, 25.0]))
    distances = np.full(3, 0.1)
    make, chosen = best([Immich, Ente], distances, ground)
    assert make is Ente
    assert chosen == next(step * 0.1 for step in STEPS if step * 0.1 > within)
    assert chosen < across


def test_faces_that_change_groups_are_counted_as_moved() -> None:
    degrees = [0, 0, 0, 0, 180, 180, 180, 180, 23, 40, 49, 49, 49, 49, 230, 240, 250, 260]
    people = np.array([0] * 4 + [1] * 4 + [0, 2, 2, 2, 2, 2, 3, 3, 3, 3])
    ground = Ground(Faces(on_circle(*degrees), np.arange(18), people))
    found = measure(PhotoPrism(ground.faces.encodings, 0.64), ground)
    assert found["moved"] == 1
    assert found["wrong"] == 0


def test_all_systems_are_compared_and_clear_people_are_found_by_all() -> None:
    encodings, turns = people_made(12, 8)
    faces = Faces(encodings, np.arange(len(turns)), np.array(turns))
    rows = compare(faces, seed=1)
    assert {row.split(",")[0] for row in rows} == {
        "facewatchd",
        "Immich",
        "PhotoPrism",
        "Ente",
        "Nextcloud",
    }
    assert rows["facewatchd, default"]["questions"] == 0
    tuned = {name.split(",")[0]: row for name, row in rows.items() if "tuned" in name}
    assert all(row["wrong"] == 0 for row in tuned.values())
    assert [tuned[name]["found"] for name in ("Immich", "Ente", "Nextcloud")] == [1.0] * 3
    assert tuned["PhotoPrism"]["found"] > 0.5  # the last faces wait until eight have come
    both = over_orders([rows, {row: {**of, "wrong": 8.0} for row, of in rows.items()}])
    assert both["Ente, tuned"]["wrong"]["worst"] == 8.0
    assert both["Ente, tuned"]["found"] == {"mean": 1.0, "worst": 1.0}
    assert len(table(both)) == len(rows) + 2
