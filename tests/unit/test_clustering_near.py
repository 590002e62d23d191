"""The lists of nearest groups: they are right, and kept from run to run they change nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.clustering.directions import mean_directions, numbered
from facewatchd.clustering.judge import one_person
from facewatchd.clustering.linkage import grow, near_groups, near_groups_after
from facewatchd.clustering.near import Near, unchanged

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LIMIT = 0.45


def faces(chance: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return faces of five people, one in four the same as another."""
    places = np.random.default_rng(1).normal(size=(5, 16)) * 0.2 + 1.0
    found = places[chance.integers(5, size=count)] + chance.normal(size=(count, 16)) * 0.15
    again = chance.random(count) < 0.25
    found[again] = found[chance.integers(count, size=count)][again]
    return found.astype(np.float32)


def assert_right(near: Near, means: NDArray[np.float64]) -> None:
    """Who is listed is about so far away, and who is not is at least as far as the bound."""
    heights = 2.0 - 2.0 * means @ means.T
    for group in range(len(means)):
        listed = near.groups[group][near.groups[group] >= 0]
        assert len(set(listed.tolist()) | {group}) == len(listed) + 1
        known = near.heights[group][: len(listed)]
        np.testing.assert_allclose(known, heights[group, listed], atol=2e-5)
        assert np.isinf(near.heights[group][len(listed) :]).all()
        assert (np.diff(known) >= 0).all()
        others = np.setdiff1d(np.arange(len(means)), np.append(listed, group))
        assert (heights[group, others] >= near.bound[group] - 1e-12).all()


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(1, 9),
    st.sampled_from([0.1, 0.2, 4.1]),
)
def test_lists_have_the_nearest_and_bounds_hold(
    seed: int, count: int, width: int, limit: float
) -> None:
    chance = np.random.default_rng(seed)
    groups = numbered(chance.integers(-1, 8, size=count))
    means, _ = mean_directions(faces(chance, count), groups)
    near = Near.of(means, limit, width)
    assert_right(near, means)
    full = near.groups[:, -1] >= 0
    assert (near.bound[~full] == limit).all()
    heights = 2.0 - 2.0 * means @ means.T
    np.fill_diagonal(heights, np.inf)
    fewer = np.minimum(np.count_nonzero(heights < limit - 1e-4, axis=1), width)
    assert (np.count_nonzero(near.groups >= 0, axis=1) >= fewer).all()


@pytest.mark.parametrize("noise", [0.1, 0.0])
def test_lists_hold_across_blocks_and_in_a_crowd(noise: float) -> None:
    chance = np.random.default_rng(3)
    encodings = (1.0 + noise * chance.normal(size=(4500, 8))).astype(np.float32)
    means, _ = mean_directions(encodings, np.arange(4500))
    near = Near.of(means, 3.0, 4)
    some = np.arange(0, 4500, 450)
    heights = 2.0 - 2.0 * means[some] @ means.T
    heights[np.arange(len(some)), some] = np.inf
    np.testing.assert_allclose(near.heights[some], np.sort(heights, axis=1)[:, :4], atol=2e-6)
    np.testing.assert_allclose(near.bound[some], near.heights[some, 3], atol=2e-5)


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_a_long_history_comes_to_what_a_full_run_comes_to(data: st.DataObject) -> None:
    chance = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    encodings, labels = faces(chance, 30), chance.integers(-1, 6, size=30)
    near = near_groups(encodings, labels, LIMIT)
    for _ in range(data.draw(st.integers(1, 8))):
        before = labels
        stay = np.flatnonzero(
            chance.random(len(encodings)) < data.draw(st.sampled_from([0.5, 0.9, 1]))
        )
        new = data.draw(st.integers(0, 12))
        was = np.concatenate([stay, np.full(new, -1)])
        encodings = np.concatenate([encodings[stay], faces(chance, new)])
        labels = np.concatenate([labels[stay], chance.integers(-1, 6, size=new)])
        # Labels are other numbers in each run, and now and then a group is taken apart.
        labels = np.where(labels >= 0, chance.permutation(64)[labels], -1)
        if data.draw(st.booleans()):
            labels[labels == labels.max(initial=-1)] = -1
        near = near_groups_after(near, encodings, labels, before=before, was=was)
        means, _ = mean_directions(encodings, numbered(labels))
        assert_right(near, means)
        for judge in (None, partial(one_person, merge=LIMIT)):
            found = grow(encodings, labels, LIMIT, near=near, judge=judge)
            wanted = grow(encodings, labels, LIMIT, judge=judge)
            for name in ("joins", "heights", "counts", "spreads"):
                np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def test_a_group_is_unchanged_when_it_has_the_same_faces() -> None:
    before = np.array([0, 0, 1, 1, 2, 3, 3])
    was = np.array([6, 5, 0, 1, -1, 2, 4])  # face 3 is gone, one is new
    now = np.array([1, 1, 0, 0, 0, 2, 3])
    assert unchanged(before, now, was).tolist() == [-1, 3, -1, 2]


def test_nobody_is_unchanged_where_nobody_was() -> None:
    none = np.empty(0, dtype=np.int64)
    assert unchanged(none, np.array([0, 1]), np.array([-1, -1])).tolist() == [-1, -1]
    assert unchanged(np.array([0, 0]), none, none).tolist() == []


def test_lists_can_be_kept_in_a_file(tmp_path: Path) -> None:
    near = near_groups(faces(np.random.default_rng(1), 40), np.full(40, -1), LIMIT)
    np.savez(tmp_path / "near.npz", **vars(near))
    with np.load(tmp_path / "near.npz") as kept:
        again = Near(kept["groups"], kept["heights"], kept["bound"], float(kept["limit"]))
    encodings = faces(np.random.default_rng(1), 40)
    alone = np.full(40, -1)
    assert np.array_equal(
        grow(encodings, alone, LIMIT, near=again).joins, grow(encodings, alone, LIMIT).joins
    )
