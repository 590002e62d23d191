"""Disks and file systems of our own to mount, unmount, swap and stop, and no trace of them after.

Mounting needs root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable


BY_UUID = Path("/dev/disk/by-uuid")


def needs_root() -> None:
    if os.geteuid() != 0:
        missing("root, to mount file systems")


@dataclass
class Mounts:
    """What a test mounts; ``close`` unmounts what is left, however it is stuck."""

    folder: Path
    places: list[Path] = field(default_factory=list)
    devices: dict[Path, str] = field(default_factory=dict)  # by where they are mounted
    links: list[Path] = field(default_factory=list)
    stuck: list[psutil.Process] = field(default_factory=list)

    def disk(self) -> Path:
        """Make an empty ext4 file system, with a UUID of its own, in a file of that name."""
        image = self.folder / str(uuid.uuid4())
        with image.open("wb") as file:
            file.truncate(32 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-U", image.name, image], check=True)
        return image

    def formatted(self, kind: str) -> Path:
        """Make an empty file system of another kind: btrfs, xfs, vfat or exfat."""
        program = f"mkfs.{kind}"
        if shutil.which(program) is None:
            missing(program)
        image = self.folder / str(uuid.uuid4())
        with image.open("wb") as file:
            file.truncate(320 << 20)  # the least that XFS takes
        subprocess.run([program, image], check=True, capture_output=True)
        return image

    def attach(self, image: Path, place: Path, kind: str) -> None:
        """Mount an image whose kind the kernel knows, or a program of FUSE that has its name."""
        attach = ["losetup", "--find", "--show", str(image)]
        device = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
        self.devices[place] = device
        place.mkdir(parents=True, exist_ok=True)
        ways = (["mount", "-t", kind], ["mount", "-t", f"{kind}-fuse"])
        for way in ways:
            if subprocess.run([*way, device, place], capture_output=True, check=False).returncode:
                continue
            self.places.append(place)
            return
        self._detach(place)
        missing(f"a kernel with {kind}, or {kind}-fuse")

    def plug_in(self, image: Path, place: Path, *, udev: bool = True) -> None:
        """Mount a disk as a block device, which udev tells the UUID of."""
        attach = ["losetup", "--find", "--show", str(image)]
        device = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
        self.devices[place] = device
        if udev:
            BY_UUID.mkdir(parents=True, exist_ok=True)
            self.links.append(BY_UUID / image.name)
            self.links[-1].symlink_to(device)
        self.mount(place, device)

    def mount(self, place: Path, *arguments: str | Path) -> None:
        """Run ``mount ARGUMENTS PLACE``."""
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", *arguments, place], check=True)
        self.places.append(place)

    def unmount(self, place: Path) -> None:
        """Run ``umount PLACE``, again and again while somebody just looks into it."""
        deadline = time.monotonic() + 10
        while True:
            done = subprocess.run(["umount", place], capture_output=True, check=False)
            if done.returncode == 0:
                self.places.remove(place)
                self._detach(place)
                return
            assert time.monotonic() < deadline, f"{place} stays busy: {done.stderr!r}"
            time.sleep(0.1)  # between two tries, with a deadline

    def fuse(self, source: Path, place: Path) -> psutil.Process:
        """Show ``source`` at ``place`` through a program, which is returned."""
        if shutil.which("bindfs") is None:
            missing("bindfs")
        for folder in (source, place):
            folder.mkdir(parents=True, exist_ok=True)
        self.stuck.append(psutil.Popen(["bindfs", "-f", source, place]))
        self.places.append(place)
        _wait_for(lambda: os.path.ismount(place))
        return self.stuck[-1]

    def close(self) -> None:
        for program in self.stuck:
            program.send_signal(signal.SIGCONT)
            program.kill()
            program.wait(10)
        for place in reversed(self.places):
            subprocess.run(["umount", "--lazy", place], check=False)
            self._detach(place)

    def _detach(self, place: Path) -> None:
        device = self.devices.pop(place, None)
        if device is not None:
            subprocess.run(["losetup", "--detach", device], check=True)
            for link in self.links:
                link.unlink()
            self.links.clear()


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)  # between two looks, with a deadline
