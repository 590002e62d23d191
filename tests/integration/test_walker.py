"""A real scout in a process of its own, walking over real folders."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import psutil
import pytest

from facewatchd.pipeline.walker import SILENT, Ended, Silent, Walker
from facewatchd.scan import Listing
from facewatchd.scout import Top

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from facewatchd.pipeline.walker import Report

PATIENCE = 20.0


class Known:
    """Digests of folders as a store would hold them."""

    def __init__(self) -> None:
        self.digests: dict[bytes, bytes] = {}

    def unlike(self, digests: Iterable[tuple[bytes, bytes]]) -> list[int]:
        pairs = enumerate(digests)
        return [n for n, (folder, digest) in pairs if self.digests.get(folder) != digest]


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
def walker(tmp_path: Path, known: Known) -> Iterator[Walker]:
    with closing_within(Walker(bytes(tmp_path), ("private/",), (), known.unlike)) as made:
        yield made


@contextmanager
def closing_within(walker: Walker) -> Iterator[Walker]:
    try:
        yield walker
    finally:
        walker.close(5.0)


def write(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return bytes(path)


def heard(walker: Walker, *, go: bool = True) -> list[Report]:
    """Return all that is reported until the walks are over."""
    reports: list[Report] = []
    while walker.busy:
        for report in walker.step(0.0):
            reports.append(report)
            if isinstance(report, Top):
                walker.answer(go=go)
        if walker.busy:
            assert wait(walker.connections(), PATIENCE)
    return reports


def scout_of(walker: Walker) -> psutil.Process:
    assert walker._child is not None
    return psutil.Process(walker._child.pid)


def listed(reports: list[Report]) -> set[bytes]:
    return {file.path for r in reports if isinstance(r, Listing) for file in r.files}


def test_a_whole_root_is_entered_only_when_it_may_be(tmp_path: Path, walker: Walker) -> None:
    write(tmp_path / "a.jpg")
    walker.request(bytes(tmp_path))
    (top,) = heard(walker, go=False)
    assert top == Top(os.stat(tmp_path).st_ino, synced=False)
    (tmp_path / ".stfolder").mkdir()
    walker.request(bytes(tmp_path))
    top, listing, ended = heard(walker)
    assert isinstance(top, Top)
    assert top.synced
    assert listed([listing]) == {bytes(tmp_path / "a.jpg")}
    assert isinstance(ended, Ended)
    assert ended.seen == {bytes(tmp_path)}


def test_only_folders_that_are_not_as_known_are_told_of(
    tmp_path: Path, walker: Walker, known: Known
) -> None:
    paths = {write(tmp_path / f"{n}" / "a.jpg") for n in range(500)}
    write(tmp_path / "private" / "b.jpg")
    walker.request(bytes(tmp_path))
    first = heard(walker)
    assert listed(first) == paths
    known.digests = {r.folder: r.digest for r in first if isinstance(r, Listing)}
    write(tmp_path / "7" / "c.jpg")
    walker.request(bytes(tmp_path))
    second = heard(walker)
    assert listed(second) == {bytes(tmp_path / "7" / name) for name in ("a.jpg", "c.jpg")}
    ended = second[-1]
    assert isinstance(ended, Ended)
    assert len(ended.seen) == 501
    assert [(rule.text, n) for rule, n in ended.walked.ignored] == [("private/", 1)]


def test_one_folder_alone(tmp_path: Path, walker: Walker) -> None:
    path = write(tmp_path / "a" / "b.jpg")
    write(tmp_path / "a" / "deep" / "c.jpg")
    walker.request(bytes(tmp_path / "a"), deep=False)
    assert listed(heard(walker)) == {path}


@pytest.mark.parametrize("top", ["gone", "private", "file.jpg", "link"])
def test_where_nothing_is_nothing_is_seen(tmp_path: Path, walker: Walker, top: str) -> None:
    write(tmp_path / "private" / "a.jpg")
    write(tmp_path / "file.jpg")
    (tmp_path / "link").symlink_to("private")
    walker.request(bytes(tmp_path / top))
    (ended,) = heard(walker)
    assert isinstance(ended, Ended)
    assert not ended.seen
    assert not ended.walked.unreadable


def test_a_root_that_is_gone_is_unreadable(tmp_path: Path, known: Known) -> None:
    gone = bytes(tmp_path / "gone")
    with closing_within(Walker(gone, (), (), known.unlike)) as walker:
        walker.request(gone)
        (ended,) = heard(walker)
    assert isinstance(ended, Ended)
    assert [each.reason for each in ended.walked.unreadable] == ["No such file or directory"]


def test_a_scout_that_is_silent_is_killed_and_replaced(tmp_path: Path, walker: Walker) -> None:
    path = write(tmp_path / "a.jpg")
    walker.request(bytes(tmp_path))
    heard(walker)
    scout = scout_of(walker)
    os.kill(scout.pid, signal.SIGSTOP)
    walker.request(bytes(tmp_path))
    assert walker.step(0.0) == []
    assert walker.step(SILENT) == []
    assert walker.step(SILENT + 1) == [Silent(f"its storage has not answered for {SILENT:.0f} s")]
    assert not walker.busy
    scout.wait(PATIENCE)
    walker.request(bytes(tmp_path))
    assert listed(heard(walker)) == {path}


def test_a_scout_that_dies_is_told_of(tmp_path: Path, walker: Walker) -> None:
    walker.request(bytes(tmp_path))
    heard(walker)
    scout = scout_of(walker)
    walker.request(bytes(tmp_path))
    scout.kill()
    (silent,) = [r for r in heard(walker) if isinstance(r, Silent)]
    assert silent.reason == (
        "the process that lists it was killed (SIGKILL), perhaps for lack of memory"
    )


def test_an_idle_scout_ends(tmp_path: Path, walker: Walker) -> None:
    walker.request(bytes(tmp_path))
    heard(walker)
    scout = scout_of(walker)
    due = walker.next_due()
    assert due is not None
    walker.step(due + 1)
    scout.wait(PATIENCE)
    assert walker.next_due() is None
    assert walker.connections() == []
