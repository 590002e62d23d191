"""Real mounts: what the kernel says of them, and when it says so."""

from __future__ import annotations

import os
import subprocess
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import pytest

from facewatchd.mounts import MountChanges, read_mounts
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE = 10.0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[bytes]:
    """Return a folder to mount things on, with a name that is neither UTF-8 nor one line."""
    if os.geteuid() != 0:
        missing("root, to mount a file system")
    folder = bytes(tmp_path) + b"/a b\n\xff\\#"
    os.mkdir(folder)
    if subprocess.run(["mount", "-t", "tmpfs", "try", folder], check=False).returncode != 0:
        missing("the right to mount a file system")
    umount(folder)
    yield folder
    while read_mounts().holding(folder).place == folder:
        umount(folder)


def mount(place: bytes, source: str = "photos") -> None:
    subprocess.run(["mount", "-t", "tmpfs", source, place], check=True)


def umount(place: bytes) -> None:
    subprocess.run(["umount", place], check=True)


def test_a_mount_is_found_by_its_place_and_hides_the_one_below(place: bytes) -> None:
    mount(place, "first")
    assert read_mounts().holding(place + b"/x").identity == "tmpfs first /"
    inner = place + b"/inner"
    os.mkdir(inner)
    mount(inner, "inner")
    assert [found.source for found in read_mounts().below(place)] == [b"inner"]
    mount(place, "second")
    try:
        assert read_mounts().holding(inner).identity == "tmpfs second /"
        assert read_mounts().below(place) == []
    finally:
        umount(place)
    umount(inner)
    umount(place)
    assert read_mounts().holding(place).place != place


def test_a_bind_mount_shows_which_folder_is_inside(place: bytes, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    subprocess.run(["mount", "--bind", shown, place], check=True)
    mounts = read_mounts()
    assert mounts.holding(place).inside.endswith(bytes(shown)[-20:])
    assert mounts.holding(place).source == mounts.holding(bytes(shown)).source


def test_changes_are_reported_when_they_happen_and_only_then(place: bytes) -> None:
    changes = MountChanges()
    try:
        ready = changes.fileno()
        assert wait([ready], 0) == []
        assert not changes.drain()
        for change in (mount, umount):
            change(place)
            assert wait([ready], DEADLINE) == [ready]
            assert changes.drain()
            assert not changes.drain()
            assert wait([ready], 0) == []
        mount(place)
        umount(place)
        assert wait([ready], DEADLINE) == [ready]
    finally:
        changes.close()
