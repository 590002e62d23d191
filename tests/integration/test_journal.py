"""The journal on disk: every decision in every place, whatever happens to one of them."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.decisions import Decision, Kind, Spoken, Spot, to_line
from facewatchd.errors import JournalError, StoreWriteError
from facewatchd.journal import Journal
from facewatchd.model import Box
from tests.support.deciding import SPOTS, Saying, journals
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

LIBRARY = "11" * 16
OTHER = "22" * 16


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
    say = Saying()
    return [
        say(Kind.NAME, person="p", name="Jürgen", anchors={"p": (SPOTS[3],)}),
        say(Kind.CONFIRM, SPOTS[0], person="p"),
        say(Kind.IGNORE, SPOTS[1]),
        say(Kind.HIDE, person="q"),
    ]


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    needs_root()
    mounted = Mounts(tmp_path)
    yield mounted
    mounted.close()


def file_of(folder: Path) -> Path:
    return folder / "decisions.jsonl"


def write(places: Sequence[Path], decisions: Sequence[Decision], library: str = LIBRARY) -> None:
    journal = Journal(places, library)
    last = len(journal.read())
    for decision in decisions[last:]:
        journal.append(decision)
    assert journal.degraded == {}


def read(*places: Path, library: str | None = LIBRARY) -> list[Decision]:
    return Journal(places, library).read()


def cut(file: Path, lines: slice) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[lines]))


def change_line(file: Path, at: int, change: Callable[[bytes], bytes]) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    lines[at] = change(lines[at].rstrip(b"\n")) + b"\n"
    file.write_bytes(b"".join(lines))


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


# -- as it should be


def test_a_new_journal_is_a_header_in_each_place_for_nobody_else_to_read(
    state: Path, copy: Path
) -> None:
    assert read(state, copy) == []
    header = {"facewatchd": "decisions", "v": 1, "library": LIBRARY}
    for folder in (state, copy):
        assert json.loads(file_of(folder).read_text(encoding="ascii")) == header
        assert file_of(folder).stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_mode & 0o777 == 0o700


def test_every_place_holds_every_decision_when_append_returns(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    for number, decision in enumerate(decisions, start=1):
        journal.append(decision)
        assert file_of(state).read_bytes() == file_of(copy).read_bytes()
        assert read(copy) == decisions[:number]
    again = Journal([state, copy], LIBRARY)
    assert again.read() == decisions
    assert (again.reports, again.degraded) == ([], {})


def test_each_line_is_on_the_disk_before_append_returns(
    state: Path, copy: Path, decisions: list[Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bytes]] = []
    real = os.fsync

    def fsync(file: int) -> None:
        real(file)
        path = Path(os.readlink(f"/proc/self/fd/{file}"))
        synced.append((os.fstat(file).st_ino, path.read_bytes() if path.is_file() else b""))

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal([state, copy], LIBRARY)
    journal.read()
    made = {inode for inode, _ in synced}
    for folder in (state, copy, copy.parent):  # files and folders that were just made
        assert folder.stat().st_ino in made
    synced.clear()
    journal.append(decisions[0])
    whole = file_of(state).read_bytes()
    assert synced == [(file_of(folder).stat().st_ino, whole) for folder in (state, copy)]


def test_a_decision_that_does_not_follow_is_a_mistake_of_the_program(
    state: Path, decisions: list[Decision]
) -> None:
    journal = Journal([state], LIBRARY)
    journal.read()
    with pytest.raises(ValueError, match="does not follow"):
        journal.append(decisions[1])


def test_one_folder_named_twice_is_one_place(state: Path, decisions: list[Decision]) -> None:
    write([state, state], decisions)
    assert read(state) == decisions


# -- a place is lost or lags


def test_what_one_place_lacks_the_others_give(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    cut(file_of(state), slice(0, 3))
    journal = Journal([state, copy], LIBRARY)
    assert journal.read() == decisions
    assert file_of(state).read_bytes() == file_of(copy).read_bytes()
    assert journal.reports == [f"{file_of(state)}: brought up to date, lines added: 2."]


def test_a_lost_state_folder_takes_on_the_library_of_its_journal(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    file_of(state).unlink()
    journal = Journal([state, copy], None)
    assert journal.read() == decisions
    assert journal.library == LIBRARY
    assert file_of(state).read_bytes() == file_of(copy).read_bytes()


def test_a_library_without_anything_gets_an_id_that_stays(state: Path) -> None:
    journal = Journal([state], None)
    assert journal.read() == []
    again = Journal([state], None)
    again.read()
    assert again.library == journal.library
    assert len(journal.library) == 32


def test_the_rows_of_the_store_count_as_a_place(state: Path, decisions: list[Decision]) -> None:
    rows = [to_line(decision) for decision in decisions]
    assert Journal([state], LIBRARY).read(rows) == decisions
    assert read(state) == decisions


def test_an_empty_file_is_one_that_is_not_there(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    file_of(copy).write_bytes(bytes(4096))  # as some file systems leave after a power cut
    assert read(state, copy) == decisions
    assert file_of(state).read_bytes() == file_of(copy).read_bytes()


def test_two_libraries_that_went_on_from_one_journal_are_both_kept(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions[:2])
    mine = [replace(d, id=f"mine{d.number}", at=d.at + 10) for d in decisions[2:]]
    write([state], [*decisions[:2], *mine])
    write([copy], decisions)
    journal = Journal([state, copy], LIBRARY)
    both = journal.read()
    assert [d.id for d in both] == ["id1", "id2", "id3", "mine3", "id4", "mine4"]
    assert [d.number for d in both] == [1, 2, 3, 4, 5, 6]
    assert {d.name for d in both} == {d.name for d in decisions}
    assert "went on from one journal" in journal.reports[0]
    journal.append(replace(decisions[0], id="next", number=7))
    again = Journal([copy, state], LIBRARY)
    assert again.read()[:-1] == both
    assert again.reports == []


@given(journal=journals(), data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
def test_the_union_holds_each_decision_of_any_place_once(
    tmp_path_factory: pytest.TempPathFactory, journal: Sequence[Decision], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("union")
    places = [folder / name for name in "abc"]
    lengths = [data.draw(st.integers(0, len(journal))) for _ in places]
    for place, length in zip(places, lengths, strict=True):
        write([place], journal[:length])
    assert read(*places) == journal[: max(lengths)]
    assert len({file_of(place).read_bytes() for place in places}) == 1


# -- a place is damaged


@given(data=st.data())
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_wherever_a_write_was_torn_the_lines_before_it_hold(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    state, say = tmp_path_factory.mktemp("short"), Saying()
    said = [say(Kind.NAME, person="p", name=name) for name in ("Anna", "Änne", "Annie")]
    write([state], said)
    whole = file_of(state).read_bytes()
    first = whole.index(b"\n") + 1
    size = data.draw(st.integers(first, len(whole)))
    file_of(state).write_bytes(whole[:size])
    journal = Journal([state], LIBRARY)
    # A line that lacks nothing but its newline was written whole.
    ends = [at for at, byte in enumerate(whole) if byte == ord("\n")][1:]
    assert journal.read() == said[: sum(end <= size for end in ends)]
    assert (
        file_of(state).read_bytes() == whole[: max(e for e in [first - 1, *ends] if e <= size) + 1]
    )
    torn = size not in {first, *ends, *(end + 1 for end in ends)}
    assert any("torn" in report for report in journal.reports) is torn


def test_a_torn_line_is_given_back_by_a_place_that_has_it(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    file_of(state).write_bytes(file_of(state).read_bytes()[:-30])
    assert read(state, copy) == decisions
    assert file_of(state).read_bytes() == file_of(copy).read_bytes()


def test_one_flipped_bit_anywhere_is_found_and_mended(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    whole = file_of(state).read_bytes()
    dice = random.Random(5)
    for _ in range(300):
        at, bit = dice.randrange(whole.index(b"\n") + 1, len(whole) - 1), 1 << dice.randrange(8)
        file_of(state).write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        assert read(state, copy) == decisions, f"byte {at}, bit {bit}"
        assert file_of(state).read_bytes() == whole
        assert file_of(copy).read_bytes() == whole


def test_a_damaged_line_that_stands_nowhere_else_is_not_passed_over(
    state: Path, decisions: list[Decision]
) -> None:
    write([state], decisions)
    change_line(file_of(state), 2, lambda line: line.replace(b'"p"', b'"q"'))
    damaged = file_of(state).read_bytes()
    with pytest.raises(JournalError, match=r"Line 3 of .*decisions.jsonl.* decision 2") as refused:
        read(state)
    assert "take the line out" in refused.value.remedy
    assert file_of(state).read_bytes() == damaged
    cut(file_of(state), slice(0, 2))  # what the remedy says, here with all that came later
    assert read(state) == decisions[:1]


def test_two_places_damaged_at_different_lines_mend_each_other(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    whole = file_of(state).read_bytes()
    change_line(file_of(state), 2, lambda line: line[5:])
    change_line(file_of(copy), 3, lambda _: b"\xff\xfe")
    journal = Journal([state, copy], LIBRARY)
    assert journal.read() == decisions
    assert [report.split(": ")[1] for report in journal.reports[:2]] == [
        "1 damaged line mended from another place."
    ] * 2
    assert file_of(state).read_bytes() == file_of(copy).read_bytes() == whole


def test_the_same_line_damaged_in_both_places_is_mended_from_the_store(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    for folder in (state, copy):
        change_line(file_of(folder), 2, lambda line: line[5:])
    with pytest.raises(JournalError):
        read(state, copy)
    rows = [to_line(decision) for decision in decisions]
    assert Journal([state, copy], LIBRARY).read(rows) == decisions


def test_a_damaged_header_is_mended_if_the_lines_are_known_and_else_refused(
    state: Path, copy: Path, decisions: list[Decision]
) -> None:
    write([state, copy], decisions)
    change_line(file_of(copy), 0, lambda line: line[3:])
    assert read(state, copy) == decisions
    assert file_of(state).read_bytes() == file_of(copy).read_bytes()
    change_line(file_of(state), 0, lambda line: line[3:])
    with pytest.raises(JournalError, match="no header"):
        read(state)


def test_a_line_that_was_written_by_hand_needs_no_sum(
    state: Path, decisions: list[Decision]
) -> None:
    write([state], decisions[:3])
    with file_of(state).open("a", encoding="ascii") as file:
        file.write(to_line(decisions[3]) + "\n")
    assert read(state) == decisions
    assert b'"sum"' in file_of(state).read_bytes().splitlines()[-1]


# -- a place is somebody else's


@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    state: Path, copy: Path, decisions: list[Decision], at: int
) -> None:
    write([state, copy], decisions)
    change_line(file_of(copy), at, lambda line: json.dumps(json.loads(line) | {"v": 2}).encode())
    if at:
        change_line(file_of(copy), at, lambda line: line[: line.index(b', "sum"')] + b"}")
    before = file_of(copy).read_bytes()
    with pytest.raises(JournalError, match="version 2"):
        read(state, copy)
    assert file_of(copy).read_bytes() == before


@pytest.mark.parametrize("library", [LIBRARY, None])
def test_a_journal_of_another_library_is_refused_by_name(
    state: Path, copy: Path, decisions: list[Decision], library: str | None
) -> None:
    write([state], decisions)
    write([copy], decisions[:1], library=OTHER)
    with pytest.raises(JournalError) as refused:
        read(state, copy, library=library)
    assert LIBRARY in refused.value.title
    assert OTHER in refused.value.title
    assert str(file_of(copy)) in refused.value.title + refused.value.remedy
    assert read(copy, library=OTHER) == decisions[:1]


def test_nothing_is_written_through_a_link(
    state: Path, copy: Path, tmp_path: Path, decisions: list[Decision]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    mine = elsewhere / "mine.txt"
    mine.write_text("mine", encoding="ascii")
    copy.mkdir()
    file_of(copy).symlink_to(mine)
    linked = tmp_path / "linked"
    linked.symlink_to(elsewhere)
    (linked.parent / "fifo").mkdir()
    os.mkfifo(file_of(tmp_path / "fifo"))
    journal = Journal([state, copy, linked, tmp_path / "fifo"], LIBRARY)
    journal.read()
    journal.append(decisions[0])
    assert journal.rewrite(decisions[:1]) == list(journal.degraded)
    assert journal.degraded.keys() == {file_of(f) for f in (copy, linked, tmp_path / "fifo")}
    assert all("not ours" in words for words in journal.degraded.values())
    assert mine.read_text(encoding="ascii") == "mine"
    assert list(elsewhere.iterdir()) == [mine]
    file_of(state).unlink()
    file_of(state).symlink_to(mine)
    with pytest.raises(JournalError, match="not ours"):
        read(state)


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
