from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.calibrate import Calibration, Known, calibrate
from facewatchd.clustering.looks import looks_of
from facewatchd.model import Look
from facewatchd.plugins import Scale
from facewatchd.wilson import Share

SCALE = Scale(4, 0.68, 0.50, 0.32, 0.52)


def point(*values: float) -> np.ndarray:
    whole = np.zeros(4, np.float32)
    whole[: len(values)] = values
    return whole


def known(
    face: int,
    where: np.ndarray | float,
    person: str | None = None,
    *,
    photo: int | None = None,
    independent: bool = True,
) -> Known:
    at = point(where) if isinstance(where, float) else where
    photo = face if photo is None else photo
    return Known(face, photo, at, person, person, independent and person is not None)


def looks(faces: list[Known]) -> list[Look]:
    """Return one look of everyone."""
    people = sorted({face.person for face in faces if face.person is not None})
    return [
        Look(at, who, np.mean([f.encoding for f in faces if f.person == who], axis=0), 2, 0.0)
        for at, who in enumerate(people)
    ]


def table(faces: list[Known]) -> Calibration:
    return calibrate(faces, looks(faces), SCALE)


def given_at(found: Calibration) -> dict[float, int]:
    return {row.similarity: row.given.hits for row in found.rows}


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    # By hand from the formula; the first two are in Brown, Cai and DasGupta (2001) as well.
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_shares_have_wilsons_interval(hits: int, tries: int, low: float, high: float) -> None:
    share = Share(hits, tries)
    assert (share.low, share.high) == pytest.approx((low, high), abs=1e-4)
    assert share.share == (hits / tries if tries else None)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_share_lies_within_its_interval(one: int, other: int) -> None:
    share = Share(min(one, other), max(one, other))
    assert 0 <= share.low <= share.high <= 1
    if share.share is not None:
        assert share.low <= share.share <= share.high


def test_a_table_goes_down_to_the_floor_and_has_the_present_threshold() -> None:
    rows = [row.similarity for row in table([known(1, 0.0, "ann")]).rows]
    assert rows == pytest.approx([0.72 - 0.02 * step for step in range(12)])


def test_a_face_is_compared_with_its_person_without_itself() -> None:
    # The mean of both is 0.175 from each, which would be similarity 0.825; the other face is 0.35.
    found = given_at(table([known(1, 0.0, "ann"), known(2, 0.35, "ann")]))
    assert (found[0.66], found[0.64]) == (0, 2)


def test_a_person_with_one_face_and_nobodys_faces_are_no_positives() -> None:
    assert table([known(1, 0.0, "ann"), known(2, 0.0)]).rows[0].given.tries == 0


def test_a_face_that_was_only_waved_through_is_no_positive_but_counts_for_the_looks() -> None:
    faces = [known(1, 0.0, "ann"), known(2, 0.1, "ann", independent=False)]
    found = table(faces)
    assert found.rows[0].given == (1, 1)


def test_a_positive_that_is_nearer_to_somebody_else_goes_to_a_wrong_person() -> None:
    faces = [known(1, 0.0, "ann"), known(2, 0.39, "ann")]
    faces += [known(3, 0.45, "bob", independent=False), known(4, 0.65, "bob", independent=False)]
    rows = {row.similarity: row for row in table(faces).rows}
    assert (rows[0.68].wrong, rows[0.60].given) == ((1, 2), (1, 2))


def test_a_merged_person_has_the_looks_of_both_owners_and_none_of_all_faces() -> None:
    then = [Known(0, 0, point(0.0), "ann", "ann", independent=True)]
    then += [
        Known(1 + at, 1 + at, 0.4 * np.eye(4, dtype=np.float32)[at], "ann", "ann")
        for at in range(3)
    ]
    now = [Known(5 + at, 5 + at, point(3.0 + 0.1 * at), "ann", "cy", at == 0) for at in range(2)]
    # To the mean of the other three 0.23, to each of them 0.4; to the other face of cy 0.1.
    found = given_at(calibrate(then + now, looks(then + now), SCALE))
    assert found[0.72] == 2


def test_two_faces_of_one_photo_are_joined_where_one_is_near_the_others_person() -> None:
    faces = [known(1, 0.0, "ann"), known(2, 0.1, "ann", photo=7), known(3, 0.42, photo=7)]
    # The mean of ann is 0.05, which is 0.37 from the other face in the photo.
    joined = {row.similarity: row.joined for row in table(faces).rows}
    assert (joined[0.64], joined[0.62]) == ((0, 1), (1, 1))


def test_two_faces_of_nobody_are_compared_with_each_other() -> None:
    joined = {
        row.similarity: row.joined.hits
        for row in table([known(1, 0.0, photo=7), known(2, 0.39, photo=7)]).rows
    }
    assert (joined[0.62], joined[0.60]) == (0, 1)


def test_a_pair_as_similar_as_a_mirror_image_is_set_aside_and_listed() -> None:
    found = table([known(1, 0.0, photo=7), known(2, 0.29, photo=7)])
    [pair] = found.aside
    assert pair[:3] == (7, 1, 2)
    assert pair.similarity == pytest.approx(0.71)
    assert found.rows[-1].joined.tries == 0


def test_a_photo_that_shows_one_person_twice_gives_no_pairs() -> None:
    shown = [known(face, 0.4 * face, "ann", photo=7) for face in (1, 2)] + [known(3, 5.0, photo=7)]
    found = table(shown)
    assert (found.rows[0].joined.tries, found.aside) == (0, ())


