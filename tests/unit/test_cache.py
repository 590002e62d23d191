"""Converted models are kept under the hash of their source, and made anew when damaged."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from stat import S_IMODE
from typing import TYPE_CHECKING

import pytest

from facewatchd.engines.cache import converted

if TYPE_CHECKING:
    from pathlib import Path


class Converter:
    """Turns bytes around, and counts how often."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, data: bytes) -> bytes:
        self.runs += 1
        return data[::-1]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights.dat"
    path.write_bytes(b"0123456789" * 100)
    return path


@pytest.fixture
def convert() -> Converter:
    return Converter()


def test_what_was_converted_is_kept(source: Path, convert: Converter, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "cache"
    expected = source.read_bytes()[::-1]
    assert converted(source, "turned-1", convert, folder) == expected
    assert converted(source, "turned-1", convert, folder) == expected
    assert convert.runs == 1


def test_nobody_else_can_read_what_is_kept(
    source: Path, convert: Converter, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    converted(source, "turned-1", convert, folder)
    (kept,) = folder.iterdir()
    assert S_IMODE(folder.stat().st_mode) == 0o700
    assert S_IMODE(kept.stat().st_mode) == 0o600


def test_another_source_and_another_kind_are_converted_by_themselves(
    source: Path, convert: Converter, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    converted(source, "turned-1", convert, folder)
    source.write_bytes(b"new weights")
    assert converted(source, "turned-1", convert, folder) == b"sthgiew wen"
    converted(source, "other", convert, folder)
    assert convert.runs == 3
    assert converted(source, "turned-1", convert, folder) == b"sthgiew wen"
    assert convert.runs == 3


def test_what_other_weights_and_versions_left_is_removed_and_nothing_else(
    source: Path, convert: Converter, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    beside = tmp_path / "weights-more.dat"
    beside.write_bytes(b"a name that begins alike")
    converted(beside, "turned-1", convert, folder)
    converted(source, "other-1", convert, folder)
    stay = {*folder.iterdir(), folder / "note.txt"}
    (folder / "note.txt").write_text("of somebody else")
    converted(source, "turned-1", convert, folder)
    source.write_bytes(b"new weights")
    converted(source, "turned-1", convert, folder)
    converted(source, "turned-12", convert, folder)
    (kept,) = set(folder.iterdir()) - stay
    assert kept.suffix == ".turned-12"
    assert stay < set(folder.iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from facewatchd.engines.cache import converted
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
converted(Path(sys.argv[1]), "turned-1", lambda data: data[::-1], Path(sys.argv[2]))
"""


def test_what_a_kill_left_behind_is_removed_when_nobody_can_be_writing_it_any_more(
    source: Path, convert: Converter, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    command = [sys.executable, "-c", KILLED, str(source), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.stat().st_size > source.stat().st_size
    converted(source, "turned-1", convert, folder)
    assert left.exists()  # it is new: another worker may be about to end it
    two_hours_ago = time.time() - 7200
    os.utime(left, (two_hours_ago, two_hours_ago))
    converted(source, "turned-1", convert, folder)
    assert convert.runs == 1
    assert not left.exists()
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "longer"])
def test_what_is_damaged_is_converted_anew_and_kept_again(
    source: Path, convert: Converter, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "cache"
    expected = converted(source, "turned-1", convert, folder)
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(
        {
            "flipped": whole[:50] + bytes([whole[50] ^ 1]) + whole[51:],
            "truncated": whole[:-1],
            "empty": b"",
            "longer": whole + b"!",
        }[damage]
    )
    assert converted(source, "turned-1", convert, folder) == expected
    assert convert.runs == 2
    assert kept.read_bytes() == whole


def test_without_a_folder_nothing_is_kept(source: Path, convert: Converter, tmp_path: Path) -> None:
    for _ in range(2):
        assert converted(source, "turned-1", convert, None) == source.read_bytes()[::-1]
    assert convert.runs == 2
    assert list(tmp_path.iterdir()) == [source]


def test_where_nothing_can_be_kept_the_model_is_used_and_that_is_said_once(
    source: Path, convert: Converter, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "file"
    folder.write_bytes(b"a file stands where the folder should be")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert converted(source, "turned-1", convert, folder) == source.read_bytes()[::-1]
    (said,) = caplog.messages
    assert str(folder) in said
    assert "engine.cache" in said


def test_a_full_disk_leaves_nothing_half_written(
    source: Path, convert: Converter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    folder = tmp_path / "cache"
    assert converted(source, "turned-1", convert, folder) == source.read_bytes()[::-1]
    assert list(folder.iterdir()) == []


def test_workers_that_start_together_all_get_the_model(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from facewatchd.engines.cache import converted; "
        "source, folder = map(Path, sys.argv[1:]); "
        "print(len(converted(source, 'twice-1', lambda data: data * 2, folder)))"
    )
    folder = tmp_path / "cache"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(source), str(folder)], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert [child.communicate()[0] for child in started] == [b"2000\n"] * 4
    assert len(list(folder.iterdir())) == 1
