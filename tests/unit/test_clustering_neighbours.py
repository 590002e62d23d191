from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.clustering.components import Components
from facewatchd.clustering.neighbours import Blocks, Plan, each_pair
from facewatchd.clustering.screen import cheapest, products, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = Blocks(rows=7, columns=16, threads=2)


class Cancelled(Exception):  # noqa: N818 - named as the one who cancels would
    pass


def found(
    encodings: NDArray[np.float32], eps: float, plan: Plan | None = None, blocks: Blocks = SMALL
) -> list[tuple[int, int]]:
    """Return all pairs that are handed over, in order, the lower face first."""
    pairs: list[tuple[int, int]] = []

    def take(ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        assert ones.dtype == others.dtype == np.int64
        pairs.extend(
            zip(np.minimum(ones, others).tolist(), np.maximum(ones, others).tolist(), strict=True)
        )

    every = Plan.touching(np.arange(len(encodings)), len(encodings))
    each_pair(encodings, eps, plan or every, take, blocks=blocks)
    return sorted(pairs)


def by_definition(encodings: NDArray[np.float32], eps: float) -> NDArray[np.bool_]:
    exact = encodings.astype(np.float64)
    return np.asarray(((exact[:, None] - exact[None]) ** 2).sum(axis=2) <= eps * eps)


def pairs_of(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    one, other = np.nonzero(np.triu(marks, 1))
    return list(zip(one.tolist(), other.tolist(), strict=True))


def along_few_directions(count: int, dimensions: int = 64) -> NDArray[np.float32]:
    """Return faces as encoders make them: most of the variance is along a few directions."""
    chance = np.random.default_rng(count)
    sizes = 0.4 * 0.85 ** np.arange(dimensions)
    turn = np.linalg.qr(chance.normal(size=(dimensions, dimensions)))[0]
    faces = (chance.normal(size=(count, dimensions)) * sizes) @ turn + 0.1
    return np.asarray(faces, dtype=np.float32)


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.integers(1, 4),
    st.sampled_from([1.0, 2.0**0.5, 2.0, 2.5]),
)
def test_pairs_on_a_grid_are_those_within_eps_and_at_it(
    seed: int, count: int, dimensions: int, eps: float
) -> None:
    grid = np.random.default_rng(seed).integers(0, 5, (count, dimensions)).astype(np.float32)
    assert found(grid, eps) == pairs_of(by_definition(grid, eps))


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(1, 30),
    st.integers(1, 30),
    st.integers(1, 4),
)
def test_neither_the_blocks_nor_the_threads_change_what_is_found(
    seed: int, count: int, rows: int, columns: int, threads: int
) -> None:
    faces = np.random.default_rng(seed).normal(0, 0.1, (count, 5)).astype(np.float32)
    assert found(faces, 0.2, blocks=Blocks(rows, columns, threads)) == found(
        faces, 0.2, blocks=Blocks()
    )


@pytest.mark.parametrize(("dimensions", "length"), [(128, 1.4), (512, 1.0), (512, 25.0)])
@pytest.mark.parametrize("off", [-1e-7, -1e-10, -1e-13, 1e-13, 1e-10, 1e-7])
def test_a_distance_a_hair_from_eps_is_told_as_float64_has_it(
    dimensions: int, length: float, off: float
) -> None:
    chance = np.random.default_rng(dimensions)
    faces = chance.normal(size=(300, dimensions))
    faces *= length / np.linalg.norm(faces, axis=1, keepdims=True)
    faces[150:] = faces[:150] + 0.02 * length * chance.normal(size=(150, dimensions))
    encodings = faces.astype(np.float32)
    exact = encodings.astype(np.float64)
    for face in range(0, 150, 10):
        eps = float(np.sqrt(((exact[face] - exact[face + 150]) ** 2).sum())) * (1 + off)
        assert ((face, face + 150) in found(encodings, eps, blocks=Blocks())) == (off > 0)


@pytest.mark.parametrize("scale", [1e-30, 1e-18, 1.0, 1e15, 1e30])
def test_no_size_of_the_numbers_is_too_small_or_too_large(scale: float) -> None:
    faces = (np.random.default_rng(1).integers(0, 6, (80, 3)) * np.float64(scale)).astype(
        np.float32
    )
    eps = 1.5 * scale
    expected = pairs_of(by_definition(faces, eps))
    assert found(faces, eps) == expected
    assert expected


def test_one_face_far_out_does_not_blur_the_others() -> None:
    faces = np.random.default_rng(2).normal(0, 0.1, (200, 16)).astype(np.float32)
    faces[100] = 1e9
    assert found(faces, 0.4) == pairs_of(by_definition(faces, 0.4))