def library(people: int, strangers: int) -> list[Known]:
    """Return people far apart, with two photos each at similarity 0.64, and a group photo."""
    faces = [
        known(2 * person + side, point(10.0 * person + 0.36 * side), f"{person:04d}")
        for person in range(people)
        for side in (0, 1)
    ]
    group = [known(10_000 + at, point(0, 10.0 + at), photo=-1) for at in range(strangers)]
    return faces + group


def with_independent(faces: list[Known], number: int) -> list[Known]:
    """Return the faces with only the first ones confirmed independently."""
    return [replace(face, independent=at < number) for at, face in enumerate(faces)]


def test_a_settled_face_is_a_stranger_to_everyone_but_its_person() -> None:
    faces = [known(1, 0.0, "ann", independent=False), known(2, 0.1, "ann", independent=False)]
    faces += [known(3, 0.43, "bob", independent=False), known(4, 5.0, photo=9)]
    strangers = {row.similarity: row.strangers for row in table(faces).rows}
    # From bob to the mean of ann 0.38, from ann to bob 0.33 and 0.43; nobody's face is none.
    assert (strangers[0.68], strangers[0.66]) == ((0, 3), (1, 3))
    assert (strangers[0.60], strangers[0.56]) == ((2, 3), (3, 3))


def test_looks_of_people_without_a_settled_face_are_left_out() -> None:
    faces = [known(1, 0.0, "ann"), known(2, 0.1, "ann")]
    part_of_her = Look(9, "nameless", point(0.05).astype(np.float64), 2, 0.0)
    found = calibrate(faces, [*looks(faces), part_of_her], SCALE)
    assert found.rows[-1].strangers == (0, 2)


def test_nothing_is_proposed_below_two_hundred_positives() -> None:
    found = table(with_independent(library(600, 60), 199))
    assert (found.rows[0].given.tries, found.proposal) == (199, None)
    assert "199 faces" in found.why


def test_nothing_is_proposed_when_too_few_faces_or_pairs_could_speak_against_it() -> None:
    found = table(library(499, 60))
    assert (found.rows[0].strangers.tries, found.proposal) == (998, None)
    assert "998 settled faces" in found.why
    found = table(library(600, 45))
    assert (found.rows[0].joined.tries, found.proposal) == (990, None)
    assert "990 pairs" in found.why


def test_the_lowest_threshold_that_joins_nobody_wrongly_is_proposed() -> None:
    found = table(with_independent(library(500, 46), 200))
    assert found.proposal == 0.50
    assert "gives 100% of the confirmed faces" in found.why
    assert "0.68 gives 0%" in found.why


def test_a_threshold_at_which_strangers_would_be_taken_in_is_not_proposed() -> None:
    faces = library(500, 60)
    faces += [known(face, point(0, 0, 50.0), "ann", photo=face) for face in (40_000, 40_001)]
    faces += [known(40_002, point(0, 0, 49.61), "bob", independent=False)]
    found = table(faces)
    rows = {row.similarity: row.strangers.hits for row in found.rows}
    assert (rows[0.62], rows[0.60], found.proposal) == (0, 3, 0.62)


def test_a_threshold_at_which_faces_of_one_photo_would_be_joined_is_not_proposed() -> None:
    faces = library(500, 60) + pairs_in_photos(3, apart=0.33)
    found = table(faces)
    rows = {row.similarity: row.joined.hits for row in found.rows}
    assert (rows[0.68], rows[0.66], found.proposal) == (0, 3, None)
    assert "0.68 stays" in found.why


def test_nothing_is_proposed_when_every_threshold_joins_wrongly() -> None:
    faces = library(500, 46)
    # Nine strangers, each in a photo with somebody whose looks they are too near to.
    faces += [known(20_000 + at, 10.0 * at + 0.31, photo=2 * at) for at in range(9)]
    found = table(faces)
    assert (found.rows[0].joined.hits, found.proposal) == (9, None)
    assert "could be joined wrongly" in found.why


def pairs_in_photos(number: int, *, apart: float) -> list[Known]:
    return [
        known(30_000 + 2 * at + side, point(0, 0, 9.0 * at, apart * side), photo=50_000 + at)
        for at in range(number)
        for side in (0, 1)
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_leaving_a_face_out_is_the_same_as_never_having_had_it(seed: int, number: int) -> None:
    chosen = np.random.default_rng(seed)
    encodings = (chosen.normal(size=(number, 4)) * 0.25).astype(np.float32)
    faces = [known(at, encoding, "ann") for at, encoding in enumerate(encodings)]
    nearest = [
        min(
            float(np.linalg.norm(encodings[face] - encodings[look[look != face]].mean(axis=0)))
            for look in looks_of(encodings, SCALE.merge)
            if (look != face).any()
        )
        for face in range(number)
    ]
    for row in calibrate(faces, looks(faces), SCALE).rows:
        sure = [1 - away for away in nearest if abs(1 - away - row.similarity) > 1e-6]
        hits = sum(each > row.similarity for each in sure)
        assert hits <= row.given.hits <= hits + number - len(sure)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_lower_threshold_gives_more_and_joins_more(seed: int) -> None:
    chosen = np.random.default_rng(seed)
    faces = [
        known(at, (chosen.normal(size=4) * 0.3).astype(np.float32), person, photo=photo)
        for at, (person, photo) in enumerate(
            (("ann", "bob", "cy", None)[chosen.integers(4)], int(chosen.integers(10)))
            for _ in range(30)
        )
    ]
    rows = table(faces).rows
    for column in ("given", "wrong", "strangers", "joined"):
        hits = [getattr(row, column).hits for row in rows]
        assert hits == sorted(hits)
