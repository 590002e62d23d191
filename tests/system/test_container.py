"""The container of container/, by hand: real photos in, links that are right outside."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.contained import (
    PEOPLE,
    Container,
    assert_links_are_right,
    is_idle,
    laid_out,
    needs_namespaces,
    service,
)
from tests.support.installed import installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

USER = 4711  # whom no machine knows by name
HEALTH = ("sh", "-c", service()["healthcheck"]["test"][1])


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory, photos: Path) -> Iterator[Container]:
    needs_namespaces()
    home = tmp_path_factory.mktemp("container")
    outside = laid_out(home, photos, USER)
    with installed() as system:
        made = Container(home / "root", system / "usr/local/lib/facewatchd", outside, USER)
        yield made
        if made.process is not None and made.process.poll() is None:
            made.stop(9)


def wait_for(container: Container, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert container.process is not None
        assert container.process.poll() is None, container.log()
        assert time.monotonic() < deadline, container.log()
        time.sleep(0.1)  # between two looks at another process, with a deadline


@pytest.fixture
def running(container: Container) -> Container:
    """Return the container with all photos read."""
    if container.process is None or container.process.poll() is not None:
        container.start()
    wait_for(container, lambda: is_idle(container.client), 200)
    return container


def test_every_link_made_inside_leads_to_the_photo_outside(running: Container) -> None:
    assert_links_are_right(running.outside, USER)


def test_inside_nothing_can_be_written_but_output_state_and_tmp(running: Container) -> None:
    refused = {}
    for place in ("/", "/photos", "/opt/facewatchd", "/usr", "/etc/facewatchd"):
        refused[place] = running.exec("touch", f"{place}/written").stderr.rpartition(": ")[2]
    assert set(refused.values()) == {"Read-only file system\n"}, refused
    for place in ("/people", "/state", *service()["tmpfs"]):
        assert running.exec("touch", f"{place}/written").returncode == 0
    interfaces = running.exec("cat", "/proc/net/dev").stdout.splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    status = dict(
        line.split(":\t") for line in running.exec("cat", "/proc/self/status").stdout.splitlines()
    )
    assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}
    assert status["NoNewPrivs"] == "1"


def test_others_cannot_look_into_the_state(running: Container) -> None:
    state = running.outside["/state"] / "facewatchd"
    assert state.stat().st_mode & 0o777 == 0o700
    assert running.exec("facewatchctl", "people").stdout.count("person_") == len(PEOPLE)


def test_the_health_question_tells_a_start_a_healthy_and_a_hanging_daemon(
    container: Container,
) -> None:
    if container.process is not None and container.process.poll() is None:
        assert container.stop() == 0
    container.start()
    wait_for(container, container.has_begun, 20)
    container.main().suspend()  # a second before its socket is there
    starting = container.exec(*HEALTH)
    assert (starting.returncode, starting.stdout) == (1, "")
    assert "facewatchctl: No daemon answers" in starting.stderr
    container.main().resume()
    wait_for(container, lambda: is_idle(container.client), 200)
    healthy = container.exec(*HEALTH)
    assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "", "")
    container.main().suspend()
    assert container.exec("timeout", "2", *HEALTH).returncode == 124
    container.main().resume()


def test_a_backup_is_put_back_by_a_container_of_its_own(running: Container) -> None:
    file = "/state/facewatchd/backups/mine.db"
    assert running.exec("mkdir", "-p", os.path.dirname(file)).returncode == 0
    assert running.exec("facewatchctl", "backup", file).returncode == 0
    refused = running.run("facewatchctl", "restore", file)
    assert "The daemon works on the state folder" in refused.stderr
    assert running.stop() == 0
    went = running.run("facewatchctl", "restore", file)
    assert (went.returncode, went.stderr) == (0, "")
    assert f"The backup {file} is the store now" in went.stdout
