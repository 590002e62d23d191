from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.calibrate import Alike, Calibration, Known, Share, calibrate
from facewatchd.clustering.looks import looks_of
from facewatchd.model import Look
from facewatchd.plugins import Scale

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


def test_looks_of_both_owners_of_a_merged_person_count() -> None:
    then = [Known(1, 1, point(0.0), "ann", "ann", True), Known(2, 2, point(0.1), "ann", "ann")]
    now = [Known(3, 3, point(3.0), "ann", "cy", True), Known(4, 4, point(3.1), "ann", "cy")]
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
    assert pair == Alike(7, 1, 2, pytest.approx(0.71))
    assert found.rows[-1].joined.tries == 0


def test_a_photo_that_shows_one_person_twice_gives_no_pairs() -> None:
    shown = [known(face, 0.4 * face, "ann", photo=7) for face in (1, 2)] + [known(3, 5.0, photo=7)]
    found = table(shown)
    assert (found.rows[0].joined.tries, found.aside) == (0, ())


def library(people: int, strangers: int, *, near: float = 0.36) -> list[Known]:
    """Return people far apart with two photos each, ``near`` to each other, and a group photo."""
    faces = [
        known(2 * person + side, point(10.0 * person + near * side), f"{person:04d}")
        for person in range(people)
        for side in (0, 1)
    ]
    group = [known(10_000 + at, point(0, 10.0 + at), photo=-1) for at in range(strangers)]
    return faces + group


def test_nothing_is_proposed_below_two_hundred_positives() -> None:
    found = table(library(99, 60))
    assert (found.rows[0].given.tries, found.proposal) == (198, None)
    assert "198 faces" in found.why


def test_nothing_is_proposed_when_too_few_pairs_can_speak_against_it() -> None:
    found = table(library(100, 40))
    assert (found.rows[0].joined.tries, found.proposal) == (780, None)
    assert "780 pairs" in found.why


def test_the_lowest_threshold_that_joins_nobody_wrongly_is_proposed() -> None:
    faces = library(100, 46)
    faces += [known(20_000, 0.39 + 0.0, photo=0)]  # a stranger in the photo of somebody
    found = table(faces)
    # The mean of that person is 0.18, and the stranger 0.21 away: joined at any threshold.
    assert found.proposal is None
    assert "could be joined wrongly" in found.why
    found = table(library(100, 46))
    assert found.proposal == 0.50
    assert "gives 100 % of" in found.why.replace("100%", "100 %")
    assert "instead of 0%" in found.why


def test_the_present_threshold_stays_where_a_lower_one_would_join_wrongly() -> None:
    faces = library(100, 60)
    # Pairs at similarity 0.67, in photos of their own.
    for at in range(3):
        faces += [
            known(30_000 + 2 * at + side, point(0, 0, 9.0 * at, 0.33 * side), photo=50_000 + at)
            for side in (0, 1)
        ]
    found = table(faces)
    rows = {row.similarity: row.joined.hits for row in found.rows}
    assert (rows[0.68], rows[0.66], found.proposal) == (0, 3, None)
    assert "0.68 stays" in found.why


def test_a_threshold_at_which_confirmed_faces_go_astray_is_not_proposed() -> None:
    faces = library(100, 60)
    # Whose own other face is 0.6 away, and somebody else 0.39: wrong from 0.61 down.
    faces += [known(40_000, point(0, 0, 50.0), "ann"), known(40_001, point(0, 0, 50.6), "ann")]
    faces += [known(40_002, point(0, 0, 49.61), "bob", independent=False)]
    found = table(faces)
    rows = {row.similarity: row.wrong.hits for row in found.rows}
    assert (rows[0.62], rows[0.60], found.proposal) == (0, 1, 0.62)


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
    for column in ("given", "wrong", "joined"):
        hits = [getattr(row, column).hits for row in rows]
        assert hits == sorted(hits)
        assert all(s.low <= (s.share or 0) <= s.high for s in (getattr(r, column) for r in rows))
