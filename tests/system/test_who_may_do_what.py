"""Two ordinary users and the service: who may ask, who may look, and what doctor mends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.booted import CONFIG, CTL, OUTPUT, PHOTOS, PYTHON, SOCKET, STATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.booted import Machine

    Shown = Callable[..., None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

ALBUM = Path("/srv/album")
CACHE = Path("/var/cache/facewatchd")
MEMBER, OTHER = "anna", "ben"

# What doctor finds of the unit and the folders, which it looks at first: engines take their time.
FOLDERS = """
import json, sys
from itertools import takewhile
from pathlib import Path
from facewatchd.doctor import examination
file = Path(sys.argv[1])
settings, configuration = examination.settings_of(file)
found = examination.examine(settings, examination.unit_for(file))
folders = takewhile(lambda finding: not finding.about.startswith("Hardware"), found)
print(json.dumps([finding._asdict() for finding in (configuration, *folders)]))
"""


@pytest.fixture(scope="module", autouse=True)
def _people(machine: Machine) -> None:
    machine.add_user(MEMBER, "facewatchd")
    machine.add_user(OTHER)
    machine.run("systemd-sysusers", "--inline", "g family -")
    machine.run("install", "-d", ALBUM)
    machine.run("bash", "-ec", f"cp {PHOTOS}/bbt/amy/*.png {ALBUM}/")


@pytest.fixture(autouse=True)
def _stopped(machine: Machine) -> Iterator[None]:
    yield
    machine.stop()


def begin(machine: Machine, **settings: object) -> None:
    machine.begin(roots=[{"path": str(ALBUM)}], **settings)


def test_a_member_of_the_group_needs_no_sudo_and_the_other_is_told_what_to_do(
    machine: Machine, shown: Shown
) -> None:
    begin(machine)
    anna, ben = machine.as_user(MEMBER), machine.as_user(OTHER)
    assert machine.run("stat", "-c", "%a %U %G", SOCKET).split() == ["660", *["facewatchd"] * 2]
    status = json.loads(machine.run(*anna, CTL, "status", "--json"))
    assert status["state"] in {"scanning", "encoding", "clustering", "organising", "idle"}
    machine.run(*anna, CTL, "retry")

    told = machine.fails(*ben, CTL, "status")
    assert "You may not use the daemon's socket" in told
    assert "facewatchd, root and the group facewatchd may." in told
    typed = next(line for line in told.splitlines() if "usermod" in line).strip()
    assert typed == "sudo usermod -aG facewatchd ben, and log in again."
    machine.run(*typed.removeprefix("sudo ").partition(",")[0].split())
    machine.run(*ben, CTL, "status")
    machine.run("gpasswd", "-d", OTHER, "facewatchd")
    machine.fails(*ben, CTL, "status")

    machine.stop()
    last = machine.fails("env", f"HOME=/home/{MEMBER}", *anna, CTL, "status", code=3)
    assert "Start it with: systemctl start facewatchd" in last
    shown(
        "a member of the group `facewatchd` and somebody else ask, without sudo",
        "the member is answered; the other is told who may, and what to type",
        "so it was; what is printed lets the other in",
    )


def test_a_member_who_may_read_changes_nothing(machine: Machine, shown: Shown) -> None:
    begin(machine)
    anna = machine.as_user(MEMBER)
    machine.run(*anna, CTL, "retry")
    machine.write(roots=[{"path": str(ALBUM)}], api={"may": "read"})
    machine.run("systemctl", "reload", "facewatchd")
    machine.run(*anna, CTL, "status")
    machine.run(*anna, CTL, "people")
    for command in (["retry"], ["recluster"], ["backup", "/srv/copy.db"]):
        told = machine.fails(*anna, CTL, *command)
        assert "The group facewatchd may ask this daemon and change nothing" in told
        assert "with sudo" in told
    machine.run(CTL, "retry")
    shown(
        "`api.may: read`, reload; the member asks, decides, makes a backup",
        "asking is answered, all else refused; root may still",
        "so it was",
    )


def test_neither_can_look_at_what_the_service_keeps(machine: Machine, shown: Shown) -> None:
    begin(machine)
    machine.wait_for(lambda: machine.status()["state"] == "idle", 90)
    for user in (MEMBER, OTHER):
        for folder in (STATE, CACHE):
            assert "Permission denied" in machine.fails(
                *machine.as_user(user), "ls", folder, code=2
            )
        machine.run(*machine.as_user(user), "ls", OUTPUT)
    for place in (STATE, CACHE):
        assert machine.run("find", place, "-type", "f", "!", "-perm", "600") == ""
        assert machine.run("find", place, "-type", "d", "!", "-perm", "700") == ""
        assert machine.run("find", place, "-type", "f") != ""
    refused = machine.fails(*machine.as_user(OTHER), "cat", SOCKET)
    assert "Permission denied" in refused
    shown(
        "both look into the state and the cache folder",
        "neither sees anything: folders 0700, files 0600",
        "Permission denied; all modes are so",
    )


def test_a_group_of_ones_own_choice_gets_the_socket_by_what_doctor_prints(
    machine: Machine,
) -> None:
    machine.configure(roots=[{"path": str(ALBUM)}], api={"group": "family"})
    machine.run("systemctl", "start", "facewatchd", check=False)
    assert machine.show("ExecMainStatus")["ExecMainStatus"] == "78"
    assert "The socket cannot be given to the group family (api.group)" in machine.log()
    (unit,) = (found for found in wrong(machine) if found["about"].startswith("Unit"))
    assert "SupplementaryGroups=family" in machine.run(CTL, "unit")
    machine.run("systemctl", "reset-failed", "facewatchd")
    machine.run("bash", "-ec", unit["mend"])
    machine.run("gpasswd", "-a", OTHER, "family")
    machine.run(*machine.as_user(OTHER), CTL, "status")
    machine.fails(*machine.as_user(MEMBER), CTL, "status")
    machine.run("gpasswd", "-d", OTHER, "family")
    machine.run("rm", "-r", "/etc/systemd/system/facewatchd.service.d")


def test_what_doctor_prints_opens_what_is_closed_to_the_service(
    machine: Machine, shown: Shown
) -> None:
    above, home, output = Path("/srv/closed"), Path("/home/anna/Photos"), Path("/srv/elsewhere")
    machine.run("install", "-d", "-m", "700", above)
    machine.run("cp", "-r", ALBUM, above)
    machine.run("cp", "-r", ALBUM, home)
    machine.run("chown", "-R", MEMBER, home)
    machine.run("chmod", "-R", "go=", home)
    machine.run("install", "-d", "-m", "755", output)
    roots = [{"path": str(above / "album")}, {"path": str(home)}]
    machine.configure(roots=roots, output=str(output))

    found = wrong(machine)
    assert [finding["about"].split()[0] for finding in found] == ["Unit", "Root", "Root", "Output"]
    unit, closed, private, unwritable = found
    assert closed["mend"] == f"setfacl -m u:facewatchd:x {above}"
    assert private["mend"].startswith("setfacl -R -m u:facewatchd:rX")
    assert "sudo facewatchctl doctor" in machine.run(
        *machine.as_user(OTHER), CTL, "doctor", "--config", CONFIG, check=False
    )
    for finding in (closed, private, unwritable, unit):  # the last one starts the service
        machine.run("bash", "-ec", finding["mend"])
    printed = machine.run("env", "-u", "SUDO_UID", CTL, "doctor")
    assert f"ok     Root {home}: can be read" in printed
    assert printed.endswith("All is well.\n")

    photos = len(machine.run("ls", ALBUM).split())
    machine.wait_for(lambda: machine.status()["files"]["done"] == 2 * photos, 90)
    assert [root["state"] for root in machine.status()["roots"]] == ["watched", "watched"]
    assert machine.status()["output"]["error"] is None
    machine.run("cp", f"{PHOTOS}/bbt/howard/howard1.png", home / "new.png")
    machine.wait_for(lambda: machine.status()["files"]["done"] == 2 * photos + 1, 60)
    shown(
        "roots and output closed to the service; all is typed that `facewatchctl doctor` prints",
        "it reads all photos, and one that comes later, and writes the output",
        "so it was",
    )
    machine.run("rm", "-r", "/etc/systemd/system/facewatchd.service.d")


def test_the_output_is_the_groups_and_its_default_acl_goes_before_the_mode(
    machine: Machine, shown: Shown
) -> None:
    shared, listed = Path("/srv/shared"), Path("/srv/listed")
    for folder in (shared, listed):
        machine.run("install", "-d", "-o", "facewatchd", folder)
    machine.run("setfacl", "-d", "-m", f"u:{OTHER}:rX,g::r-X,o::---", listed)
    machine.run("setfacl", "-m", f"u:{OTHER}:rX", listed)
    machine.run("gpasswd", "-a", MEMBER, "family")
    anna, ben = machine.as_user(MEMBER), machine.as_user(OTHER)
    for output, reads, refused in ((shared, anna, ben), (listed, ben, ())):
        made = {"path": str(output), "name": "{name}", "link": "copy"}
        made |= {"group": "family", "mode": "2750"}
        machine.configure(roots=[{"path": str(ALBUM)}], output=made)
        machine.open_folders()
        machine.start()
        machine.wait_for(lambda: machine.status()["state"] == "idle", 90)
        assert machine.status()["output"]["error"] is None
        (photo,) = machine.run("find", output, "-path", "*/person_*/*1.png").splitlines()
        person = Path(photo).parent
        group, mode = machine.run("stat", "-c", "%G %a", person).split()
        assert (group, mode[0]) == ("family", "2")
        machine.run(*reads, "cmp", photo, ALBUM / Path(photo).name)
        if refused:
            assert machine.run("stat", "-c", "%a", person, photo).split() == ["2750", "640"]
            assert "Permission denied" in machine.fails(*refused, "cmp", photo, photo, code=2)
        own = machine.run("find", output / ".facewatchd", "!", "-perm", "700", "!", "-perm", "600")
        assert own == "", "the copy of the decisions is nobody else's"
    shown(
        '`output.group`, `output.mode: "2750"`, copies; another output with a default ACL',
        "folders setgid 2750, files 640 of the group; whom the ACL names reads, whatever the mode",
        "so it was",
    )


def wrong(machine: Machine) -> list[dict[str, Any]]:
    """Return what doctor finds wrong with the unit and the folders."""
    found = json.loads(machine.run("env", "-u", "SUDO_UID", PYTHON, "-c", FOLDERS, CONFIG))
    return [finding for finding in found if finding["mend"]]
