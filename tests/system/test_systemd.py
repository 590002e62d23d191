"""The unit in a systemd that really booted, with real photos."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).resolve().parents[2]
UNIT = CHECKOUT / "systemd" / "facewatchd.service"
PROGRAMS = Path(sys.prefix) / "bin"
OUTPUT = Path("/srv/people")
CONFIG = Path("/etc/facewatchd/facewatchd.yaml")
SOCKET = Path("/run/facewatchd/api.sock")


def needs(program: str) -> None:
    if shutil.which(program) is None:
        missing(f"{program}, of systemd")


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    needs("systemd-analyze")
    copy = tmp_path / UNIT.name
    text, programs = re.subn(r"(?m)^ExecStart=\S+", f"ExecStart={PROGRAMS}/facewatchd", _unit())
    assert programs == 1
    copy.write_text(text)
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=True
    )
    assert said.stdout + said.stderr == ""  # unknown keys are printed, and still it returns 0


def _unit() -> str:
    return UNIT.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Machine:
    """A booted systemd with the unit in it."""

    pid: int
    roots: Path

    def run(self, *command: object, check: bool = True, seconds: float = 60) -> str:
        """Run ``command`` in there, and return what it printed."""
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-C", "-i", "-u", "-n"]
        done = subprocess.run(
            [*inside, *map(str, command)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}\n{self.log()}"
        return done.stdout

    def path(self, inside: Path) -> Path:
        """Return how a file in there is reached from here."""
        return Path(f"/proc/{self.pid}/root") / inside.relative_to("/")

    def configure(self, **more: object) -> None:
        self.run("systemctl", "stop", "facewatchd")  # one that a failed test left would go on
        settings = {
            "roots": [{"path": str(self.roots)}],
            "output": str(OUTPUT),
            "socket": str(SOCKET),
            **more,
        }
        self.path(CONFIG).write_text(json.dumps(settings))  # JSON is YAML

    def show(self, *properties: str) -> dict[str, str]:
        lines = self.run("systemctl", "show", "facewatchd", "-p", ",".join(properties))
        return dict(line.split("=", 1) for line in lines.splitlines())

    def status(self) -> dict[str, Any]:
        answer = self.run(PROGRAMS / "facewatchctl", "--socket", SOCKET, "status", "--json")
        status: dict[str, Any] = json.loads(answer)
        return status

    def journal(self) -> list[dict[str, Any]]:
        lines = self.run("journalctl", "-u", "facewatchd", "-o", "json", "--no-pager")
        return [json.loads(line) for line in lines.splitlines()]

    def log(self) -> str:
        return self.run("journalctl", "-u", "facewatchd", "-n", "50", "--no-pager", check=False)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.log()}"
            time.sleep(0.2)  # between two questions to another process, with a deadline


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Iterator[Machine]:
    """Boot a systemd that sees this checkout and the shared photos, with the unit installed."""
    boot = shared / "tools" / "boot-systemd.sh"
    if os.geteuid() != 0 or not boot.exists() or not Path("/lib/systemd/systemd").exists():
        missing(f"root, systemd and {boot}, to boot a systemd")
    place = tmp_path_factory.mktemp("systemd") / f"boot{os.getpid()}"
    _install(place / "etc", shared)
    environment = os.environ | {"FW_BIND": f"{CHECKOUT} {shared.resolve()}"}
    booted = subprocess.run(
        ["bash", boot, place, "--unit=basic.target"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    try:
        if booted.returncode != 0:
            console = (place / "console.log").read_text() if place.exists() else ""
            missing(f"what a systemd needs to boot: {booted.stderr}{console}")
        machine = Machine(int((place / "pid").read_text()), shared.resolve() / "photos" / "bbt")
        machine.run("systemd-sysusers", "--inline", "u facewatchd - - /var/lib/facewatchd")
        machine.run("install", "-d", "-o", "facewatchd", OUTPUT)
        yield machine
    finally:
        _switch_off(place)


def _install(etc: Path, shared: Path) -> None:
    """Lay out the unit, and a drop-in that points it to this checkout, wherever that is."""
    units = etc / "systemd" / "system"
    dropin = units / "facewatchd.service.d" / "checkout.conf"
    dropin.parent.mkdir(parents=True)
    (etc / "facewatchd").mkdir()
    shutil.copy(UNIT, units)
    visible = f"{CHECKOUT} {shared.resolve()} {sys.base_prefix}"
    dropin.write_text(
        "[Service]\n"
        "ExecStart=\n"
        f"ExecStart={PROGRAMS}/facewatchd --config {CONFIG}\n"
        # The checkout and its Python may lie in /root or /tmp, which the user cannot look into.
        "ProtectHome=tmpfs\n"
        f"BindReadOnlyPaths={visible}\n"
    )


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


def test_the_service_starts_sorts_real_photos_and_stops(machine: Machine) -> None:
    machine.configure()
    machine.run("systemctl", "start", "facewatchd")  # returns when the daemon said READY=1
    running = machine.show("ActiveState", "StatusText", "WatchdogUSec", "MainPID")
    assert running["ActiveState"] == "active"
    assert running["StatusText"] != ""
    assert running["WatchdogUSec"] == "2min"

    photos = sum(path.suffix in {".jpg", ".png"} for path in machine.roots.rglob("*"))
    machine.wait_for(lambda: _has_read(machine.status(), photos), seconds=150)
    links = list(machine.path(OUTPUT).glob("person_*/*"))
    assert len({link.parent for link in links}) >= 5
    assert len([link for link in links if link.is_symlink()]) >= 25
    assert machine.run("find", OUTPUT, "-xtype", "l") == "", "some links lead nowhere"
    assert oct(machine.path(Path("/var/lib/facewatchd")).stat().st_mode & 0o777) == "0o700"
    cache = machine.path(Path("/var/cache/facewatchd"))
    assert oct(cache.stat().st_mode & 0o777) == "0o700"
    assert {oct(kept.stat().st_mode & 0o777) for kept in cache.rglob("*.*")} == {"0o600"}

    started = time.monotonic()
    machine.run("systemctl", "stop", "facewatchd")
    assert time.monotonic() - started < 15
    ended = machine.show("ActiveState", "Result", "ExecMainStatus", "NRestarts")
    assert ended == {
        "ActiveState": "inactive",
        "Result": "success",
        "ExecMainStatus": "0",
        "NRestarts": "0",
    }
    _check_journal(machine.journal(), running["MainPID"])


def _has_read(status: dict[str, Any], photos: int) -> bool:
    return bool(status["state"] == "idle" and status["photos"] == photos)


def _check_journal(entries: list[dict[str, Any]], pid: str) -> None:
    ours = [entry for entry in entries if entry.get("LOGGER") == "facewatchd.daemon"]
    assert {entry["_PID"] for entry in ours} == {pid}
    assert {entry["SYSLOG_IDENTIFIER"] for entry in ours} == {"facewatchd"}
    assert {entry["PRIORITY"] for entry in ours} == {"6"}
    messages = [entry["MESSAGE"] for entry in ours]
    assert messages[0].startswith("Watching ")
    assert messages[-1] == "Stopped."


def test_an_invalid_configuration_is_said_once_and_not_tried_again(machine: Machine) -> None:
    machine.configure(similarity=7)
    machine.run("systemctl", "start", "facewatchd", check=False)
    assert machine.show("ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",  # while it waits for another try, this is "activating"
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }
    assert "similarity = 7" in machine.log()
