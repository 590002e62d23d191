"""facewatchd-hooks as a unit: what systemd reads of it, and what it does in one that booted."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.booted import PYTHON
from tests.support.installed import CHECKOUT
from tests.support.units import unexplained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.booted import Machine

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

UNIT = "facewatchd-hooks.service"
FILE = CHECKOUT / "systemd" / UNIT
PROGRAMS = Path(sys.prefix) / "bin"
EXPOSURE = 15  # tenths: it has the network
HOOKS = Path("/etc/facewatchd/hooks.yaml")
STATE = Path("/var/lib/private/facewatchd-hooks")
TELL = "import os, sys; print(os.environ['FACEWATCHD_EVENT_TEXT'], os.getuid(), file=sys.stderr)"
# A web server that writes what it receives to its output, which is the journal.
RECEIVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(self.headers["Authorization"], body.decode(), file=sys.stderr, flush=True)
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 8099), Handler).serve_forever()
"""


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    unit = tmp_path / UNIT
    unit.write_text(FILE.read_text().replace("/usr/local/bin", str(PROGRAMS)))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert said.stdout + said.stderr == ""


def test_little_is_open_to_hooks_that_were_taken_over() -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", FILE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert "Overall exposure level" in told.stdout


def test_every_directive_has_its_reason() -> None:
    assert unexplained(FILE) == [
        "Description=Commands and webhooks for what happens in facewatchd",
        "WantedBy=facewatchd.service",
    ]


@pytest.fixture
def hooked(machine: Machine) -> Iterator[Machine]:
    """Have a machine with two hooks, a web server for one of them, and the unit enabled."""
    webhook = {"url": "http://127.0.0.1:8099/", "headers": {"Authorization": "Bearer sesame"}}
    hooks = {
        "web": {"webhook": webhook, "gather": 0},
        "tell": {"command": [str(PYTHON), "-c", TELL], "gather": 0},
    }
    machine.run("ip", "link", "set", "lo", "up", check=False)
    config = machine.path(HOOKS)
    config.write_text(json.dumps({"hooks": hooks}))  # JSON is YAML
    config.chmod(0o600)
    machine.run("systemd-run", "--unit=receiver", PYTHON, "-c", RECEIVER)
    machine.run("systemctl", "enable", "--quiet", UNIT)
    yield machine
    machine.run("systemctl", "stop", "facewatchd", "receiver", UNIT)


def show(machine: Machine, *properties: str) -> dict[str, str]:
    lines = machine.run("systemctl", "show", UNIT, "-p", ",".join(properties))
    return dict(line.split("=", 1) for line in lines.splitlines())


def said(machine: Machine, unit: str) -> str:
    return "\n".join(str(record["MESSAGE"]) for record in machine.journal(unit))


def test_a_hook_is_delivered(hooked: Machine, shown: Callable[..., None]) -> None:
    machine = hooked
    machine.begin(
        roots=[{"path": str(machine.roots / "amy")}, {"path": "/srv/disk"}],
    )
    machine.wait_for(lambda: _follows(machine), 30)  # it has started with the daemon
    running = show(machine, "ActiveState", "StatusText", "MainPID")
    assert running["ActiveState"] == "active"
    started = time.monotonic()
    machine.run("install", "-d", "/srv/disk")
    machine.run("/usr/local/bin/facewatchctl", "scan")
    machine.wait_for(lambda: "/srv/disk is back." in said(machine, "receiver"), 60)
    machine.wait_for(lambda: "/srv/disk is back." in said(machine, UNIT), 60)
    shown(
        "a root comes back: a webhook and a command",
        "both are delivered, by a user without rights",
        f"delivered in {time.monotonic() - started:.1f} s",
    )
    assert running["StatusText"] != ""
    told = next(line for line in said(machine, "receiver").splitlines() if "is back" in line)
    assert told.startswith("Bearer sesame {")
    message: dict[str, Any] = json.loads(told.removeprefix("Bearer sesame "))
    assert message["events"][0]["facts"] == {"root": "/srv/disk"}
    user = next(line for line in said(machine, UNIT).splitlines() if "is back" in line).split()[-1]
    assert 61184 <= int(user) <= 65519, "a dynamic user, see systemd.exec(5)"
    assert "sesame" not in said(machine, UNIT)

    inside = machine.inside(int(running["MainPID"]))
    for place in ("/srv", "/var/lib/facewatchd", "/root"):
        assert machine.run(*inside, "ls", "-A", place, check=False) == ""
    machine.run("systemctl", "stop", "facewatchd")
    ended = show(machine, "ActiveState", "Result", "ExecMainStatus")
    assert ended == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}


def _follows(machine: Machine) -> bool:
    there = all((machine.path(STATE) / f"{name}.json").exists() for name in ("web", "tell"))
    return there and show(machine, "ActiveState") == {"ActiveState": "active"}


def test_bad_hooks_are_said_once_and_not_tried_again(
    hooked: Machine, shown: Callable[..., None]
) -> None:
    machine = hooked
    machine.path(HOOKS).write_text("hooks: {phone: {webhook: {url: SECRET}}}")
    machine.run("systemctl", "start", UNIT, check=False)
    assert show(machine, "ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",  # while it waits for another try, this is "activating"
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }
    assert "hooks.phone.webhook.url: must begin with http://" in said(machine, UNIT)
    assert "SECRET" not in said(machine, UNIT)
    machine.path(HOOKS).unlink()
    machine.run("systemctl", "reset-failed", UNIT)
    machine.run("systemctl", "start", UNIT)
    assert show(machine, "ActiveState") == {"ActiveState": "inactive"}, "no hooks, no failure"
    shown("hooks.yaml is bad, or not there", "exit 78, not tried again; not started", "as promised")