def test_a_screen_along_some_axes_loses_no_pair() -> None:
    faces = along_few_directions(6000)
    screen = cheapest(whole(faces), faces, 0.32, 12_000_000)
    assert screen.axes is not None
    assert screen.axes.shape[1] < faces.shape[1]
    # A crowd in which nearly all are within eps is looked at along all axes.
    faces[5200:] = faces[5200] + 0.1 * (faces[5200:] - faces[5200])
    exact = faces.astype(np.float64)
    squares = (exact**2).sum(axis=1)
    within = squares[:, None] + squares - 2 * exact @ exact.T <= 0.32**2
    seen = np.zeros(within.shape, dtype=np.int8)

    def take(ones: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        np.add.at(seen, (ones, others), 1)

    each_pair(faces, 0.32, Plan.touching(np.arange(6000), 6000), take)
    assert np.array_equal(seen, np.triu(within, 1))
    assert seen[5200:, 5200:].sum() > 100_000
    assert seen[:5200, :5200].sum() > 20


def test_what_a_screen_computes_is_never_beyond_the_true_distance() -> None:
    faces = along_few_directions(5000)
    exact = faces[:300].astype(np.float64)
    squared = ((exact[:, None] - exact[None]) ** 2).sum(axis=2)
    for screen in (whole(faces), cheapest(whole(faces), faces, 0.32, 12_000_000)):
        rows = screen.rows(faces[:300])
        seen = products(rows, rows, np.empty((300, 300), dtype=np.float32)) * -2.0
        assert (seen * screen.unit**2 <= squared).all()
        assert screen.slack < 1e-4


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.floats(0, 1))
def test_pairs_touching_some_faces_are_found_once(seed: int, count: int, share: float) -> None:
    chance = np.random.default_rng(seed)
    grid = chance.integers(0, 4, (count, 2)).astype(np.float32)
    chosen = np.flatnonzero(chance.random(count) < share)
    touched = np.zeros(count, dtype=np.bool_)
    touched[chosen] = True
    expected = by_definition(grid, 1.0) & (touched[:, None] | touched[None])
    plan = Plan.touching(chosen, count)
    assert found(grid, 1.0, plan) == pairs_of(expected)
    assert plan.pairs == count * (count - 1) // 2 - (~touched).sum() * ((~touched).sum() - 1) // 2


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(1, 10))
def test_pairs_inside_groups_are_found_once(seed: int, count: int, groups: int) -> None:
    chance = np.random.default_rng(seed)
    grid = chance.integers(0, 4, (count, 2)).astype(np.float32)
    faces = np.flatnonzero(chance.random(count) < 0.7)
    group = chance.integers(0, groups, len(faces))
    pairs = found(grid, 1.0, Plan.inside(faces, group))
    near = by_definition(grid, 1.0)[np.ix_(faces, faces)]
    same = near & (group[:, None] == group[None])
    expected = {(int(faces[one]), int(faces[other])) for one, other in pairs_of(same)}
    assert len(set(pairs)) == len(pairs)
    assert expected <= set(pairs)
    assert set(pairs) <= set(pairs_of(by_definition(grid, 1.0)))


def test_pairs_inside_groups_cost_what_the_groups_do() -> None:
    plan = Plan.inside(np.arange(10_000), np.arange(10_000) // 10)
    assert plan.pairs == 1000 * 45
    compared = sum(
        tile.shape[0] * tile.shape[1] for tile in plan.tiles(Blocks(rows=256, columns=2048))
    )
    assert compared < 10_000 * 300


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_an_encoding_that_is_not_finite_is_named(wrong: float) -> None:
    faces = np.zeros((20, 4), dtype=np.float32)
    faces[7, 2] = faces[9, 0] = wrong
    with pytest.raises(ValueError, match="2 encodings are not finite, the first is number 7"):
        found(faces, 1.0)


def test_progress_never_falls_and_ends_at_one() -> None:
    faces = np.random.default_rng(3).normal(size=(100, 3)).astype(np.float32)
    shares: list[float] = []
    plan = Plan.touching(np.arange(100), 100)
    each_pair(faces, 0.5, plan, lambda _ones, _others: None, shares.append, SMALL)
    assert len(shares) > 50
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] == 1.0


def test_what_progress_raises_stops_the_run_and_leaves_no_thread() -> None:
    faces = np.random.default_rng(4).normal(size=(400, 3)).astype(np.float32)
    before = threading.active_count()
    taken = 0

    def take(_ones: NDArray[np.int64], _others: NDArray[np.int64]) -> None:
        nonlocal taken
        taken += 1

    def cancel(share: float) -> None:
        assert threading.active_count() > before
        if share > 0.1:
            raise Cancelled

    plan = Plan.touching(np.arange(400), 400)
    with pytest.raises(Cancelled):
        each_pair(faces, 0.5, plan, take, cancel, SMALL)
    assert threading.active_count() == before
    assert 0 < taken < len(list(plan.tiles(SMALL))) / 4


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(0, 90), st.integers(1, 5))
def test_components_are_the_connected_faces_by_the_lowest(
    seed: int, count: int, edges: int, batches: int
) -> None:
    chance = np.random.default_rng(seed)
    ones, others = chance.integers(0, count, (2, edges))
    components = Components(np.arange(count))
    for part in np.array_split(np.arange(edges), batches):
        components.join(ones[part], others[part])
    lowest = list(range(count))
    for _ in range(count):
        for one, other in zip(ones.tolist(), others.tolist(), strict=True):
            lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    assert components.of(np.arange(count)).tolist() == lowest
    apart = components.maybe_apart(ones, others)
    assert apart.dtype == np.bool_


def test_a_long_chain_is_joined_at_once() -> None:
    components = Components(np.arange(100_000))
    components.join(np.arange(99_999), np.arange(1, 100_000))
    assert (components.of(np.arange(100_000)) == 0).all()
