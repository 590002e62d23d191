from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.model import Look
from facewatchd.plugins import Scale
from facewatchd.suggest import Somebody, Suggestion, chance, suggest

DIMENSIONS = 4
SCALE = Scale(DIMENSIONS, 0.68, 0.50, 0.32, 0.52)


def nobody_apart(_one: str, _other: str) -> bool:
    return False


def look(number: int, person: str, *values: float) -> Look:
    centroid = np.zeros(DIMENSIONS)
    centroid[: len(values)] = values
    return Look(number, person, centroid, 3, 0.0)


def somebody(*photos: int, named: bool = False) -> Somebody:
    return Somebody(photos, named)


ANN, BOB = look(1, "ann", 0.0), look(2, "bob", 0.3)


def test_the_nearest_looks_of_two_people_tell_how_similar_they_are() -> None:
    people = {"ann": somebody(1, 2, 3), "bob": somebody(4, 5)}
    [found] = suggest([ANN, look(3, "ann", 0.1), BOB], people, SCALE, nobody_apart)
    assert (found.one, found.other, found.settles) == ("ann", "bob", 2)
    assert found.similarity == pytest.approx(0.8)
    assert found.worth == found.settles * found.chance


def test_a_named_person_takes_in_one_without_a_name_who_has_more_faces() -> None:
    people = {"ann": somebody(1, 2, 3, 4), "bob": somebody(5, named=True)}
    [found] = suggest([ANN, BOB], people, SCALE, nobody_apart)
    assert (found.one, found.other, found.settles) == ("bob", "ann", 4)


def test_two_people_with_names_are_never_suggested() -> None:
    people = {"ann": somebody(1, named=True), "bob": somebody(2, named=True)}
    assert suggest([ANN, BOB], people, SCALE, nobody_apart) == []


def test_people_who_share_a_photo_are_never_suggested() -> None:
    people = {"ann": somebody(1, 2), "bob": somebody(2, 3)}
    assert suggest([ANN, BOB], people, SCALE, nobody_apart) == []


def test_people_who_are_apart_make_room_for_the_next() -> None:
    people = {"ann": somebody(1), "bob": somebody(2), "cy": somebody(3)}
    looks = [ANN, BOB, look(3, "cy", -0.35)]
    [found] = suggest(looks, people, SCALE, lambda a, b: {a, b} == {"ann", "bob"}, most=1)
    assert {found.one, found.other} == {"ann", "cy"}


def test_people_below_the_floor_are_never_suggested() -> None:
    people = {"ann": somebody(1), "bob": somebody(2)}
    assert suggest([ANN, look(2, "bob", 0.51)], people, SCALE, nobody_apart) == []


def test_looks_of_people_who_are_not_asked_about_are_left_out() -> None:
    assert suggest([ANN, BOB], {"ann": somebody(1)}, SCALE, nobody_apart) == []
    assert suggest([], {}, SCALE, nobody_apart) == []


def test_a_chance_falls_with_distance_and_faces_and_grows_with_room() -> None:
    distances, rooms, faces = np.array([0.3, 0.4]), np.array([0.45, 0.55]), np.array([2.0, 20.0])
    nearer, farther = chance(distances, rooms[:1], faces[:1], SCALE)
    crowded, roomy = chance(distances[1:], rooms, faces[:1], SCALE)
    few, many = chance(distances[1:], rooms[1:], faces, SCALE)
    assert 1 > nearer > farther > 0
    assert crowded < roomy
    assert few > many
    [lonely] = chance(distances[1:], np.array([np.inf]), faces[:1], SCALE)
    assert lonely < 1, "nobody else in the library is no proof"


def by_hand(looks: list[Look], people: dict[str, Somebody], most: int) -> list[Suggestion]:
    """Compare everyone with everyone, one by one."""
    of = {who: [each.centroid for each in looks if each.person == who] for who in sorted(people)}
    away = {
        (one, other): min(float(np.linalg.norm(a - b)) for a in of[one] for b in of[other])
        for one in of
        for other in of
        if one != other
    }
    third = {
        one: ([*sorted(away[one, other] for other in of if other != one), *[np.inf] * 3])[2]
        for one in of
    }
    found = []
    for one, other in combinations(of, 2):
        a, b = people[one], people[other]
        if (a.named and b.named) or set(a.photos) & set(b.photos) or away[one, other] > 0.5:
            continue
        fewer = min(len(a.photos), len(b.photos))
        room = np.array([(third[one] + third[other]) / 2])
        [right] = chance(np.array([away[one, other]]), room, np.array([float(fewer)]), SCALE)
        settles = len(b.photos) if a.named else len(a.photos) if b.named else fewer
        kept, gone = (one, other)
        if (b.named, len(b.photos)) > (a.named, len(a.photos)):
            kept, gone = other, one
        found.append(Suggestion(kept, gone, 1 - away[one, other], settles, float(right)))
    return sorted(found, key=lambda each: -each.worth)[:most]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), number=st.integers(0, 30), most=st.integers(1, 40))
def test_suggestions_are_those_of_comparing_everyone_with_everyone(
    seed: int, number: int, most: int
) -> None:
    check_against_hand(seed, number, 2, most)


def test_more_looks_than_are_compared_at_once_give_the_same() -> None:
    check_against_hand(seed=1, number=130, looks=5, most=200)


def check_against_hand(seed: int, number: int, looks: int, most: int) -> None:
    chosen = np.random.default_rng(seed)
    people = {
        f"{person:03d}": Somebody(
            chosen.choice(2000, chosen.integers(1, 30)).tolist(), bool(chosen.random() < 0.3)
        )
        for person in range(number)
    }
    made = [
        Look(at, person, chosen.normal(size=DIMENSIONS) * 0.4, 2, 0.0)
        for at, person in enumerate(sorted([*people] * looks, key=lambda _: chosen.random()))
    ]
    found, expected = (
        suggest(made, people, SCALE, nobody_apart, most),
        by_hand(made, people, most),
    )
    assert [each[:2] for each in found] == [each[:2] for each in expected]
    assert [each.settles for each in found] == [each.settles for each in expected]
    assert [each.chance for each in found] == pytest.approx([each.chance for each in expected])
    assert [each.similarity for each in found] == pytest.approx(
        [each.similarity for each in expected]
    )
