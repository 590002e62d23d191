from __future__ import annotations

import threading
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.clustering.cores import Cores

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What happens to a library at a time: the seed of chance, the share that goes, how many come.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.5, 1.0]),
        st.sampled_from([0, 0, 1, 1, 3, 25]),
    ),
    min_size=1,
    max_size=12,
)


def changed(
    faces: NDArray[np.float32], chance: np.random.Generator, share: float, new: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the faces after some went and ``new`` came anywhere between, and which were which."""
    stay = np.flatnonzero(chance.random(len(faces)) >= share)
    was = np.full(len(stay) + len(new), -1)
    was[np.sort(chance.permutation(len(was))[: len(stay)])] = stay
    after = np.empty((len(was), new.shape[1]), dtype=np.float32)
    after[was >= 0] = faces[stay]
    after[was < 0] = new
    return after, was


def same(one: Cores, other: Cores) -> None:
    for field in fields(Cores):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(a, b), field.name
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert np.asarray(a).shape == np.asarray(b).shape


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(2, 9), st.sampled_from([1.0, 1.5, 2.0]), STEPS
)
def test_after_any_additions_and_deletions_all_is_as_if_found_anew(
    min_samples: int, dimensions: int, side: int, eps: float, steps: list[tuple[int, float, int]]
) -> None:
    faces = np.empty((0, dimensions), dtype=np.float32)
    cores = Cores.of(faces, eps, min_samples)
    for seed, share, count in steps:
        chance = np.random.default_rng(seed)
        new = chance.integers(0, side, (count, dimensions)).astype(np.float32)
        faces, was = changed(faces, chance, share, new)
        cores = cores.after(faces, was)
        anew = Cores.of(faces, eps, min_samples)
        same(cores, anew)
        for border in ("nearest", "first"):
            assert np.array_equal(cores.labels(faces, border), anew.labels(faces, border))


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 2**32 - 1), st.integers(0, 50), st.integers(1, 6))
def test_the_state_is_what_it_is_defined_as(seed: int, count: int, min_samples: int) -> None:
    faces = np.random.default_rng(seed).integers(0, 6, (count, 2)).astype(np.float32)
    cores = Cores.of(faces, 1.0, min_samples)
    within = ((faces[:, None] - faces[None]) ** 2).sum(axis=2) <= 1.0
    assert np.array_equal(cores.counts, within.sum(axis=1))
    core = cores.counts >= min_samples
    assert np.array_equal(cores.component >= 0, core)
    for face in range(count):
        others = [other for other in np.flatnonzero(within[face]).tolist() if other != face]
        listed = cores.near[face][cores.near[face] >= 0].tolist()
        assert listed == ([] if core[face] else others)
    joined = np.where(core, np.arange(count), count)
    for _ in range(count):
        joined = np.where(within & core & core[:, None], joined, count).min(axis=1, initial=count)
    assert np.array_equal(cores.component, np.where(core, joined, -1))
    labels = cores.labels(faces)
    numbers = {component: number for number, component in enumerate(np.unique(joined[core]))}
    for face in range(count):
        beside = np.flatnonzero(within[face] & core)
        if core[face]:
            assert labels[face] == numbers[joined[face]]
        elif len(beside):
            squared = ((faces[beside] - faces[face]) ** 2).sum(axis=1)
            assert labels[face] == numbers[joined[beside[squared.argmin()]]]
        else:
            assert labels[face] == -1


def test_of_equally_near_cores_the_lower_has_the_border_face() -> None:
    # The first component has the cores 0 and 6, the second the core 3; 5 is 1 from both 3 and 6.
    line = np.array([[5], [4.5], [0], [1], [0], [2], [3], [4], [4.5], [3.5]], dtype=np.float32)
    cores = Cores.of(line, 1.0, 4)
    assert cores.counts[5] == 3
    labels = cores.labels(line)
    assert (cores.component[3], cores.component[6]) == (3, 0)
    assert (labels[3], labels[6], labels[5]) == (1, 0, 1)
    assert cores.labels(line, "first")[5] == 0


def test_the_nearest_core_and_the_first_cluster_may_differ() -> None:
    line = np.array([[-1], [-1], [0], [1], [1.75], [2.5], [2.5]], dtype=np.float32)
    cores = Cores.of(line, 1.0, 4)
    assert (cores.component >= 0).tolist() == [False, False, True, False, True, False, False]
    assert cores.labels(line, "nearest")[3] == 1
    assert cores.labels(line, "first")[3] == 0


def test_a_gone_bridge_parts_a_component() -> None:
    line = np.arange(11, dtype=np.float32)[:, None]
    cores = Cores.of(line, 1.0, 2)
    assert set(cores.component.tolist()) == {0}
    was = np.delete(np.arange(11), 5)
    assert cores.after(line[was], was).component.tolist() == [0] * 5 + [5] * 5


def test_nothing_is_looked_for_again_when_a_lone_face_goes() -> None:
    chance = np.random.default_rng(0)
    faces = chance.normal(0, 0.01, (500, 8)).astype(np.float32)
    faces[100] = 5.0
    cores = Cores.of(faces, 0.3, 3)
    was = np.delete(np.arange(500), 100)
    shares: list[float] = []
    after = cores.after(faces[was], was, shares.append)
    assert set(shares) <= {0.0, 1.0}
    same(after, Cores.of(faces[was], 0.3, 3))


def test_two_thousand_equal_faces_are_one_component() -> None:
    faces = np.full((2000, 128), 0.3, dtype=np.float32)
    cores = Cores.of(faces, 0.32, 5)
    assert (cores.counts == 2000).all()
    assert (cores.component == 0).all()
    was = np.delete(np.arange(2000), [0, 7])
    after = cores.after(faces[was], was)
    assert (after.counts == 1998).all()
    assert (after.labels(faces[was]) == 0).all()


def test_no_face_and_one_face() -> None:
    none = np.empty((0, 128), dtype=np.float32)
    cores = Cores.of(none, 0.32, 2)
    assert cores.labels(none).shape == (0,)
    assert cores.labels(none).dtype == np.int64
    one = np.zeros((1, 128), dtype=np.float32)
    assert cores.after(one, np.array([-1])).labels(one).tolist() == [-1]
    assert Cores.of(one, 0.32, 1).labels(one).tolist() == [0]


@pytest.mark.parametrize("was", [[0, 2, 1], [0, 0, 1], [0, 1]])
def test_faces_that_change_places_are_refused(was: list[int]) -> None:
    faces = np.zeros((3, 2), dtype=np.float32)
    with pytest.raises(ValueError, match="ascending"):
        Cores.of(faces, 1.0, 2).after(faces, np.array(was))


@pytest.mark.parametrize(("eps", "min_samples"), [(0.0, 2), (-1.0, 2), (float("nan"), 2), (1.0, 0)])
def test_a_radius_or_a_number_that_means_nothing_is_refused(eps: float, min_samples: int) -> None:
    with pytest.raises(ValueError, match="eps must be above 0"):
        Cores.of(np.zeros((3, 2), dtype=np.float32), eps, min_samples)


def test_progress_of_a_change_never_falls_and_ends_at_one() -> None:
    chance = np.random.default_rng(5)
    faces = chance.normal(0, 0.1, (3000, 8)).astype(np.float32)
    cores = Cores.of(faces, 0.2, 3)
    faces, was = changed(faces, chance, 0.1, chance.normal(0, 0.1, (500, 8)).astype(np.float32))
    shares: list[float] = []
    cores.after(faces, was, shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_what_progress_raises_passes_through_and_leaves_no_thread() -> None:
    faces = np.random.default_rng(6).normal(0, 0.1, (3000, 8)).astype(np.float32)
    before = threading.active_count()

    def cancel(share: float) -> None:
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Cores.of(faces, 0.2, 3, cancel)
    assert threading.active_count() == before
