"""What similarity a distance is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.assign import Looks, assign
from facewatchd.model import Look
from facewatchd.plugins import Scale

EUCLIDEAN = Scale(4, 0.68, 0.50, 0.32, 0.52)
COSINE = Scale(4, 0.5, 0.3, 0.9, 1.0, metric="cosine")


@pytest.mark.parametrize("scale", [EUCLIDEAN, COSINE], ids=lambda scale: scale.metric)
@given(similarity=st.floats(-0.99, 1.0))
def test_the_distance_of_a_similarity_has_that_similarity(scale: Scale, similarity: float) -> None:
    assert scale.similarity_at(scale.distance_at(similarity)) == pytest.approx(similarity)


@given(seed=st.integers(0, 2**32 - 1))
def test_with_cosine_the_similarity_of_unit_vectors_is_their_cosine(seed: int) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, 4))
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    distance = float(np.linalg.norm(one - other))
    assert COSINE.similarity_at(distance) == pytest.approx(float(one @ other), abs=1e-9)


def test_distances_are_turned_many_at_a_time() -> None:
    found = COSINE.similarity_at(np.array([0.0, 1.0, 2.0]))
    assert found.tolist() == [1.0, 0.5, -1.0]


def test_a_face_is_given_by_the_cosine_of_its_engine() -> None:
    look = Look(1, "ann", np.array([1.0, 0, 0, 0]), 1, 0.0)
    faces = np.array(
        [[np.cos(a), np.sin(a), 0, 0] for a in np.radians([50, 65, 80])], dtype=np.float32
    )
    near, between, far = (assign(face[None], Looks([look]), COSINE)[0] for face in faces)
    assert near.person == "ann"
    assert near.similarity == pytest.approx(np.cos(np.radians(50)))
    assert between.person is None
    assert [c.similarity for c in between.candidates] == [
        pytest.approx(np.cos(np.radians(65)), abs=1e-6)
    ]
    assert far.candidates == ()


def test_who_has_a_face_in_the_photo_already_gets_no_other() -> None:
    look = Look(1, "ann", np.zeros(4), 1, 0.0)
    [found] = assign(np.zeros((1, 4), np.float32), Looks([look]), EUCLIDEAN, {"ann"})
    assert found.person is None
    assert [candidate.person for candidate in found.candidates] == ["ann"]
