"""When a changed path is ready to be read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from facewatchd.model import FileStat
from facewatchd.settle import LONGEST, MOST, MOST_IN_FOLDER, QUIET, QUIET_COMPLETE, Settling

ROOT = b"/photos"
PATH = b"/photos/a.jpg"


def stat(size: int, path: bytes = PATH) -> FileStat:
    return FileStat(path, size, size, 1)


def test_a_closed_file_is_ready_after_two_quiet_seconds() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=True, stat=stat(1))
    assert settling.due(QUIET_COMPLETE - 0.01) == []
    assert settling.due(QUIET_COMPLETE) == [PATH]
    assert settling.is_ready(PATH, stat(1), QUIET_COMPLETE)


def test_a_file_that_was_not_closed_waits_ten_seconds() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=False, stat=stat(1))
    assert settling.due(QUIET - 0.01) == []
    assert settling.due(QUIET) == [PATH]


def test_a_file_that_reopens_waits_again() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=True, stat=stat(1))
    settling.touch(PATH, 1.5, complete=False, stat=stat(2))
    assert settling.due(QUIET_COMPLETE) == []
    assert settling.next_due() == 1.5 + QUIET


def test_a_file_that_looks_different_is_looked_at_again() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=True, stat=stat(1))
    assert not settling.is_ready(PATH, stat(2), 2.0)
    assert settling.due(2.0) == []
    assert settling.due(3.0) == [PATH]
    assert settling.is_ready(PATH, stat(2), 3.0)


def test_a_file_that_nobody_closed_and_that_grew_waits_ten_more_seconds() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=False, stat=stat(1))
    assert not settling.is_ready(PATH, stat(2), QUIET)
    assert settling.next_due() == 2 * QUIET


def test_a_file_that_never_rests_is_looked_at_after_a_minute() -> None:
    settling = Settling([ROOT])
    for second in range(int(LONGEST)):
        settling.touch(PATH, float(second), complete=False, stat=stat(second))
        assert settling.due(float(second)) == []
    assert settling.due(LONGEST) == [PATH]


def test_a_dropped_path_is_forgotten() -> None:
    settling = Settling([ROOT])
    settling.touch(PATH, 0.0, complete=True, stat=None)
    settling.drop(PATH)
    assert len(settling) == 0
    assert settling.next_due() is None


def test_many_paths_in_one_folder_become_the_folder() -> None:
    settling = Settling([ROOT])
    folder = ROOT + b"/trip"
    for number in range(MOST_IN_FOLDER + 1):
        settling.touch(b"%s/%d.jpg" % (folder, number), 0.0, complete=True, stat=None)
    assert settling.due(QUIET) == [folder]


def test_a_folder_that_stands_for_its_files_does_not_look_like_one_of_them() -> None:
    settling = Settling([ROOT])
    folder = ROOT + b"/trip"
    settling.touch(folder, 0.0, complete=True, stat=None)
    settling.touch(folder + b"/a.jpg", 0.1, complete=False, stat=stat(1, folder + b"/a.jpg"))
    assert settling.due(0.1 + QUIET) == [folder]
    assert settling.stat_of(folder) is None


def test_a_storm_becomes_the_root() -> None:
    settling = Settling([ROOT, b"/other"])
    settling.touch(b"/other/x.jpg", 0.0, complete=True, stat=None)
    for number in range(MOST):
        settling.touch(b"%s/%d/a.jpg" % (ROOT, number), 0.0, complete=True, stat=None)
    assert settling.due(QUIET) == [b"/other/x.jpg", ROOT]


@given(
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 6), st.booleans()), max_size=900),
)
def test_whatever_happens_nothing_is_lost_and_the_set_stays_small(
    events: list[tuple[int, int, bool]],
) -> None:
    settling = Settling([ROOT])
    touched = set()
    for now, (name, folder, complete) in enumerate(events):
        path = b"%s/%d/%d.jpg" % (ROOT, folder, name)
        settling.touch(path, now / 100, complete=complete, stat=stat(now, path))
        touched.add(path)
        assert len(settling) <= MOST
    due = settling.due(1e9)
    for path in touched:
        assert any(path == d or path.startswith(d + b"/") for d in due)
    for path in due:
        assert (settling.stat_of(path) is not None) == (path in touched)
