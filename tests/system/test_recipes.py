"""The recipes for Samba and Syncthing in docs/service.md, typed as they stand, on real servers."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.conftest import missing
from tests.support.booted import CTL, OUTPUT, PHOTOS
from tests.support.installed import CHECKOUT
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.booted import Machine

pytestmark = [pytest.mark.system, *WHOLE, pytest.mark.timeout(300)]

MEMBER, OTHER = "anna", "ben"
PASSWORD = "secret-of-the-test"  # noqa: S105 - of a machine that ends with the test
DENIED = "NT_STATUS_ACCESS_DENIED"
FAMILY = Path("/srv/family")
SYNCED = Path("/var/lib/syncthing/Photos")
CAMERA = Path("/home/anna/Camera")
PEOPLE = ("amy", "raj")
PORTRAITS = {
    f"{person}{number}.png": PHOTOS / "bbt" / person / f"{person}{number}.png"
    for person in PEOPLE
    for number in range(1, 6)
}


class Recipe(NamedTuple):
    """What a section of the document says: commands, and files by their kind."""

    commands: list[str]
    files: dict[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """The configuration of the daemon."""
        found: dict[str, Any] = yaml.safe_load(self.files["yaml"])
        return found


def recipe(title: str) -> Recipe:
    """Read the section of this title."""
    text = (CHECKOUT / "docs" / "service.md").read_text()
    section = re.split(r"^##", text.partition(f"### {title}\n")[2], maxsplit=1, flags=re.MULTILINE)
    commands: list[str] = []
    files: dict[str, str] = {}
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", section[0], re.MULTILINE | re.DOTALL):
        if kind:
            files[kind] = block
        else:
            commands += block.splitlines()
    return Recipe(commands, files)


def type_in(machine: Machine, *commands: str) -> None:
    """Type the lines as they stand; the machine has no sudo, and nobody who answers a question."""
    answers = f"printf '%s\\n%s\\n' {PASSWORD} {PASSWORD}"
    stands_for = [
        'sudo() { "$@"; }',
        f'smbpasswd() {{ {answers} | command smbpasswd -s "$@"; }}',
    ]
    machine.run("bash", "-ec", "\n".join([*stands_for, *commands]))


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            missing(program)


@pytest.fixture(scope="module", autouse=True)
def _people(machine: Machine) -> None:
    for user in (MEMBER, OTHER):
        machine.add_user(user)


@pytest.fixture(autouse=True)
def _stopped(machine: Machine) -> Iterator[None]:
    yield
    machine.stop()
    machine.forget_everything()


def may(machine: Machine, user: str, *command: object) -> bool:
    """Whether ``user`` gets that done on the machine itself."""
    told = machine.run(
        *machine.as_user(user), "sh", "-c", '"$@" 2>&1 || echo refused', "_", *command
    )
    return not told.endswith("refused\n")


# -- Samba


class Share:
    """The share of the recipe, as somebody sees it who types into smbclient."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def ask(self, who: str | None, *commands: str) -> str:
        """Return what smbclient prints for a user, or for a guest; nothing where it just does."""
        user = ["--no-pass"] if who is None else ["-U", f"{who}%{PASSWORD}"]
        typed = ["smbclient", "//localhost/family", *user, "-c", "; ".join(commands)]
        return self._machine.run(*typed, check=False).strip()

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the names in a folder with their sizes in bytes, as a member sees them."""
        lines = self.ask(MEMBER, f"cd {folder}", "ls").splitlines()
        found = (re.match(r"  (.+?) +[ADHNRS]* +(\d+)  \w{3} \w{3} ", line) for line in lines)
        return {each[1]: int(each[2]) for each in found if each and each[1] not in {".", ".."}}


@pytest.fixture
def share(machine: Machine) -> Iterator[Share]:
    """Return the share of the recipe, with a daemon that was told of it."""
    needs("smbd", "smbclient", "setfacl")
    samba = recipe("Photos and output on Samba")
    type_in(machine, *samba.commands, f"sudo smbpasswd -a {OTHER}")
    conf = machine.path(Path("/etc/samba/smb.conf"))
    conf.write_text(conf.read_text() + samba.files["ini"])
    machine.run("systemctl", "start", "smbd")
    machine.configure(**samba.settings)
    machine.open_folders()
    machine.start()
    yield Share(machine)
    machine.run("systemctl", "stop", "smbd")


def test_the_recipe_for_samba(machine: Machine, share: Share) -> None:
    for person in PEOPLE:
        here, there = f"lcd {PHOTOS}/bbt/{person}", f"cd photos/{person}"
        told = share.ask(MEMBER, "prompt", f"mkdir photos/{person}", here, there, "mput *.png")
        assert "NT_STATUS" not in told
    odd = 'what: "amy"?.png'  # made on the machine, where that is a name
    machine.run("mv", FAMILY / "photos/amy/amy1.png", FAMILY / "photos/amy" / odd)
    machine.wait_until_read(len(PORTRAITS), 60)
    machine.wait_for(lambda: machine.status()["people"] == len(PEOPLE), 30)

    # Who is in the family sees every photo, and can change none of what the daemon made.
    shown: dict[str, int] = {}
    for folder in ("people/person_0001", "people/person_0002"):
        there_is = share.sizes(folder)
        assert there_is.pop("cover.jpg") > 0
        shown |= {name.partition("_")[2]: size for name, size in there_is.items()}
    assert shown == {
        "what_ _amy__.png" if name == "amy1.png" else name: os.path.getsize(machine.path(path))
        for name, path in PORTRAITS.items()
    }
    a_link = "people/person_0001/" + min(share.sizes("people/person_0001"))
    for refused in (
        *("put some.png people/some.png", "put some.png people/person_0001/some.png"),
        *("mkdir people/more", "rename people/person_0001 people/Anna", "rmdir people/person_0001"),
        *(f"rm {a_link}", "rm people/person_0001/cover.jpg", "ls people/.facewatchd/*"),
    ):
        machine.path(Path("/srv/some.png")).write_bytes(b"more")
        assert DENIED in share.ask(MEMBER, "lcd /srv", refused), refused
    machine.run("ln", "-s", "/etc/hostname", FAMILY / "photos" / "way out")
    assert "NOT_FOUND" in share.ask(MEMBER, "lcd /srv", 'get "photos/way out" out')
    for nobody in (OTHER, None):
        assert share.ask(nobody, "ls") == f"tree connect failed: {DENIED}"

    # On the machine it is the same.
    for user, sees in ((MEMBER, True), (OTHER, False)):
        assert may(machine, user, "ls", FAMILY / "people/person_0001") == sees
        assert may(machine, user, "cmp", *[FAMILY / a_link] * 2) == sees
        assert may(machine, user, "touch", FAMILY / "photos" / f"by {user}") == sees
        assert not may(machine, user, "touch", FAMILY / "people/person_0001/more")
    assert not may(machine, "facewatchd", "touch", FAMILY / "photos/more")

    # What is saved over a photo in a person's folder is saved to the photo itself.
    photo = machine.path(
        (FAMILY / a_link).parent / machine.run("readlink", FAMILY / a_link).strip()
    )
    assert share.ask(MEMBER, "lcd /srv", f'put some.png "{a_link}"') == ""
    assert photo.read_bytes() == b"more"


def test_what_inherit_acls_is_for(machine: Machine, share: Share) -> None:
    conf = machine.path(Path("/etc/samba/smb.conf"))
    machine.path(Path("/srv/some.png")).write_bytes(b"a photo")
    for place, more, reads in (
        ("strict", "create mask = 0600\n directory mask = 0700\n", True),
        ("stripped", "inherit acls = no\n", False),
    ):
        conf.write_text(conf.read_text() + more)
        machine.run("systemctl", "restart", "smbd")
        there = f"photos/{place}"
        assert share.ask(MEMBER, "lcd /srv", f"mkdir {there}", f"put some.png {there}/a.png") == ""
        assert may(machine, "facewatchd", "cat", FAMILY / there / "a.png") == reads


# -- Syncthing


class Syncthing:
    """The unit syncthing@USER of the package, in USER's home, on the loopback alone."""

    def __init__(self, machine: Machine, user: str, home: Path, number: int) -> None:
        self._machine = machine
        self.user = user
        self.home = home / ".config" / "syncthing"
        self.address = f"tcp://127.0.0.1:{22100 + number}"
        as_user = (*machine.as_user(user), "env", f"HOME={home}", "STNODEFAULTFOLDER=1")
        machine.run(*as_user, "syncthing", "generate", "--skip-port-probing", "--no-default-folder")
        self._file = machine.path(self.home / "config.xml")
        tree = ET.parse(self._file)  # noqa: S314 - syncthing's own
        own = tree.find("device")
        assert own is not None
        self.id = own.attrib["id"]
        self._set(
            {
                "gui/address": f"127.0.0.1:{22200 + number}",
                **{f"options/{each}AnnounceEnabled": "false" for each in ("global", "local")},
                "options/relaysEnabled": "false",
                "options/natEnabled": "false",
                "options/crashReportingEnabled": "false",
                "options/urAccepted": "-1",
                "options/reconnectionIntervalS": "1",
                "options/listenAddress": self.address,
                "options/limitBandwidthInLan": "true",
            }
        )

    def _set(self, values: dict[str, str]) -> None:
        tree = ET.parse(self._file)  # noqa: S314 - syncthing's own
        for path, value in values.items():
            found = tree.find(path)
            if found is None:
                section, _, name = path.partition("/")
                above = tree.find(section)
                assert above is not None
                found = ET.SubElement(above, name)
            found.text = value
        tree.write(self._file)

    def share(self, folder: Path, other: Syncthing, *, ignore_permissions: bool) -> None:
        """Keep ``folder`` equal to the other's, and what is deleted there in .stversions."""
        tree = ET.parse(self._file)  # noqa: S314 - syncthing's own
        top = tree.getroot()
        for old in (*top.findall("folder"), *top.findall(f"device[@id='{other.id}']")):
            top.remove(old)
        made = ET.SubElement(
            *(top, "folder"),
            attrib={"id": "photos", "path": str(folder), "type": "sendreceive"}
            | {"fsWatcherEnabled": "true", "fsWatcherDelayS": "1", "rescanIntervalS": "3600"}
            | {"ignorePerms": str(ignore_permissions).lower()},
        )
        for device in (self.id, other.id):
            ET.SubElement(made, "device", id=device)
        ET.SubElement(made, "versioning", type="trashcan")
        peer = ET.SubElement(top, "device", id=other.id, compression="never")
        ET.SubElement(peer, "address").text = other.address
        tree.write(self._file)

    def slow_down(self, kilobytes: int) -> None:
        """Receive so many a second at most."""
        self._set({"options/maxRecvKbps": str(kilobytes)})

    def start(self) -> None:
        self._machine.run("systemctl", "restart", f"syncthing@{self.user}")

    def stop(self) -> None:
        self._machine.run("systemctl", "stop", f"syncthing@{self.user}")


