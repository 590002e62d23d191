"""The container as container/ describes it, built of the same mounts by hand.

No engine is needed: namespaces, a root of its own that is read-only, the volumes of compose.yaml,
the user without rights, the environment and the command of the Containerfile.  The program is the
one that ``make install`` has put into a folder, and Debian's Python that of this machine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import yaml

from facewatchd.client import Client
from facewatchd.errors import NotRunningError
from tests.conftest import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).resolve().parents[2] / "container"
_DEVICES = ("null", "zero", "random", "urandom")
PEOPLE = {"amy": 3, "raj": 3}


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions with what each is given, on one line."""
    text = re.sub(r"^#.*\n", "", (FOLDER / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(name, rest) for line in lines if line for name, rest in [line.split(maxsplit=1)]]


def of_image(name: str) -> str:
    """Return what the last instruction of this name in the last stage says."""
    return [rest for each, rest in instructions() if each == name][-1]


def environment() -> dict[str, str]:
    """Return the environment that the image gives to every process."""
    return dict(pair.split("=", 1) for pair in shlex.split(of_image("ENV")))


def command() -> list[str]:
    """Return what the container runs."""
    return [*json.loads(of_image("ENTRYPOINT")), *json.loads(of_image("CMD"))]


def service() -> dict[str, Any]:
    """Return the service of the sample compose.yaml."""
    return dict(yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["facewatchd"])


def volumes() -> Iterator[tuple[str, str, bool]]:
    """Yield each volume of the sample: outside, inside, and whether it is read-only."""
    for volume in service()["volumes"]:
        outside, inside, *how = volume.split(":")
        yield outside, inside, how == ["ro"]


def laid_out(home: Path, photos: Path, user: int) -> dict[str, Path]:
    """Make what the sample mounts, with photos of PEOPLE; return it by its paths inside.

    Output and state are the user's, and the photos for everybody to read.
    """
    outside = {
        "/photos": home / "disk" / "media" / "photos",  # the links must tell how these lie
        "/people": home / "people",
        "/state": home / "state",
        "/etc/facewatchd/facewatchd.yaml": home / "facewatchd.yaml",
    }
    for inside in ("/photos", "/people", "/state"):
        outside[inside].mkdir(parents=True)
    for person, number in PEOPLE.items():
        (outside["/photos"] / person).mkdir()
        for photo in sorted((photos / "bbt" / person).iterdir())[:number]:
            shutil.copy(photo, outside["/photos"] / person)
    for inside in ("/people", "/state"):
        os.chown(outside[inside], user, user)
    for folder, _, names in os.walk(outside["/photos"]):
        os.chmod(folder, 0o755)  # noqa: S103 -- the container's user is in no group of ours
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    config = yaml.safe_load((FOLDER / "facewatchd.yaml").read_text())
    config["output"]["link_map"] = {
        inside: str(outside[inside]) for inside in config["output"]["link_map"]
    }
    outside["/etc/facewatchd/facewatchd.yaml"].write_text(yaml.safe_dump(config))
    return outside


def assert_links_are_right(outside: dict[str, Path], user: int) -> None:
    """Every photo has a relative link, which leads to it outside; each person has one folder."""
    people, photos = outside["/people"], outside["/photos"]
    links = [path for path in people.rglob("*") if path.is_symlink()]
    assert len(links) == sum(PEOPLE.values())
    for link in links:
        assert not os.path.isabs(os.readlink(link))
        assert link.resolve(strict=True).is_relative_to(photos)
    shown = {(link.parent.name, link.resolve().parent.name) for link in links}
    assert sorted(person for _, person in shown) == sorted(PEOPLE)
    assert len({folder for folder, _ in shown}) == len(PEOPLE)
    assert {path.lstat().st_uid for path in people.rglob("*")} == {user}


def is_idle(client: Client) -> bool:
    """Whether the daemon answers, has read all photos, and has grouped the faces."""
    try:
        status = client.status()
    except NotRunningError:
        return False
    return bool(status["state"] == "idle" and status["recluster"]["last"])


@dataclass
class Container:
    """One container; ``outside`` says which folder is mounted at each path of the sample."""

    root: Path
    program: Path
    outside: dict[str, Path]
    user: int
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def client(self) -> Client:
        """The API, by the socket in the volume."""
        inside = Path(environment()["FACEWATCHD_SOCKET"])
        return Client(self.outside["/state"] / inside.relative_to("/state"))

    def start(self) -> None:
        """Make the root, and run the image's command in it."""
        with self.root.with_suffix(".log").open("ab") as log:
            self.process = subprocess.Popen(self._apart(*command()), stderr=log)

    def run(self, *told: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the place of the image's, as ``compose run`` does."""
        return subprocess.run(
            self._apart(*told), capture_output=True, text=True, timeout=60, check=False
        )

    def _apart(self, *told: str) -> list[str]:
        self.root.mkdir(exist_ok=True)
        spaces = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
        return ["unshare", *spaces, "sh", "-euc", self._script(told)]

    def _script(self, told: tuple[str, ...]) -> str:
        """Return what is run in the new namespaces, where nobody else sees what is mounted."""
        root = shlex.quote(str(self.root))
        mounts = [(Path("/usr"), "/usr", True), (self.program, "/opt/facewatchd", True)]
        mounts += [(self.outside[inside], inside, ro) for _, inside, ro in volumes()]
        mounts += [(Path("/dev") / name, f"/dev/{name}", False) for name in _DEVICES]
        fresh = [("proc", "/proc"), *(("tmpfs", place) for place in service()["tmpfs"])]
        lines = [f"mount -t tmpfs none {root}"]
        lines += [f"ln -s usr/{name} {root}/{name}" for name in ("bin", "lib", "lib64")]
        lines += [line for mount in mounts for line in self._mounting(*mount)]
        for kind, place in fresh:
            lines += [f"mkdir {root}{place}", f"mount -t {kind} none {root}{place}"]
        lines.append(f"mount -o remount,ro {root}")
        lines.append(f"exec chroot {root} {shlex.join([*self._as_user(), *told])}")
        return "\n".join(lines)

    def _mounting(self, outside: Path, inside: str, read_only: bool) -> list[str]:  # noqa: FBT001 -- as in compose.yaml
        there = shlex.quote(f"{self.root}{inside}")
        made = f"mkdir -p {there}"
        if not outside.is_dir():
            made = f"mkdir -p $(dirname {there}); touch {there}"
        how = "bind,ro" if read_only else "bind"
        return [made, f"mount -o {how} {shlex.quote(str(outside))} {there}"]

    def _as_user(self) -> list[str]:
        """Return what a command begins with that has the container's user, rights, environment."""
        pairs = [f"{name}={value}" for name, value in environment().items()]
        user = [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        rights = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        return ["/usr/bin/setpriv", *user, *rights, "/usr/bin/env", "-i", *pairs]

    def exec(self, *told: str) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as ``docker exec`` does."""
        pid = str(self.main().pid)
        inside = ["nsenter", "-t", pid, "-m", "-n", "-i", "-u", "-p", "-r", "-w"]
        return subprocess.run(
            [*inside, *self._as_user(), *told],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def main(self) -> psutil.Process:
        """Return the container's first process."""
        assert self.process is not None
        (first,) = psutil.Process(self.process.pid).children()
        return first

    def has_begun(self) -> bool:
        """Whether the root is made, and the program runs in it."""
        assert self.process is not None
        ours = f"/opt/facewatchd/bin/{command()[0]}"
        return any(ours in each.cmdline() for each in psutil.Process(self.process.pid).children())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the first process a signal, and return with what it ended."""
        assert self.process is not None
        self.main().send_signal(number)
        return self.process.wait(30)

    def log(self) -> str:
        """Return what it said."""
        return self.root.with_suffix(".log").read_text(errors="replace")


def needs_namespaces() -> None:
    """Namespaces and mounts need root."""
    if os.geteuid() != 0:
        missing("root, to mount what a container mounts")
