from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.libraries import Library, load
from bench.synthetic import SIBLINGS_APART, make, percentiles, save, sizes_of
from tests.support.lfw_like import labelled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def real() -> Library:
    return labelled()


def test_made_faces_are_as_far_apart_as_the_real_ones() -> None:
    # Nearer pairs of different people are left out: LFW has more of them than normal deviates.
    real = labelled(people=1000)
    made = make(real, 5000, seed=1).library
    ours, theirs = (
        percentiles(made.encodings, made.people),
        percentiles(real.encodings, real.people),
    )
    compared = [("same person", f"{at} %") for at in (5, 25, 50, 75, 95)]
    compared += [("different people", "0.1 %"), ("different people", "1 %")]
    for kind, at in compared:
        assert ours[kind][at] == pytest.approx(theirs[kind][at], abs=0.04), (kind, at)


def test_the_faces_have_no_copies(real: Library) -> None:
    made = make(real, 3000, seed=2).library
    assert made.encodings.dtype == np.float32
    assert np.isfinite(made.encodings).all()
    assert len(np.unique(made.encodings, axis=0)) == 3000


def test_siblings_have_twenty_photos_and_centroids_0_35_apart(real: Library) -> None:
    made = make(real, 8000, seed=3, siblings=10)
    sizes = np.bincount(made.library.people)
    assert made.siblings.shape == (10, 2)
    assert (sizes[made.siblings] >= 20).all()
    centroids = np.stack(
        [
            made.library.encodings[made.library.people == person].mean(axis=0, dtype=np.float64)
            for person in np.flatnonzero(sizes >= 20)
        ]
    )
    one, other = made.siblings.T  # people who have most come first, siblings before all
    apart = np.linalg.norm(centroids[one] - centroids[other], axis=1)
    np.testing.assert_allclose(apart, SIBLINGS_APART, atol=1e-5)


def test_no_others_with_twenty_photos_are_nearer_than_siblings(real: Library) -> None:
    made = make(real, 8000, seed=4, siblings=5)
    often = np.flatnonzero(np.bincount(made.library.people) >= 100)
    centroids = np.stack(
        [made.library.encodings[made.library.people == person].mean(axis=0) for person in often]
    )
    apart = np.linalg.norm(centroids[:, None] - centroids, axis=2)[np.triu_indices(len(often), 1)]
    assert apart.min() > SIBLINGS_APART - 0.03  # the mean of 100 faces is off by up to so much


def test_no_photo_shows_somebody_twice_and_most_show_several(real: Library) -> None:
    made = make(real, 5000, seed=5).library
    shown = np.stack([made.photos, made.people])
    assert np.unique(shown, axis=1).shape[1] == 5000
    faces = np.bincount(made.photos)
    assert faces.max() <= 4
    assert (faces >= 2).mean() > 0.9
    first = np.unique(made.photos, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # numbered in the order of their first faces


def test_the_same_seed_makes_the_same_faces_and_another_one_others(real: Library) -> None:
    one, again, other = (make(real, 1000, seed=seed, siblings=1) for seed in (6, 6, 7))
    for ours, theirs in zip(one.library, again.library, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(one.library.encodings, other.library.encodings)


@pytest.mark.parametrize("count", [1, 10, 100, 1000, 100_000, 1_000_000])
def test_a_library_has_a_few_people_with_many_faces_and_many_with_one(count: int) -> None:
    sizes = sizes_of(count, 0.3)
    assert sizes.sum() == count
    assert (np.diff(sizes) <= 0).all()
    assert sizes[0] <= max(1, min(count // 20, 20_000))
    if count >= 100_000:
        assert np.count_nonzero(sizes == 1) == pytest.approx(0.3 * count, rel=0.25)
        assert 5 <= np.count_nonzero(sizes >= 1000) <= 200


def test_without_anybody_with_five_faces_nothing_can_be_made(real: Library) -> None:
    strangers = real.some(real.people >= 60)
    with pytest.raises(ValueError, match="nobody has 5 labelled faces"):
        make(strangers, 100)


def test_more_siblings_than_faces_are_refused(real: Library) -> None:
    with pytest.raises(ValueError, match="50 pairs of siblings have more than 100 faces"):
        make(real, 100, siblings=50)


def test_what_is_kept_is_read_again(real: Library, tmp_path: Path) -> None:
    made = make(real, 500, seed=8, siblings=1)
    save(made, tmp_path / "made.npz")
    for ours, theirs in zip(made.library, load(tmp_path / "made.npz"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