@pytest.fixture
def server(machine: Machine) -> Iterator[Syncthing]:
    """Return a Syncthing as the recipe takes for granted: a user's own, closed to others."""
    needs("syncthing", "setfacl")
    home = SYNCED.parent
    machine.run("systemd-sysusers", "--inline", f"u syncthing - - {home}")
    owner = ("-o", "syncthing", "-g", "syncthing")
    machine.run("install", "-d", *owner, "-m", "700", home, SYNCED)
    server = Syncthing(machine, "syncthing", home, 1)
    yield server
    server.stop()


@pytest.fixture
def phone(machine: Machine) -> Iterator[Syncthing]:
    """Return a Syncthing whose photos are for their owner alone."""
    machine.run("install", "-d", "-o", MEMBER, "-m", "700", CAMERA)
    phone = Syncthing(machine, MEMBER, CAMERA.parent, 2)
    yield phone
    phone.stop()


def take(machine: Machine, photo: Path, *, padding: int = 0) -> None:
    """Have a photo on the phone; ``padding`` are bytes behind the picture."""
    place = CAMERA / photo.parent.name / photo.name
    done = f"umask 077; mkdir -p {place.parent}; (cat; head -c {padding} /dev/urandom) >{place}"
    machine.run(*machine.as_user(MEMBER), "sh", "-c", f"{done} <{photo}")


