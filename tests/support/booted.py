"""A systemd that really booted, with the program and the unit as ``make install`` lays them out.

A test asks for the fixture ``machine`` (tests/system/conftest.py): one boot for each test file::

    def test_members_of_the_group_may_ask(machine: Machine, shown: Shown) -> None:
        machine.begin(people={"min_photos": 2})              # the daemon anew, by these settings
        machine.add_user("anna", "facewatchd")               # with her home, and in the group
        answer = machine.run(*machine.as_user("anna"), CTL, "status", "--json")
        assert machine.fails(*machine.as_user("ben"), CTL, "status", code=1) == "..."
        shown("a member of the group asks", "is answered, without sudo", "answered in 0.2 s")

``shown`` notes a row of the table in docs/service.md: what is done, what is promised, result.  The
rows are written by ``pytest --table docs/service.md FILES``, when all tests of the run pass.

In there, /srv/photos is the folder of shared photos, this checkout cannot be seen, and nothing
outlives the boot; `Machine.path` is how a file in there is reached from a test.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import missing
from tests.support.installed import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CTL = Path("/usr/local/bin/facewatchctl")
DAEMON = CTL.with_name("facewatchd")
PYTHON = Path("/usr/local/lib/facewatchd/bin/python")  # of the installed program
PHOTOS = Path("/srv/photos")
OUTPUT = Path("/srv/people")
STATE = Path("/var/lib/facewatchd")
CONFIG = Path("/etc/facewatchd/facewatchd.yaml")
SOCKET = Path("/run/facewatchd/api.sock")
UNITS = Path("/run/systemd/system")  # drop-ins that no boot survives


@dataclass(frozen=True)
class Machine:
    """A booted systemd; ``pid`` is its process here, ``roots`` the photos that are watched."""

    pid: int
    roots: Path = PHOTOS / "bbt"

    # -- what is in there

    def run(self, *command: object, check: bool = True, seconds: float = 60) -> str:
        """Run ``command`` in there, and return what it printed."""
        done = self._do(*command, seconds=seconds)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}\n{self.log()}"
        return done.stdout

    def fails(self, *command: object, code: int = 1) -> str:
        """Run ``command`` in there, which must end with ``code``, and return what it said."""
        done = self._do(*command)
        assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}\n{self.log()}"
        return done.stderr

    def _do(self, *command: object, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-C", "-i", "-u", "-n"]
        return subprocess.run(
            [*inside, *map(str, command)],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def path(self, inside: Path) -> Path:
        """Return how a file in there is reached from here."""
        return Path(f"/proc/{self.pid}/root") / inside.relative_to("/")

    def add_user(self, name: str, *groups: str) -> None:
        """Have an ordinary user, with a home of 0700, who is in these groups besides her own."""
        self.run("systemd-sysusers", "--inline", f"u {name} - - /home/{name}")
        for group in groups:
            self.run("systemd-sysusers", "--inline", f"m {name} {group}")
        self.run("install", "-d", "-o", name, "-g", name, "-m", "700", f"/home/{name}")

    @staticmethod
    def as_user(name: str) -> tuple[str, ...]:
        """Return what a command begins with that is run by ``name``, in her groups."""
        return ("setpriv", "--reuid", name, "--regid", name, "--init-groups")

    def inside(self, pid: int) -> tuple[str, ...]:
        """Return what a command begins with that sees the files as the process ``pid`` does."""
        return ("nsenter", "-t", str(pid), "-m")

    # -- the daemon

    def begin(self, **settings: object) -> int:
        """Start the daemon anew by these settings and no others; return its process."""
        self.configure(**settings)
        return self.start()

    def start(self) -> int:
        """Return when the daemon said READY=1."""
        self.run("systemctl", "start", "facewatchd")
        return int(self.show("MainPID")["MainPID"])

    def stop(self) -> None:
        """Stop it, and wait until it has."""
        self.run("systemctl", "stop", "facewatchd")

    def configure(self, **settings: object) -> None:
        """Stop the daemon, and have it go by the unit alone and by these settings."""
        self.stop()  # one that a failed test left would go on
        self.adapt()
        self.write(**settings)

    def adapt(self, *lines: str) -> None:
        """Have the unit go by these lines of [Service] too, and by no earlier ones."""
        dropin = self.path(UNITS / "facewatchd.service.d" / "test.conf")
        dropin.parent.mkdir(parents=True, exist_ok=True)
        dropin.write_text("\n".join(["[Service]", *lines]) + "\n")
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "reset-failed", "facewatchd*")

    def write(self, **settings: object) -> None:
        """Write the configuration: root and output unless ``settings`` say otherwise."""
        usual = {"roots": [{"path": str(self.roots)}], "output": str(OUTPUT)}
        self.path(CONFIG).write_text(json.dumps({**usual, **settings}))  # JSON is YAML

    def open_folders(self) -> None:
        """Put the drop-in there that ``facewatchctl unit`` prints for the configuration."""
        dropin = self.path(UNITS / "facewatchd.service.d" / "folders.conf")
        dropin.parent.mkdir(parents=True, exist_ok=True)
        dropin.write_text(self.run(CTL, "unit", "--config", CONFIG))
        self.run("systemctl", "daemon-reload")

    def forget_everything(self) -> None:
        """Empty the state folder and the output; the daemon is stopped."""
        there = [folder for folder in (STATE, OUTPUT) if self.path(folder).exists()]
        self.run("find", *there, "-mindepth", "1", "-delete")

    def signal(self, name: str) -> None:
        """Send a signal to the daemon alone."""
        self.run("systemctl", "kill", f"--signal={name}", "--kill-who=main", "facewatchd")

    def show(self, *properties: str) -> dict[str, str]:
        """Return what systemd says of the unit."""
        lines = self.run("systemctl", "show", "facewatchd", "-p", ",".join(properties))
        return dict(line.split("=", 1) for line in lines.splitlines())

    def status(self) -> dict[str, Any]:
        """Return what the daemon answers to ``facewatchctl status --json``."""
        answer = self.run(CTL, "--socket", SOCKET, "status", "--json")
        status: dict[str, Any] = json.loads(answer)
        return status

    def root(self, path: Path) -> dict[str, Any]:
        """Return what the status says of one root."""
        (found,) = (root for root in self.status()["roots"] if root["path"] == str(path))
        return dict(found)

    def journal(self, unit: str = "facewatchd") -> list[dict[str, Any]]:
        """Return the records of the unit, with all their fields."""
        lines = self.run("journalctl", "-u", unit, "-o", "json", "--all", "--no-pager")
        return [json.loads(line) for line in lines.splitlines()]

    def log(self) -> str:
        """Return the last lines of the unit's journal."""
        return self.run("journalctl", "-u", "facewatchd", "-n", "50", "--no-pager", check=False)

    def folders(self) -> list[int]:
        """Return how many links each person's folder in the output has, in ascending order."""
        people = self.path(OUTPUT).glob("person_*")
        return sorted(sum(each.is_symlink() for each in folder.iterdir()) for folder in people)

    def wait_for(self, condition: Callable[[], object], seconds: float) -> None:
        """Ask until ``condition`` holds; the deadline must not pass."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.log()}"
            time.sleep(0.1)  # between two questions to another process, with a deadline

    def wait_until_read(self, photos: int, seconds: float = 150) -> None:
        """Wait until the daemon has read this many photos and has nothing more to do."""

        def has_read() -> bool:
            status = self.status()
            return bool(status["state"] == "idle" and status["photos"] == photos)

        self.wait_for(has_read, seconds)


@contextmanager
def booted(place: Path, shared: Path, system: Path) -> Iterator[Machine]:
    """Boot a systemd in the folder ``place``; ``system`` is what was installed."""
    boot = shared / "tools" / "boot-systemd.sh"
    if os.geteuid() != 0 or not boot.exists() or not Path("/lib/systemd/systemd").exists():
        missing(f"root, systemd and {boot}, to boot a systemd")
    done = subprocess.run(
        ["bash", boot, place, "--unit=basic.target"],
        env=os.environ | {"FW_BIND": f"{system} {shared.resolve()}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    try:
        if done.returncode != 0:
            console = (place / "console.log").read_text() if place.exists() else ""
            missing(f"what a systemd needs to boot: {done.stderr}{console}")
        machine = Machine(int((place / "pid").read_text()))
        _lay_out(machine, system, shared.resolve() / "photos")
        yield machine
    finally:
        _switch_off(place)


def _lay_out(machine: Machine, system: Path, photos: Path) -> None:
    """Put in place what was installed, and finish the installation as ``make install`` does."""
    # As on every machine; systemd leaves that to others where it takes itself for contained.
    machine.run("mount", "--make-rshared", "/")
    environment = "/usr/local/lib/facewatchd"
    for what, where in ((f"{system}{environment}", environment), (photos, PHOTOS)):
        machine.run("mkdir", "-p", where)
        machine.run("mount", "--bind", what, where)
    copied = "tar -C $0 -c --exclude=./$1 . | tar -C / -x --no-overwrite-dir"
    machine.run("sh", "-c", copied, system, environment.lstrip("/"))
    machine.run("mount", "-t", "tmpfs", "tmpfs", CHECKOUT)  # nothing in there may need it
    machine.run("systemd-sysusers", "facewatchd.conf")
    machine.run("systemd-tmpfiles", "--create", "facewatchd.conf")
    machine.run("systemctl", "daemon-reload")


def _switch_off(place: Path) -> None:
    pid = place / "pid"
    if pid.exists() and pid.read_text().strip():
        os.kill(int(pid.read_text()), signal.SIGKILL)
    groups = Path("/proc/mounts").read_text().splitlines()
    cgroup = next(line.split()[1] for line in groups if line.split()[2] == "cgroup2")
    top = Path(cgroup) / f"fwtest-{place.name}"
    deadline = time.monotonic() + 10
    while top.exists():
        assert time.monotonic() < deadline, f"{top} stays busy"
        for folder, _, _ in os.walk(top, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError:
                time.sleep(0.05)  # its last process is still dying; there is a deadline
