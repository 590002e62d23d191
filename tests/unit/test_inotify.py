"""Records of bytes become events, as inotify(7) describes them; and one real instance."""

from __future__ import annotations

import errno
import os
import struct
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewatchd.inotify import Event, Inotify, Mask, parse

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = st.integers(0, 2**32 - 1)
NAMES = st.binary(max_size=255).filter(lambda name: b"\0" not in name and b"/" not in name)
EVENTS = st.builds(Event, st.integers(-1, 2**31 - 1), NUMBERS, NUMBERS, NAMES)


def record(event: Event) -> bytes:
    """Write an event as the kernel does: the name ends with a zero, and is padded to 16 bytes."""
    padded = b""
    if event.name:
        padded = event.name + b"\0" * (16 - len(event.name) % 16)
    return struct.pack("iIII", *event[:3], len(padded)) + padded


@given(st.lists(EVENTS, max_size=20))
def test_every_record_is_read_in_order_whatever_its_name(events: list[Event]) -> None:
    assert list(parse(b"".join(record(event) for event in events))) == events


def test_a_record_of_the_kernel_is_read() -> None:
    raw = bytes.fromhex("01000000 00010040 00000000 10000000") + b"a\n\xff".ljust(16, b"\0")
    assert list(parse(raw)) == [Event(1, Mask.CREATE | Mask.ISDIR, 0, b"a\n\xff")]


def test_real_events_come_with_their_names_and_a_rename_with_one_cookie(tmp_path: Path) -> None:
    with closing(Inotify()) as reader:
        mask = Mask.CREATE | Mask.MOVED_FROM | Mask.MOVED_TO | Mask.ONLYDIR
        wd = reader.add(bytes(tmp_path), mask)
        (tmp_path / "a").touch()
        (tmp_path / "a").rename(tmp_path / "b")
        assert reader.wait(20)
        created, left, came = reader.read()
        assert created == (wd, Mask.CREATE, 0, b"a")
        assert left[:2] == (wd, Mask.MOVED_FROM)
        assert (left.name, came.name) == (b"a", b"b")
        assert left.cookie == came.cookie != 0
        assert reader.read() == []
        assert not reader.wait(0)
        assert reader.add(bytes(tmp_path), mask) == wd
        reader.remove(wd)
        assert reader.read() == [(wd, Mask.IGNORED, 0, b"")]
        reader.remove(wd)


def test_what_cannot_be_watched_is_an_error_with_its_path(tmp_path: Path) -> None:
    with closing(Inotify()) as reader:
        (tmp_path / "file").touch()
        for name, code in ((b"nothing", errno.ENOENT), (b"file", errno.ENOTDIR)):
            path = bytes(tmp_path / os.fsdecode(name))
            with pytest.raises(OSError, match=os.strerror(code)) as raised:
                reader.add(path, Mask.CREATE | Mask.ONLYDIR)
            assert (raised.value.errno, raised.value.filename) == (code, path)


def test_the_bell_ends_the_waiting_of_another_thread_and_may_ring_after_the_end() -> None:
    reader = Inotify()
    woken = []
    thread = threading.Thread(target=lambda: woken.append(reader.wait(None)))
    thread.start()
    reader.ring()
    thread.join(20)
    assert woken == [True]
    reader.close()
    reader.close()
    reader.ring()
