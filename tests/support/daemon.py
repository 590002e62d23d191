"""The real daemon as a process, as a user runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from facewatchd.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = "person_*"


@dataclass
class Daemon:
    """A facewatchd of this checkout with folders of its own."""

    home: Path
    arguments: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for folder in (self.photos, self.state):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def photos(self) -> Path:
        return self.home / "photos"

    @property
    def output(self) -> Path:
        return self.home / "people"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def client(self) -> Client:
        return Client(self.state / "api.sock")

    def command(self) -> list[str]:
        folders = ["--root", self.photos, "--output", self.output, "--state", self.state]
        return [sys.executable, "-m", "facewatchd", *map(str, folders), *self.arguments]

    def start(self, *, wait: bool = True) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stderr=log, start_new_session=True)
        if wait:
            self.wait_for(self._answers, 30)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.state / "api.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return bool(self.status())

    def wait_for(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Ask until ``condition`` holds; the daemon must live and the deadline not pass."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, f"{condition} after {seconds} s:\n{self.log()}"
            time.sleep(0.05)  # between two looks at another process, with a deadline
        return answer

    def status(self) -> dict[str, Any]:
        client = self.client
        return client.status()

    def is_idle(self) -> bool:
        return bool(self.status()["state"] == "idle")

    def wait_until_idle(self, seconds: float = 120) -> dict[str, Any]:
        self.wait_for(self.is_idle, seconds)
        return self.status()

    def recluster(self, seconds: float = 120) -> None:
        before = self.status()["recluster"]["runs"]
        client = self.client
        client.recluster()
        self.wait_for(lambda: self.status()["recluster"]["runs"] > before, seconds)
        self.wait_until_idle(seconds)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill(self) -> None:
        """``kill -9`` the daemon, and wait until its children have followed."""
        assert self.process is not None
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(10)
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, "children outlive the daemon"

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def folders(self) -> dict[str, set[str]]:
        """Return each person's folder with the real paths of the photos it links to."""
        return {
            folder.name: {os.path.realpath(link) for link in folder.iterdir() if link.is_symlink()}
            for folder in sorted(self.output.glob(PEOPLE))
        }


def partition(daemon: Daemon) -> set[frozenset[tuple[str, tuple[int, ...]]]]:
    """Return the people as sets of (photo, box), and each face of nobody by itself."""
    groups: dict[str, set[tuple[str, tuple[int, ...]]]] = {}
    client = daemon.client
    for path in sorted(daemon.photos.rglob("*.*")):
        answer = client.find(os.fsencode(path))
        for face in answer["faces"]:
            key = (answer["photo"], tuple(face["box"]))
            groups.setdefault(face["person"] or repr(key), set()).add(key)
    return {frozenset(group) for group in groups.values()}


def links(daemon: Daemon) -> set[frozenset[str]]:
    """Return the people's folders as sets of the photos that they link to."""
    return {
        frozenset(os.path.relpath(path, daemon.photos) for path in paths)
        for paths in daemon.folders().values()
    }
