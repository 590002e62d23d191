"""The real daemon as a process, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from facewatchd.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE = "person_*"


class DaemonEndedError(AssertionError):
    """The daemon has ended while it was asked for something."""


@dataclass
class Daemon:
    """A facewatchd of this checkout with folders of its own.

    ``settings`` are its configuration (the root is ``photos``, if they name none), ``usual`` what
    else stands there, ``program`` is the module that is run, and ``launcher`` the command that runs
    Python for it.
    """

    home: Path
    arguments: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    launcher: list[str] = field(default_factory=list)
    program: list[str] = field(default_factory=lambda: ["facewatchd"])
    environment: dict[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    process: subprocess.Popen[bytes] | None = None
    # Tests find a link, and a line of the log, by the name of its photo, and run on a laptop
    # without its cable too.
    usual: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "log": {"names": True},
            "output": {"name": "{name}"},
            "work": {"on_battery": True},
        }
    )

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
        folders: list[str | Path] = ["--output", self.output, "--state", self.state]
        if "roots" not in self.settings:
            folders += ["--root", self.photos]
        folders += ["--config", self.configure()]
        python = [*self.launcher, str(self.python), "-m", *self.program]
        return [*python, *map(str, folders), *self.arguments]

    def configure(self) -> Path:
        """Write ``settings`` and what is ``usual`` as the configuration; return the file."""
        merged = {name: self.usual[name] | self.settings.get(name, {}) for name in self.usual}
        config = self.home / "facewatchd.yaml"
        config.write_text(json.dumps(self.settings | merged))  # JSON is YAML
        return config

    def start(self, *, wait: bool = True) -> None:
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stderr=log,
                start_new_session=True,
                env=os.environ | self.environment,
            )
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
            if self.process.poll() is not None:
                raise DaemonEndedError(self.log())
            assert time.monotonic() < deadline, f"{condition} after {seconds} s:\n{self.log()}"
            time.sleep(0.05)  # between two looks at another process, with a deadline
        return answer

    def status(self) -> dict[str, Any]:
        client = self.client
        return client.status()

    def root(self, path: Path) -> dict[str, Any]:
        """Return what the status says of one root."""
        (found,) = (root for root in self.status()["roots"] if root["path"] == str(path))
        return dict(found)

    def rows(self, question: str, *values: object) -> list[Any]:
        """Ask the store, which the daemon goes on writing."""
        store = f"file:{self.state / 'store.db'}?mode=ro"
        with closing(sqlite3.connect(store, uri=True)) as db:
            return db.execute(question, values).fetchall()

    def files(self, below: Path | None = None) -> dict[bytes, str]:
        """Return the state of every file that has a row, at or below ``below``."""
        top = os.fsencode(below or self.home) + b"/"
        rows = self.rows("SELECT path, state FROM files")
        return {path: state for path, state in rows if path.startswith(top)}

    def ctl(self, *arguments: str | bytes | Path) -> subprocess.CompletedProcess[bytes]:
        """Run ``facewatchctl`` on this daemon, as a user does."""
        place: list[str | Path] = ["--socket", self.state / "api.sock", "--state", self.state]
        return subprocess.run(
            [Path(sys.prefix) / "bin" / "facewatchctl", *place, *arguments],
            capture_output=True,
            timeout=60,
            check=False,
        )

    def family(self) -> list[psutil.Process]:
        """Return the daemon and all its descendants."""
        assert self.process is not None
        daemon = psutil.Process(self.process.pid)
        return [daemon, *daemon.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """Return what the daemon, and every child that it had, used of the processor until now."""
        alive = [process.cpu_times() for process in self.family()]
        dead = alive[0].children_user + alive[0].children_system
        return float(dead + sum(each.user + each.system for each in alive))

    def memory(self) -> int:
        """Return the daemon's memory with its children's, what they share counted once, bytes."""
        return sum(int(process.memory_full_info().pss) for process in self.family())

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

    def bury(self) -> int:
        """Wait until the daemon, which is being killed, and its children have ended."""
        assert self.process is not None
        code = self.process.wait(10)
        wait_for_children(self.process)
        return code

    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")

    def folders(self) -> dict[str, set[str]]:
        """Return each person's folder with the real paths of the photos it links to."""
        return {
            folder.name: {os.path.realpath(link) for link in _inside(folder) if link.is_symlink()}
            for folder in sorted(self.output.glob(PEOPLE))
        }


def _inside(folder: Path) -> list[Path]:
    """Return what is in ``folder``; nothing when it went since it was seen."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def wait_for_children(leader: subprocess.Popen[bytes]) -> None:
    """Wait until all of the session that ``leader``, which has ended, was started in are gone."""
    deadline = time.monotonic() + 10
    while any(_session(process.pid) == leader.pid for process in psutil.process_iter()):
        assert time.monotonic() < deadline, f"children outlive {leader.args!r}"
        time.sleep(0.05)  # between two looks at other processes, with a deadline


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


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
