"""Chinese Whispers: labels that spread among neighbours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.clustering import chinese_whispers
from facewatchd.clustering.chinese_whispers import ChineseWhispers, Neighbours
from tests.support.made_faces import line, made, partition

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR = 0.42


def grouped(
    encodings: NDArray[np.float32], whispers: ChineseWhispers | None = None
) -> NDArray[np.int64]:
    one = whispers or ChineseWhispers(NEAR)
    return one.group(encodings, np.arange(len(encodings)), merge=0.5)


def every_face_in_every_round(
    encodings: NDArray[np.float32], whispers: ChineseWhispers
) -> NDArray[np.int64]:
    """Do what the paper says, with the same orders: visit all faces, round after round."""
    exact = encodings.astype(np.float64)
    near = ((exact[:, None] - exact[None, :]) ** 2).sum(axis=2) <= NEAR**2
    np.fill_diagonal(near, val=False)
    labels = np.empty(len(encodings), dtype=np.int64)
    labels[whispers._turns(encodings, 0)] = np.arange(len(encodings))
    for round_ in range(1, whispers.iterations + 1):
        for face in whispers._turns(encodings, round_):
            counts = np.bincount(labels[near[face]], minlength=len(labels))
            if counts.max(initial=0) > counts[labels[face]]:
                labels[face] = counts.argmax()
    return labels


def test_people_become_clusters_and_whoever_has_no_neighbour_is_in_none() -> None:
    positions = line(5.0, 0.0, 0.1, 5.1, 9.0, 0.2)
    assert grouped(positions).tolist() == [0, 1, 1, 0, -1, 1]


def test_neighbours_are_at_most_the_distance_apart() -> None:
    for away, labels in ((0.42, [0, 0]), (0.4201, [-1, -1])):
        encodings = np.array([[0.0, 0.0], [0.0, away]], dtype=np.float32)
        assert grouped(encodings).tolist() == labels


def test_without_a_distance_directions_are_compared_with_the_scale() -> None:
    # Two directions 23.07 degrees apart have a distance of 0.4, which is 0.8 of the scale's 0.5.
    def leaning(degrees: float) -> NDArray[np.float32]:
        angle = np.radians(degrees)
        return np.array([[1, 0], [3 * np.cos(angle), 3 * np.sin(angle)]], dtype=np.float32)

    assert grouped(leaning(23.0), ChineseWhispers()).tolist() == [0, 0]
    assert grouped(leaning(23.1), ChineseWhispers()).tolist() == [-1, -1]


def test_two_crowds_with_a_bridge_stay_two() -> None:
    # DBSCAN would make one of them: each face is near the next.
    positions = line(*np.linspace(0.0, 0.3, 12), 0.6, *np.linspace(0.9, 1.2, 12))
    labels = grouped(positions)
    assert len(set(labels[:12])) == len(set(labels[13:])) == 1
    assert labels[0] != labels[-1]


def test_made_people_are_found() -> None:
    encodings, people = made(seed=1, people=12, photos=20, strangers=30)
    labels = grouped(encodings)
    assert partition(labels) == partition(people)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.floats(0.3, 4.0), st.integers(1, 4))
def test_visiting_only_who_waits_is_the_same_as_visiting_all(
    seed: int, count: int, spread: float, iterations: int
) -> None:
    chance = np.random.default_rng(seed)
    encodings = chance.uniform(0, spread, size=(count, 2)).astype(np.float32)
    whispers = ChineseWhispers(NEAR, iterations, seed)
    wanted = every_face_in_every_round(encodings, whispers)
    sizes = np.bincount(wanted)
    alone = sizes[wanted] == 1
    assert partition(grouped(encodings, whispers)) == partition(np.where(alone, -1, wanted))


@pytest.mark.parametrize(
    ("block", "tile", "marks"), [(1, 7, 2**26), (3, 1000, 2**26), (256, 5, 90)]
)
def test_the_size_of_blocks_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, block: int, tile: int, marks: int
) -> None:
    encodings = np.random.default_rng(3).uniform(0, 4.0, size=(200, 2)).astype(np.float32)
    straight = grouped(encodings)
    assert straight.max() > 3
    monkeypatch.setattr(chinese_whispers, "_BLOCK", block)
    monkeypatch.setattr(chinese_whispers, "_TILE", tile)
    monkeypatch.setattr(chinese_whispers, "_MARKS", marks)
    np.testing.assert_array_equal(grouped(encodings), straight)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(2, 80))
def test_the_order_of_the_faces_changes_no_cluster(seed: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    encodings = chance.uniform(0, 1.2, size=(count, 3)).astype(np.float32)
    order = chance.permutation(count)
    turned = np.empty(count, dtype=np.int64)
    turned[order] = grouped(encodings[order])
    assert partition(turned) == partition(grouped(encodings))


def test_a_seed_gives_the_same_every_time_and_another_may_give_another() -> None:
    encodings = np.random.default_rng(0).uniform(0, 2.0, size=(300, 2)).astype(np.float32)
    found = {
        seed: partition(grouped(encodings, ChineseWhispers(NEAR, seed=seed))) for seed in range(4)
    }
    again = {
        seed: partition(grouped(encodings, ChineseWhispers(NEAR, seed=seed))) for seed in range(4)
    }
    assert found == again
    assert len({frozenset(each) for each in found.values()}) > 1


def test_neighbours_at_the_very_limit_are_told_by_their_exact_distance() -> None:
    # In float32 products the distances below cannot be told apart.
    chance = np.random.default_rng(5)
    directions = chance.normal(size=(400, 128))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    lengths = 0.42 + chance.uniform(-1e-6, 1e-6, size=400)
    encodings = np.vstack([np.zeros(128), directions * lengths[:, None]]).astype(np.float32)
    encodings += np.float32(0.25)
    exact = encodings.astype(np.float64)
    wanted = ((exact - exact[0]) ** 2).sum(axis=1) <= 0.42**2
    wanted[0] = False
    with ThreadPoolExecutor(2) as threads:
        found = Neighbours(encodings, 0.42, threads).of(np.array([0]))[0]
    np.testing.assert_array_equal(found, wanted)
    assert 100 < wanted.sum() < 300


def test_no_face_one_face_and_equal_faces() -> None:
    assert grouped(np.empty((0, 128), dtype=np.float32)).shape == (0,)
    assert grouped(line(0.3)).tolist() == [-1]
    assert grouped(np.full((40, 8), 0.1, dtype=np.float32)).tolist() == [0] * 40


def test_wrong_input_is_refused() -> None:
    wrong = line(0.0, 0.1)
    wrong[1, 2] = np.nan
    with pytest.raises(ValueError, match="1 encodings are not finite, the first is number 1"):
        grouped(wrong)
    with pytest.raises(ValueError, match=r"\(2, 8\) and \(3,\)"):
        ChineseWhispers().group(line(0.0, 0.1), np.arange(3), merge=0.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distance": 0}, "distance is 0, but must be a number above 0"),
        ({"distance": "0.4"}, "distance is '0.4', but must be a number above 0"),
        ({"distance": float("inf")}, "distance is inf, but must be a number above 0"),
        ({"iterations": 0}, "iterations is 0, but must be a whole number of 1 or more"),
        ({"iterations": True}, "iterations is True, but must be a whole number of 1 or more"),
        ({"seed": -1}, "seed is -1, but must be a whole number of 0 or more"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        ChineseWhispers(**options)  # type: ignore[arg-type]  # wrong on purpose


def test_progress_never_falls_and_ends_at_one_and_what_it_raises_passes() -> None:
    encodings, _ = made(seed=2, people=5, photos=10, strangers=10)
    told: list[float] = []
    one = ChineseWhispers(NEAR)
    one.group(encodings, np.arange(len(encodings)), merge=0.5, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0

    def cancel(share: float) -> None:
        raise InterruptedError(share)

    with pytest.raises(InterruptedError):
        one.group(encodings, np.arange(len(encodings)), merge=0.5, progress=cancel)
