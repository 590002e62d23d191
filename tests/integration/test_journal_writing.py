"""Writing the journal: places that take nothing, what is to be forgotten, and a long one."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from facewatchd.decisions import Decision, Kind, Spoken, Spot
from facewatchd.errors import StoreWriteError
from facewatchd.journal import Journal
from facewatchd.model import Box
from tests.support.deciding import Saying
from tests.support.journal import LIBRARY, file_of, read, some_decisions, write
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / ".facewatchd"


@pytest.fixture
def decisions() -> list[Decision]:
    return some_decisions()


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    needs_root()
    mounted = Mounts(tmp_path)
    yield mounted
    mounted.close()


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


# -- a place cannot be written


def test_what_the_first_place_does_not_take_stands_nowhere(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions[:2])
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    before = file_of(state).read_bytes()
    with at_most(len(before) + 20), pytest.raises(StoreWriteError, match="File too large"):
        journal.append(decisions[2])
    assert file_of(state).read_bytes() == file_of(copy).read_bytes() == before
    journal.append(decisions[2])
    assert read(state, copy) == decisions[:3]


def test_a_line_that_could_not_be_synced_is_taken_back(
    state: Path, decisions: list[Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal([state], LIBRARY)
    journal.read()
    before = file_of(state).read_bytes()

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(StoreWriteError, match="Input/output error"):
            journal.append(decisions[0])
    assert file_of(state).read_bytes() == before


def test_a_copy_that_is_gone_is_degraded_and_made_again_when_it_can_be(
    state: Path, tmp_path: Path, decisions: list[Decision]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    copy = disk / ".facewatchd"
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    journal.append(decisions[0])
    disk.rename(tmp_path / "away")
    journal.append(decisions[1])
    assert "No such file or directory" in journal.degraded[file_of(copy)]
    (tmp_path / "away").rename(disk)
    journal.mend()
    assert journal.degraded == {}
    assert file_of(copy).read_bytes() == file_of(state).read_bytes()
    file_of(copy).unlink()
    journal.append(decisions[2])
    assert journal.degraded == {}
    assert read(copy) == decisions[:3]


def test_a_copy_that_is_full_keeps_whole_lines_and_catches_up(
    state: Path, mounts: Mounts, tmp_path: Path
) -> None:
    say, copy = Saying(), tmp_path / "small"
    mounts.mount(copy, "-t", "tmpfs", "-o", "size=64k", "small")
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    said = [say(Kind.NAME, person="p", name="x" * 3000) for _ in range(30)]
    for decision in said:
        journal.append(decision)
    assert "No space left on device" in journal.degraded[file_of(copy)]
    held = file_of(copy).read_bytes()
    assert held.endswith(b"\n")
    assert 15 * 3000 < len(held) < len(file_of(state).read_bytes())
    assert file_of(state).read_bytes().startswith(held)
    mounts.mount(copy, "-o", "remount,size=1m")
    journal.mend()
    assert journal.degraded == {}
    assert read(copy) == said
    assert [path.name for path in copy.iterdir()] == ["decisions.jsonl"]


def test_a_copy_on_a_disk_that_went_read_only_is_degraded_until_it_can_be_written(
    state: Path, mounts: Mounts, tmp_path: Path, decisions: list[Decision]
) -> None:
    copy = tmp_path / "disk"
    mounts.mount(copy, "-t", "tmpfs", "disk")
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    journal.append(decisions[0])
    mounts.mount(copy, "-o", "remount,ro")
    journal.append(decisions[1])
    assert "Read-only file system" in journal.degraded[file_of(copy)]
    later = Journal([state, copy], LIBRARY)  # the daemon starts while it is so
    assert later.read() == decisions[:2]
    assert "Read-only file system" in later.degraded[file_of(copy)]
    mounts.mount(copy, "-o", "remount,rw")
    later.append(decisions[2])
    assert later.degraded == {}
    assert read(copy) == decisions[:3]


def test_a_copy_that_comes_back_with_other_decisions_is_not_written_over(
    state: Path, copy: Path, tmp_path: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    journal.append(decisions[0])
    copy.rename(tmp_path / "away")
    write([copy], [replace(decisions[0], id="another")])
    held = file_of(copy).read_bytes()
    journal.append(decisions[1])
    assert "next start" in journal.degraded[file_of(copy)]
    assert journal.rewrite(decisions[:2]) == [file_of(copy)]
    assert file_of(copy).read_bytes() == held
    assert {d.id for d in read(state, copy)} == {"id1", "another", "id2"}


def test_a_first_place_that_something_else_has_changed_is_not_written_further(
    state: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state], LIBRARY)
    journal.read()
    journal.append(decisions[0])
    file_of(state).unlink()
    with pytest.raises(StoreWriteError, match="something else has changed it") as refused:
        journal.append(decisions[1])
    assert "again" in refused.value.remedy
    assert not file_of(state).exists()


# -- forgetting


def erased(decision: Decision) -> Decision:
    gone = Decision(decision.id, decision.number, decision.at, decision.kind, decision.origin)
    return replace(gone, erased=True)


def holds(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_is_erased_is_in_no_place_any_more(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    for decision in decisions[:3]:
        journal.append(decision)
    (copy / "decisions.jsonl.new").write_bytes(file_of(copy).read_bytes())  # a crash left this
    assert holds(state, b"rgen")
    assert journal.rewrite([erased(decisions[0]), *decisions[1:3]]) == []
    assert not holds(state, b"rgen")
    assert not holds(copy, b"rgen")
    journal.append(decisions[3])
    assert read(state, copy) == [erased(decisions[0]), *decisions[1:]]


def test_a_copy_out_of_reach_is_named_and_never_brings_back_what_was_erased(
    state: Path, copy: Path, tmp_path: Path, decisions: list[Decision]
) -> None:
    copies = tmp_path / "disk" / "copies"
    copies.parent.mkdir()
    journal = Journal([state, copy, copies], LIBRARY)
    journal.read()
    for decision in decisions:
        journal.append(decision)
    copies.parent.rename(tmp_path / "away")
    left = [erased(decisions[0]), *decisions[1:]]
    assert journal.rewrite(left) == [file_of(copies)]
    (tmp_path / "away").rename(copies.parent)
    assert holds(copies, b"rgen")
    assert read(copies, state) == left  # whichever comes first
    assert not holds(copies, b"rgen")


def test_what_a_crash_left_unfinished_is_gone_after_the_start(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    unfinished = copy / "decisions.jsonl.new"
    unfinished.write_bytes(b"half")
    read(state, copy)
    assert not unfinished.exists()


def test_a_journal_that_cannot_be_written_anew_stays_whole(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    for decision in decisions:
        journal.append(decision)
    whole = file_of(state).read_bytes()
    with at_most(100), pytest.raises(StoreWriteError):
        journal.rewrite([erased(decisions[0]), *decisions[1:]])
    assert file_of(state).read_bytes() == file_of(copy).read_bytes() == whole
    assert [path.name for path in state.iterdir()] == ["decisions.jsonl"]


# -- its size


@pytest.mark.timeout(120)
def test_ten_thousand_decisions_with_64_anchors_each_are_read_in_seconds(
    state: Path, copy: Path, measured: Callable[[str], None]
) -> None:
    dice = random.Random(7)

    def face() -> Spot:
        x, y = dice.randrange(4000), dice.randrange(3000)
        return Spot(dice.randbytes(32), Box(x, y, x + 90, y + 90))

    def named(number: int) -> Decision:
        anchors = {"p": tuple(face() for _ in range(64))}
        return Decision(f"{number:032x}", number, 1.75e9, Kind.NAME, person="p", anchors=anchors)

    journal = Journal([state, copy], LIBRARY)
    journal.read()
    journal.rewrite([named(number) for number in range(1, 10_001)])
    began, used = time.perf_counter(), time.process_time()
    decisions = Journal([state, copy], LIBRARY).read()
    took, used = time.perf_counter() - began, time.process_time() - used
    mebibytes = file_of(state).stat().st_size / 2**20
    measured(
        f"journal: 10,000 decisions of 64 anchors, two places of {mebibytes:.0f} MiB each, read in"
        f" {took:.1f} s ({used:.1f} s of processor time)"
    )
    assert len(decisions) == 10_000
    assert all(len(decision.anchors["p"]) == 64 for decision in decisions)
    assert used < 8  # 2 s where nothing else runs

    journal = Journal([state, copy], LIBRARY)
    journal.read()
    times = []
    for number in range(10_001, 10_051):
        decision = Decision(f"{number:032x}", number, 0.5, Kind.CONFIRM, person="p")
        began = time.perf_counter()
        journal.append(replace(decision, faces=(Spoken(face(), "p"),)))
        times.append(time.perf_counter() - began)
    median = sorted(times)[25]
    measured(f"journal: a decision is on the disk in two places after {median * 1000:.1f} ms")
    assert median < 0.05
