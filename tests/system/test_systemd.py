"""The unit, as ``make install`` lays it out, in a systemd that really booted, with real photos."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.mounts import Mounts
from tests.support.booted import CONFIG, CTL, DAEMON, OUTPUT, PHOTOS, PYTHON, STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.booted import Machine

    Shown = Callable[[str, str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

THOUSAND = Path("/srv/thousand")
BROKEN = Path("/srv/broken")


def test_the_service_starts_sorts_real_photos_and_stops(machine: Machine, shown: Shown) -> None:
    machine.configure()
    started = time.monotonic()
    machine.run("systemctl", "start", "facewatchd")  # returns when the daemon said READY=1
    took = time.monotonic() - started
    assert machine.status()["state"] != "starting"  # it answers, and its roots are watched
    running = machine.show("ActiveState", "StatusText", "WatchdogUSec", "MainPID")
    assert running["ActiveState"] == "active"
    assert running["StatusText"] != ""
    assert running["WatchdogUSec"] == "2min"

    program = machine.path(Path(f"/proc/{running['MainPID']}/cmdline")).read_bytes()
    assert program.startswith(bytes(PYTHON)), "it is not the installed one"

    seen = machine.path(machine.roots)
    photos = sum(path.suffix in {".jpg", ".png"} for path in seen.rglob("*"))
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
    shown(
        "systemctl start",
        "returns when the store is open, the roots are watched and the socket answers",
        f"after {took:.1f} s; then {photos} photos became"
        f" {len({link.parent for link in links})} folders",
    )


def _has_read(status: dict[str, Any], photos: int) -> bool:
    return bool(status["state"] == "idle" and status["photos"] == photos)


def _check_journal(entries: list[dict[str, Any]], pid: str) -> None:
    loggers = {"facewatchd.daemon", "facewatchd.running"}
    ours = [entry for entry in entries if entry.get("LOGGER") in loggers]
    assert {entry["_PID"] for entry in ours} == {pid}
    assert {entry["SYSLOG_IDENTIFIER"] for entry in ours} == {"facewatchd"}
    assert {entry["PRIORITY"] for entry in ours} == {"6"}
    messages = [entry["MESSAGE"] for entry in ours]
    assert messages[0].startswith("Watching ")
    assert messages[-1] == "Stopped."


def test_an_invalid_configuration_is_said_once_and_not_tried_again(
    machine: Machine, shown: Shown
) -> None:
    machine.configure(similarity=7)
    machine.run("systemctl", "start", "facewatchd", check=False)
    assert machine.show("ActiveState", "ExecMainStatus", "NRestarts") == {
        "ActiveState": "failed",  # while it waits for another try, this is "activating"
        "ExecMainStatus": "78",
        "NRestarts": "0",
    }
    assert "similarity = 7" in machine.log()
    shown(
        "systemctl start, with a configuration that is not valid",
        "exit code 78, no restart, the journal names the setting",
        "failed, 78, 0 restarts, `similarity = 7`",
    )


def test_a_reload_waits_for_the_new_settings_and_a_bad_one_fails_and_changes_nothing(
    machine: Machine, shown: Shown
) -> None:
    pid = machine.begin()
    machine.write(people={"min_photos": 4})
    started = time.monotonic()
    machine.run("systemctl", "reload", "facewatchd")
    shown(
        "systemctl reload",
        "returns when all goes by the new configuration, in the same process",
        f"after {time.monotonic() - started:.1f} s",
    )
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
    shown(
        "systemctl reload, with a configuration that is not valid, or a root that the unit hides",
        "fails and says what to mend; all goes on by the former one",
        "both failed, the same process goes on",
    )


def test_a_daemon_that_is_killed_is_there_again(machine: Machine, shown: Shown) -> None:
    pid = machine.begin()
    machine.adapt("RestartSec=100ms")
    started = time.monotonic()
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 20)
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    assert machine.status()["pid"] != pid
    shown(
        "kill -9",
        "it is started anew",
        f"served again after {time.monotonic() - started:.1f} s (RestartSec=100ms; the unit: 10 s)",
    )


def test_a_daemon_that_hangs_is_ended_by_the_watchdog_and_is_there_again(
    machine: Machine, shown: Shown
) -> None:
    machine.configure()
    machine.adapt("RestartSec=100ms", "WatchdogSec=3s")
    machine.run("systemctl", "start", "facewatchd")
    pid = int(machine.show("MainPID")["MainPID"])
    machine.signal("STOP")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 30)
    assert "Watchdog timeout" in machine.log()
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    assert machine.status()["pid"] != pid
    shown(
        "SIGSTOP: it says nothing more",
        "the watchdog ends it, and it is started anew",
        "ended and served again (WatchdogSec=3s; the unit: 2 min)",
    )


def test_one_that_is_killed_again_and_again_stays_down(machine: Machine, shown: Shown) -> None:
    machine.configure()
    machine.adapt("RestartSec=10ms", "[Unit]", "StartLimitBurst=2")
    machine.run("systemctl", "start", "facewatchd")
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("NRestarts")["NRestarts"] == "1", 20)
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "active", 60)
    machine.signal("KILL")
    machine.wait_for(lambda: machine.show("ActiveState")["ActiveState"] == "failed", 20)
    assert "Start request repeated too quickly." in machine.log()
    shown(
        "kill -9 again and again",
        "after so many starts it stays failed, until somebody looks",
        "failed at the third start (StartLimitBurst=2; the unit: 60 in 30 min)",
    )


def test_a_second_daemon_ends_at_once_and_leaves_the_first_alone(
    machine: Machine, shown: Shown
) -> None:
    pid = machine.begin()
    started = time.monotonic()
    told = machine.fails(
        *("systemd-run", "--quiet", "--wait", "--pipe", "--property=User=facewatchd"),
        *(DAEMON, "--config", CONFIG, "--state", STATE),
        code=78,
    )
    shown(
        "a second daemon on the same state folder",
        "exit code 78 at once; the first is left alone",
        f"78 after {time.monotonic() - started:.1f} s",
    )
    assert "Another facewatchd works on the state folder /var/lib/facewatchd" in told
    assert machine.status()["pid"] == pid


def test_photos_cannot_be_written_from_inside_the_service(machine: Machine, shown: Shown) -> None:
    pid = machine.begin()
    inside = machine.inside(pid)
    folder = machine.roots / "amy"
    for place in (folder / "new", folder / "amy1.png", Path("/etc/new"), Path("/usr/new")):
        assert "Read-only file system" in machine.fails(*inside, "touch", place)
    shown(
        "a write to a photo, and beside it, by root within the service's view of the files",
        "EROFS",
        "Read-only file system",
    )
    machine.run(*inside, "touch", OUTPUT / "new")
    machine.run(*inside, "rm", OUTPUT / "new")
    machine.run("install", "-d", "/home/somebody")
    assert machine.run(*inside, "ls", "-A", "/home") == ""


def test_one_that_is_stopped_in_the_middle_of_a_thousand_photos_ends_well(
    machine: Machine, shown: Shown
) -> None:
    machine.configure(roots=[{"path": str(THOUSAND)}])
    machine.forget_everything()
    some = "ls $0 | head -n 1000 | sed s,^,$0/, | xargs cp -t $1"
    machine.run("mkdir", THOUSAND)
    machine.run("sh", "-c", some, PHOTOS / "lfw", THOUSAND)
    machine.start()
    machine.wait_for(lambda: machine.status()["photos"] >= 10, 60)
    before = machine.status()
    assert before["files"]["pending"] > 500
    started = time.monotonic()
    machine.stop()
    took = time.monotonic() - started
    assert machine.show("Result", "ExecMainStatus") == {"Result": "success", "ExecMainStatus": "0"}
    assert took < 15  # of 30 s
    machine.start()
    after = machine.status()
    assert after["photos"] >= before["photos"]
    machine.stop()
    machine.forget_everything()
    shown(
        "systemctl stop, in the middle of 1,000 photos",
        "ends in TimeoutStopSec=30s; what was read is kept",
        f"after {took:.1f} s, with success; {after['photos']} photos were kept",
    )


def test_the_journal_has_fields_and_of_one_kind_a_hundred_records_a_minute(
    machine: Machine, shown: Shown
) -> None:
    machine.configure(roots=[{"path": str(BROKEN)}])
    folder = machine.path(BROKEN)
    folder.mkdir()
    paths = [os.fsencode(folder / f"{number}.jpg") for number in range(129)]
    for path in (*paths, os.fsencode(folder) + b"/\xff.jpg"):
        with open(path, "wb") as file:
            file.write(b"no picture" + path)
        os.utime(path, (1e9, 1e9))
    machine.start()
    machine.wait_for(lambda: machine.status()["files"]["failed"] == 130, 120)
    machine.stop()
    told = [each for each in machine.journal() if "could not be read" in each["MESSAGE"]]
    *each, last = [record for record in told if record["LOGGER"] == "facewatchd.pipeline.encoding"]
    assert len(each) == 100
    left_out, rest = last["MESSAGE"].split(" ", 1)
    assert rest.startswith("more like this were left out: photo ")
    assert 100 + int(left_out) == 2 * 130  # each is tried twice
    names = {_bytes(record["PHOTO"]) for record in each}
    assert len(names) >= 50
    assert names <= {bytes(BROKEN) + path[len(bytes(folder)) :] for path in paths} | {
        bytes(BROKEN) + b"/\xff.jpg"
    }
    assert {record["PRIORITY"] for record in told} == {"4"}
    assert all(record["ERROR"] for record in each)
    assert not any(str(BROKEN) in record["MESSAGE"] for record in told)
    shown(
        "130 photos that cannot be read, each tried twice",
        "100 records a minute of one kind, the rest counted in one; paths are fields",
        f"100 records with PHOTO and ERROR, and `{left_out} more like this were left out`",
    )


def _bytes(value: str | list[int]) -> bytes:
    """Return a field of journalctl's JSON, which has what is no text as numbers."""
    return value.encode() if isinstance(value, str) else bytes(value)


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
    dropin = machine.run(CTL, "unit", "--instance", "anna")
    folder = machine.path(Path("/etc/systemd/system/facewatchd@anna.service.d"))
    folder.mkdir()
    (folder / "folders.conf").write_text(dropin)
    machine.run("systemctl", "daemon-reload")

    machine.run("systemctl", "start", "facewatchd@anna")
    socket = Path("/run/facewatchd-anna/api.sock")
    ask = (CTL, "--socket", socket, "status", "--json")
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
