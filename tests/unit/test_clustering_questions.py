"""What a run asks about kept people."""

from __future__ import annotations

import numpy as np

from facewatchd.clustering.labels import members
from facewatchd.clustering.looks import looks_of
from facewatchd.clustering.matching import Before
from facewatchd.clustering.questions import Question, questions

PLACES = [0.0, 0.1, 1.0, 1.1, 1.2, 1.05]
CLUSTERS = [0, 0, 1, 1, 1, 1]
ANN, BOB, NOBODY = 0, 1, -1


def asked(
    owners: list[int],
    clusters: list[int] = CLUSTERS,
    *,
    after: list[int] | None = None,
    persons: tuple[int, int] = (ANN, BOB),
    kept: tuple[bool, bool] = (True, True),
    refused: tuple[tuple[int, int], ...] = (),
    confirmed: tuple[int, ...] = (),
    places: list[float] = PLACES,
) -> list[Question]:
    before = Before(
        owners=np.array(owners),
        persons=np.array(persons),
        kept=np.array(kept),
        refused=np.array(refused, dtype=np.int64).reshape(-1, 2),
        confirmed=np.isin(np.arange(len(owners)), confirmed),
        looks=np.empty(0, dtype=np.int64),
        centroids=np.empty((0, 1)),
    )
    encodings = np.array(places, dtype=np.float32)[:, None]
    now = np.array(after or owners)
    looks = [[faces[look] for look in looks_of(encodings[faces], 0.5)] for faces in members(now)]
    return questions(encodings, np.array(clusters), now, before, looks)


def test_a_face_among_another_persons_is_asked_about() -> None:
    (question,) = asked([ANN, ANN, BOB, BOB, BOB, ANN])
    assert question[:3] == (5, ANN, BOB)
    assert abs(question.distance - 0.05) < 1e-6


def test_a_face_among_those_of_somebody_unnamed_or_new_is_asked_about_too() -> None:
    before = [ANN, ANN, NOBODY, NOBODY, NOBODY, ANN]
    (question,) = asked(before, after=[ANN, ANN, 2, 2, 2, ANN])
    assert question[:3] == (5, ANN, 2)


def test_a_face_in_no_cluster_or_with_its_own_person_is_not_asked_about() -> None:
    assert asked([ANN, ANN, BOB, BOB, BOB, ANN], [0, 0, 1, 1, 1, -1]) == []
    assert asked([ANN, ANN, BOB, BOB, BOB, BOB]) == []
    assert asked([ANN, ANN, BOB, BOB, BOB, ANN], persons=(ANN, ANN)) == []


def test_half_of_a_cluster_is_no_majority() -> None:
    assert asked([ANN, ANN, BOB, BOB, NOBODY, ANN]) == []


def test_a_face_nearer_to_its_own_person_is_not_asked_about() -> None:
    chained = [0, 0, 0, 0, 0, 0]
    assert [each.face for each in asked([ANN, ANN, BOB, BOB, BOB, BOB], chained)] == []


def test_a_look_counts_without_the_face_itself() -> None:
    # Ann's other face is 1.05 away, the mean of both 0.525, and Bob 0.7.
    places = [0.0, 1.05, 1.75, 1.75, 1.75]
    (question,) = asked([ANN, ANN, BOB, BOB, BOB], [-1, 0, 0, 0, 0], places=places)
    assert question[:3] == (1, ANN, BOB)
    assert abs(question.distance - 0.7) < 1e-6


def test_what_the_user_said_is_not_asked_again() -> None:
    mixed = [ANN, ANN, BOB, BOB, BOB, ANN]
    assert asked(mixed, confirmed=(5,)) == []
    assert asked(mixed, refused=((5, BOB),)) == []


def test_faces_of_people_who_are_not_kept_are_not_asked_about() -> None:
    assert asked([ANN, ANN, BOB, BOB, BOB, ANN], kept=(False, True)) == []
