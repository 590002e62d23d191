"""The journal on disk: every decision in every place, whatever happens to one of them."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewatchd.decisions import Decision, Kind, to_line
from facewatchd.errors import JournalError
from facewatchd.journal import Journal
from tests.support.deciding import Saying, journals
from tests.support.journal import LIBRARY, file_of, read, some_decisions, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    return some_decisions()


def cut(file: Path, lines: slice) -> None:
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[lines]))


def change_line(file: Path, at: int, change: Callable[[bytes], bytes]) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    lines[at] = change(lines[at].rstrip(b"\n")) + b"\n"
    file.write_bytes(b"".join(lines))


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
