from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN

from facewatchd.clustering.dbscan import Dbscan, dbscan
from facewatchd.clustering.screen import cheapest, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray


def people(seed: int, count: int, people: int, dimensions: int) -> NDArray[np.float32]:
    """Return faces of people of very different numbers, spread as dlib's are."""
    chance = np.random.default_rng(seed)
    centres = chance.normal(scale=0.6 / dimensions**0.5, size=(people, dimensions))
    who = (people * chance.random(count) ** 3).astype(np.int64)
    spread = chance.normal(scale=0.24 / dimensions**0.5, size=(count, dimensions))
    return (0.1 + centres[who] + spread).astype(np.float32)


def of_scikit_learn(
    encodings: NDArray[np.float32], eps: float, min_samples: int
) -> NDArray[np.int64]:
    found = DBSCAN(eps=eps, min_samples=min_samples).fit(encodings.astype(np.float64))
    return np.asarray(found.labels_)


def grouped(encodings: NDArray[np.float32], eps: float, min_samples: int) -> NDArray[np.int64]:
    photos = np.arange(len(encodings))
    return Dbscan().group(encodings, photos, eps=eps, min_samples=min_samples, merge=0.5, reach=0.4)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from([1.0, 2.0**0.5, 2.0, 2.5]),
)
def test_on_a_grid_labels_are_those_of_scikit_learn(
    seed: int, count: int, dimensions: int, min_samples: int, eps: float
) -> None:
    grid = np.random.default_rng(seed).integers(0, 7, (count, dimensions)).astype(np.float32)
    assert np.array_equal(grouped(grid, eps, min_samples), of_scikit_learn(grid, eps, min_samples))


@pytest.mark.parametrize("min_samples", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("dimensions", [128, 512])
def test_labels_of_people_are_those_of_scikit_learn(min_samples: int, dimensions: int) -> None:
    faces = people(min_samples, 1500, 150, dimensions)
    expected = of_scikit_learn(faces, 0.32, min_samples)
    assert expected.max() > 3 or min_samples == 20
    assert np.array_equal(grouped(faces, 0.32, min_samples), expected)


def test_the_screen_along_some_axes_changes_no_label() -> None:
    chance = np.random.default_rng(9)
    directions = np.linalg.qr(chance.normal(size=(64, 64)))[0]
    faces = (chance.normal(size=(5000, 64)) * 0.4 * 0.85 ** np.arange(64)) @ directions
    encodings = faces.astype(np.float32)
    assert cheapest(whole(encodings), encodings, 0.35, 12_000_000).axes is not None
    for min_samples in (2, 4):
        expected = of_scikit_learn(encodings, 0.35, min_samples)
        assert len(np.unique(expected)) > 10
        assert np.array_equal(grouped(encodings, 0.35, min_samples), expected)


@pytest.mark.parametrize("off", [-1e-7, 1e-7])
def test_two_faces_a_ten_millionth_from_eps_are_told_apart(off: float) -> None:
    faces = people(3, 2, 2, 128)
    away = float(np.linalg.norm(faces[0].astype(np.float64) - faces[1].astype(np.float64)))
    expected = [0, 0] if off > 0 else [-1, -1]
    assert grouped(faces, away + off, 2).tolist() == expected


def test_a_partition_for_at_most_two_does_not_depend_on_the_order() -> None:
    faces = people(4, 600, 60, 32)
    order = np.random.default_rng(4).permutation(600)
    labels, shuffled = dbscan(faces, 0.32, 2), dbscan(faces[order], 0.32, 2)
    together = labels[:, None] == labels[None]
    assert np.array_equal(together[np.ix_(order, order)], shuffled[:, None] == shuffled[None])


def test_all_noise_and_one_face_and_none() -> None:
    far = 10 * np.eye(50, dtype=np.float32)
    assert (grouped(far, 0.32, 2) == -1).all()
    assert grouped(far[:1], 0.32, 2).tolist() == [-1]
    empty = grouped(far[:0], 0.32, 2)
    assert empty.shape == (0,)
    assert empty.dtype == np.int64


def test_two_thousand_equal_faces_are_one_cluster() -> None:
    assert (grouped(np.full((2000, 128), 0.3, dtype=np.float32), 0.32, 5) == 0).all()


def test_bad_encodings_are_named() -> None:
    faces = np.zeros((5, 3), dtype=np.float32)
    faces[3] = np.nan
    with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 3"):
        grouped(faces, 0.32, 2)
    with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 3"):
        dbscan(faces, 0.32, 2)
