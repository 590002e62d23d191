"""The unit in a systemd that really booted, with real photos."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.mounts import Mounts
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = CHECKOUT / "systemd"
PROGRAMS = Path(sys.prefix) / "bin"
OUTPUT = Path("/srv/people")
CONFIG = Path("/etc/facewatchd/facewatchd.yaml")
SOCKET = Path("/run/facewatchd/api.sock")


@dataclass(frozen=True)
class Machine:
    """A booted systemd with the unit in it."""

    pid: int
    roots: Path

    def run(self, *command: object, check: bool = True, seconds: float = 60) -> str:
        """Run ``command`` in there, and return what it printed."""
        done = self._do(*command, seconds=seconds)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}\n{self.log()}"
        return done.stdout

    def _do(self, *command: object, seconds: float = 60) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.pid), "-m", "-p", "-C", "-i", "-u", "-n"]
        return subprocess.run(
            [*inside, *map(str, command)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def path(self, inside: Path) -> Path:
        """Return how a file in there is reached from here."""
        return Path(f"/proc/{self.pid}/root") / inside.relative_to("/")

    def begin(self, **settings: object) -> int:
        """Start the daemon anew by these settings and no others; return its process."""
        self.configure(**settings)
        self.run("systemctl", "start", "facewatchd")  # returns when the daemon said READY=1
        return int(self.show("MainPID")["MainPID"])

    def configure(self, **more: object) -> None:
        self.run("systemctl", "stop", "facewatchd")  # one that a failed test left would go on
        self.adapt()
        self.write(**more)

    def adapt(self, *lines: str) -> None:
        """Have the unit go by these lines of [Service] too, and by no earlier ones."""
        dropin = Path("/run/systemd/system/facewatchd.service.d/test.conf")
        self.path(dropin.parent).mkdir(parents=True, exist_ok=True)
        self.path(dropin).write_text("\n".join(["[Service]", *lines]) + "\n")
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "reset-failed", "facewatchd*")

    def write(self, **more: object) -> None:
        """Write the configuration."""
        settings = {
            "roots": [{"path": str(self.roots)}],
            "output": str(OUTPUT),
            "socket": str(SOCKET),
            **more,
        }
        self.path(CONFIG).write_text(json.dumps(settings))  # JSON is YAML

    def fails(self, *command: object, code: int = 1) -> str:
        """Run ``command`` in there, which must end with ``code``, and return what it said."""
        done = self._do(*command)
        assert done.returncode == code, f"{command}: {done.stdout}\n{self.log()}"
        return done.stderr

    def signal(self, name: str) -> None:
        """Send a signal to the daemon alone."""
        self.run("systemctl", "kill", f"--signal={name}", "--kill-who=main", "facewatchd")

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
        machine.run("systemd-sysusers", UNITS / "sysusers.d" / "facewatchd.conf")
        machine.run("systemd-tmpfiles", "--create", UNITS / "tmpfiles.d" / "facewatchd.conf")
        yield machine
    finally:
        _switch_off(place)


def _install(etc: Path, shared: Path) -> None:
    """Lay out the units, with drop-ins that point them to this checkout, wherever that is."""
    units = etc / "systemd" / "system"
    units.mkdir(parents=True)
    (etc / "facewatchd").mkdir(parents=True)
    visible = f"{CHECKOUT} {shared.resolve()} {sys.base_prefix}"
    for unit in UNITS.glob("*.service"):
        text = unit.read_text(encoding="utf-8")
        assert text.count("/usr/local/bin/") == 2
        (units / unit.name).write_text(text.replace("/usr/local/bin", str(PROGRAMS)))
        dropin = units / f"{unit.name}.d" / "checkout.conf"
        dropin.parent.mkdir()
        dropin.write_text(
            "[Service]\n"
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


def test_a_reload_waits_for_the_new_settings_and_a_bad_one_fails_and_changes_nothing(
    machine: Machine, shown: Callable[[str, str], None]
) -> None:
    pid = machine.begin()
    machine.write(people={"min_photos": 4})
    started = time.monotonic()
    machine.run("systemctl", "reload", "facewatchd")
    shown("systemctl reload, another people.min_photos", f"{time.monotonic() - started:.1f} s")
    assert "read again; changed: people.min_photos." in machine.log()

    hidden = [{"path": str(machine.roots)}, {"path": "/home/somebody/photos"}]
    machine.run("install", "-d", "/home/somebody/photos")
    machine.write(roots=hidden)
    machine.fails("systemctl", "reload", "facewatchd")
    assert "The unit hides the root /home/somebody/photos" in machine.log()
    assert "facewatchctl unit" in machine.log()

    machine.write(similarity=7)
    assert "failed" in machine.fails("systemctl", "reload", "facewatchd")
    assert machine.show("ActiveState", "MainPID") == {"ActiveState": "active", "MainPID": str(pid)}
    assert "similarity = 7" in machine.log()
    assert "The former configuration stays." in machine.log()
    assert machine.status()["pid"] == pid


def test_a_daemon_that_is_killed_is_there_again(machine: Machine) -> None:
    pid = machine.begin()
    machine.adapt("RestartSec=100ms")
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 20)
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    assert machine.status()["pid"] != pid


def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_is_there_again(machine: Machine) -> None:
    machine.configure()
    machine.adapt("RestartSec=100ms", "WatchdogSec=3s")
    machine.run("systemctl", "start", "facewatchd")
    pid = int(machine.show("MainPID")["MainPID"])
    machine.signal("STOP")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 30)
    assert "Watchdog timeout" in machine.log()
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    assert machine.status()["pid"] != pid


def test_one_that_is_killed_again_and_again_stays_down(machine: Machine) -> None:
    machine.configure()
    machine.adapt("RestartSec=10ms", "[Unit]", "StartLimitBurst=2")
    machine.run("systemctl", "start", "facewatchd")
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 20)
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "failed", 20)
    assert "Start request repeated too quickly." in machine.log()


def test_a_second_daemon_ends_at_once_and_leaves_the_first_alone(
    machine: Machine, shown: Callable[[str, str], None]
) -> None:
    pid = machine.begin()
    started = time.monotonic()
    told = machine.fails(
        *("systemd-run", "--quiet", "--wait", "--pipe", "--property=User=facewatchd"),
        *("--property=ProtectHome=tmpfs", f"--property=BindReadOnlyPaths={sys.base_prefix}"),
        *(f"--property=BindReadOnlyPaths={CHECKOUT}", PROGRAMS / "facewatchd"),
        *("--config", CONFIG, "--state", "/var/lib/facewatchd"),
        code=78,
    )
    shown("A second daemon, to exit 78", f"{time.monotonic() - started:.1f} s")
    assert "Another facewatchd works on the state folder /var/lib/facewatchd" in told
    assert machine.status()["pid"] == pid


def test_photos_cannot_be_written_from_inside_the_service(machine: Machine) -> None:
    pid = machine.begin()
    inside = ("nsenter", "-t", pid, "-m")
    photo = next(machine.roots.rglob("*.png"))
    for place in (photo.parent / "new", Path("/srv/photos"), Path("/etc/new"), Path("/usr/new")):
        assert "Read-only file system" in machine.fails(*inside, "touch", place)
    machine.run(*inside, "touch", OUTPUT / "new")
    machine.run(*inside, "rm", OUTPUT / "new")
    machine.run("install", "-d", "/home/somebody")
    assert machine.run(*inside, "ls", "-A", "/home") == ""


def test_one_that_is_stopped_in_the_middle_of_a_backlog_ends_well(machine: Machine) -> None:
    machine.configure()
    machine.run("find", "/var/lib/facewatchd", OUTPUT, "-mindepth", "1", "-delete")
    machine.run("systemctl", "start", "facewatchd")
    machine.wait_for(lambda: machine.status()["files"]["pending"] > 0, 30)
    machine.run("systemctl", "stop", "facewatchd")
    assert machine.show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}


def test_a_daemon_of_one_person_sees_her_photos_and_nothing_else_in_any_home(
    machine: Machine,
) -> None:
    machine.configure()
    for user in ("anna", "ben"):
        machine.run("systemd-sysusers", "--inline", f"u {user} - - /home/{user}")
        machine.run("install", "-d", "-o", user, "-m", "700", f"/home/{user}")
    machine.run("cp", "-r", machine.roots / "amy", "/home/anna/Photos")
    machine.run("install", "-d", "-o", "anna", "/home/anna/People")
    machine.run("chown", "-R", "anna", "/home/anna")
    settings = {"roots": [{"path": "/home/anna/Photos"}], "output": "/home/anna/People"}
    machine.run("cp", "-r", "/var/cache/facewatchd", "/var/cache/facewatchd-anna")
    machine.path(CONFIG.with_name("anna.yaml")).write_text(json.dumps(settings))
    dropin = machine.run(PROGRAMS / "facewatchctl", "unit", "--instance", "anna")
    folder = machine.path(Path("/etc/systemd/system/facewatchd@anna.service.d"))
    folder.mkdir()
    (folder / "folders.conf").write_text(dropin)
    machine.run("systemctl", "daemon-reload")

    machine.run("systemctl", "start", "facewatchd@anna")
    socket = Path("/run/facewatchd-anna/api.sock")
    ask = (PROGRAMS / "facewatchctl", "--socket", socket, "status", "--json")
    machine.wait_for(lambda: _has_read(json.loads(machine.run(*ask)), 5), 60)
    assert len(list(machine.path(Path("/home/anna/People")).glob("person_*/*.png"))) == 5
    machine.run("systemctl", "reload", "facewatchd@anna")
    pid = machine.run("systemctl", "show", "-P", "MainPID", "facewatchd@anna").strip()
    inside = ("nsenter", "-t", pid, "-m")
    assert set(machine.run(*inside, "find", "/home", "-maxdepth", "2").split()) == {
        "/home",
        "/home/anna",
        "/home/anna/People",
        "/home/anna/Photos",
    }
    assert "Read-only" in machine.fails(*inside, "touch", "/home/anna/Photos/new")
    machine.run("systemctl", "stop", "facewatchd@anna")


def test_a_root_that_the_unit_hides_is_told_from_one_that_vanished(machine: Machine) -> None:
    machine.run("install", "-d", "/home/somebody/photos")
    paths = [str(machine.roots), "/home/somebody/photos", "/srv/gone"]
    machine.begin(roots=[{"path": path} for path in paths])
    reasons = {root["path"]: root["reason"] for root in machine.status()["roots"]}
    assert reasons[paths[1]].endswith("; the unit hides it, see: facewatchctl unit")
    assert reasons[paths[2]] == "it cannot be read: No such file or directory"


@pytest.mark.parametrize("homes", ["yes", "tmpfs", "no"])
def test_what_a_unit_hides_is_told_by_the_mounts_that_it_sees(machine: Machine, homes: str) -> None:
    confined = f"--property=ProtectHome={homes}", f"--property=PrivateTmp={homes != 'no'}"
    seen = machine.run(
        "systemd-run", "--quiet", "--wait", "--pipe", *confined, "cat", "/proc/self/mountinfo"
    )
    mounts = Mounts(seen.encode(), lambda *_: None)
    hidden = {
        path for path in (b"/home/anna/a", b"/root/b", b"/tmp/c", b"/srv/d") if mounts.hides(path)
    }
    assert hidden == (set() if homes == "no" else {b"/home/anna/a", b"/root/b", b"/tmp/c"})