def test_the_recipe_for_syncthing(machine: Machine, server: Syncthing, phone: Syncthing) -> None:
    syncthing = recipe("Photos that Syncthing writes")
    type_in(machine, *syncthing.commands)
    machine.configure(**syncthing.settings)
    machine.start()
    server.share(SYNCED, phone, ignore_permissions=True)
    phone.share(CAMERA, server, ignore_permissions=False)
    for portrait in PORTRAITS.values():
        take(machine, portrait)
    server.start()
    phone.start()
    machine.wait_until_read(len(PORTRAITS), 60)
    machine.wait_for(lambda: sum(machine.folders()) == len(PORTRAITS), 30)

    # The daemon reads that folder and nothing else; nobody else sees more than before.
    keys = server.home / "key.pem"
    assert may(machine, "syncthing", "cat", keys)
    for closed in (("cat", keys), ("ls", SYNCED.parent), ("touch", SYNCED / "more")):
        assert not may(machine, "facewatchd", *closed), closed
    a_link = next(machine.path(OUTPUT).glob("person_0001/*.png")).name
    assert may(machine, OTHER, "ls", OUTPUT / "person_0001")
    for closed in (("ls", SYNCED), ("cat", OUTPUT / "person_0001" / a_link)):
        assert not may(machine, OTHER, *closed), closed

    # What is deleted on the phone goes here too, and is no photo where Syncthing keeps it.
    machine.run("rm", CAMERA / "amy" / "amy1.png")
    kept = SYNCED / ".stversions" / "amy" / "amy1.png"
    machine.wait_for(machine.path(kept).exists, 30)
    machine.wait_for(lambda: sum(machine.folders()) == len(PORTRAITS) - 1, 30)
    machine.run(CTL, "scan")
    machine.wait_for(lambda: {".stfolder", ".stversions"} <= ignored(machine), 30)
    assert machine.status()["files"]["done"] == len(PORTRAITS) - 1
    assert "'.stversions' (built in)" in machine.run(CTL, "why", kept)

    # A photo that comes slowly is read when it is whole.
    server.slow_down(300)
    server.start()
    take(machine, PHOTOS / "bbt" / "amy" / "amy1.png", padding=1_000_000)
    machine.wait_for(lambda: list(machine.path(SYNCED).glob("amy/.syncthing.*.tmp")), 30)
    assert not machine.path(SYNCED / "amy" / "amy1.png").exists()
    assert sum(machine.status()["files"].values()) == len(PORTRAITS) - 1
    machine.wait_for(lambda: sum(machine.folders()) == len(PORTRAITS), 30)
    assert machine.status()["files"]["failed"] == 0

    # With the phone's rights the daemon could not read it.
    server.stop()
    server.share(SYNCED, phone, ignore_permissions=False)
    take(machine, PHOTOS / "bbt" / "penny" / "penny1.png")
    server.start()
    arrived = SYNCED / "penny" / "penny1.png"
    machine.wait_for(machine.path(arrived).exists, 30)
    assert not may(machine, "facewatchd", "cat", arrived)


def ignored(machine: Machine) -> set[str]:
    """Return the rules by which the last walk left anything out."""
    (root,) = machine.status()["roots"]
    return {each["rule"].partition(" ")[0] for each in root["ignored"]}
