"""What a clustering run leaves for the next one."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.clustering.recipe import Recipe, learn
from facewatchd.regroup import Grouped, Task, cluster
from facewatchd.remembering import Memory
from tests.support.made_faces import made

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

EPS, MERGE = 0.32, 0.40


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "clustering.npz", "dlib/1", EPS, 2, MERGE)


@pytest.fixture(scope="module")
def encodings() -> NDArray[np.float32]:
    return made(5, people=12, photos=8, strangers=40)[0]


def run(encodings: NDArray[np.float32], faces: NDArray[np.int64], memory: Memory) -> list[int]:
    task = Task(encodings, np.arange(len(faces)), EPS, 2, MERGE, 0.32)
    result = cluster(replace(task, faces=faces, memory=memory))
    assert isinstance(result, Grouped)
    return [int(label) for label in result.labels]


def anew(encodings: NDArray[np.float32]) -> list[int]:
    photos = np.arange(len(encodings))
    found = Recipe().group(encodings, photos, eps=EPS, min_samples=2, merge=MERGE, reach=0.32)
    return [int(label) for label in found]


def leave(memory: Memory, faces: NDArray[np.int64], encodings: NDArray[np.float32]) -> None:
    memory.keep(faces, encodings, learn(encodings, eps=EPS, min_samples=2, merge=MERGE))


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32 - 1))
def test_runs_that_remember_find_what_a_run_finds_anew(
    memory: Memory, encodings: NDArray[np.float32], seed: int
) -> None:
    memory.forget()
    chance = np.random.default_rng(seed)
    there = np.zeros(len(encodings), dtype=np.bool_)
    for _ in range(5):
        there ^= chance.random(len(there)) < chance.choice([0.02, 0.3])
        faces = np.flatnonzero(there)
        assert run(encodings[faces], 1000 - faces, memory) == anew(encodings[faces])


def test_who_stays_is_recalled_and_who_is_new_or_looks_otherwise_is_not(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    leave(memory, np.array([10, 20, 30, 40]), encodings[:4])
    now = encodings[[0, 9, 1, 3]].copy()
    now[2, 0] = np.nextafter(now[2, 0], np.float32(9))
    recalled = memory.recall(np.array([10, 15, 20, 40]), now)
    assert recalled is not None
    assert recalled[1].tolist() == [0, -1, -1, 3]


def test_the_file_is_for_its_owner_alone_and_holds_no_encoding(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    before = os.umask(0)
    try:
        leave(memory, np.arange(len(encodings)), encodings)
    finally:
        os.umask(before)
    assert stat.S_IMODE(memory.path.stat().st_mode) == 0o600
    assert list(memory.path.parent.iterdir()) == [memory.path]
    data = memory.path.read_bytes()
    assert not any(encoding[:2].tobytes() in data for encoding in encodings)


def test_what_was_found_with_other_settings_is_not_recalled(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    leave(memory, np.arange(4), encodings[:4])
    for other in (
        replace(memory, engine="dlib/2"),
        replace(memory, eps=0.3),
        replace(memory, min_samples=3),
        replace(memory, merge=0.41),
    ):
        assert other.recall(np.arange(4), encodings[:4]) is None


def test_faces_that_come_in_another_order_are_not_recalled(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    leave(memory, np.arange(4), encodings[:4])
    assert memory.recall(np.array([1, 0]), encodings[[1, 0]]) is None


def test_a_damaged_file_is_left_alone_and_all_is_found_anew(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    faces = np.arange(len(encodings))
    leave(memory, faces, encodings)
    whole = memory.path.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:-1]):
        memory.path.write_bytes(damaged)
        assert memory.recall(faces, encodings) is None
        assert run(encodings, faces, memory) == anew(encodings)
        assert memory.path.stat().st_size == len(whole)


def test_nothing_is_left_where_nothing_can_be_written(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    nowhere = replace(memory, path=memory.path.parent / "no folder" / "clustering.npz")
    leave(nowhere, np.arange(4), encodings[:4])
    assert nowhere.recall(np.arange(4), encodings[:4]) is None


def test_what_is_forgotten_is_gone(memory: Memory, encodings: NDArray[np.float32]) -> None:
    leave(memory, np.arange(4), encodings[:4])
    memory.forget()
    memory.forget()
    assert list(memory.path.parent.iterdir()) == []
    assert memory.recall(np.arange(4), encodings[:4]) is None


def test_no_damaged_bit_stops_a_run_or_changes_what_is_recalled(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    faces = np.arange(3)
    leave(memory, faces, encodings[:3])
    whole = memory.path.read_bytes()
    # The end of the table of contents: how the last part is packed, how it is called, where it is.
    for place in range(whole.rindex(b"PK\x01\x02"), len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            memory.path.write_bytes(damaged)
            recalled = memory.recall(faces, encodings[:3])
            assert recalled is None or recalled[1].tolist() == [0, 1, 2]


def test_a_folder_in_the_place_of_the_file_stops_no_run(
    memory: Memory, encodings: NDArray[np.float32]
) -> None:
    memory.path.mkdir()
    assert run(encodings, np.arange(len(encodings)), memory) == anew(encodings)
