"""``make install`` into a folder that stands for the system, and ``make uninstall``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import missing
from tests.support.soak import WHOLE

pytestmark = pytest.mark.system

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = Path("/usr/bin/python3")  # the system's: what a service can see


def make(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *map(str, arguments)],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


PAGES = ("facewatchctl.1", "facewatchd.yaml.5", "facewatchd.8", "facewatchd-hooks.8")
LAID_OUT = {
    "etc/facewatchd/facewatchd.yaml",
    "opt/bin/facewatchctl",
    "opt/bin/facewatchd",
    "opt/bin/facewatchd-hooks",
    "opt/lib/systemd/system/facewatchd-hooks.service",
    "opt/lib/systemd/system/facewatchd.service",
    "opt/lib/systemd/system/facewatchd@.service",
    "opt/lib/sysusers.d/facewatchd.conf",
    "opt/lib/tmpfiles.d/facewatchd.conf",
    "opt/share/doc/facewatchd/facewatchd.yaml",
    "opt/share/doc/facewatchd/hooks.yaml",
    *(f"opt/share/man/man{page[-1]}/{page}" for page in PAGES),
}


def test_units_sample_and_links_are_laid_out_and_a_configuration_is_kept(tmp_path: Path) -> None:
    place = (f"DESTDIR={tmp_path}", "prefix=/opt")
    assert make("install-files", *place).returncode == 0
    assert files(tmp_path) == LAID_OUT
    unit = (tmp_path / "opt/lib/systemd/system/facewatchd.service").read_text()
    assert "\nExecStart=/opt/bin/facewatchd --config /etc/facewatchd/facewatchd.yaml\n" in unit
    assert "/usr/local" not in unit
    assert str(tmp_path) not in unit
    link = (tmp_path / "opt/bin/facewatchd").readlink()
    assert str(link) == "../lib/facewatchd/bin/facewatchd"

    config = tmp_path / "etc/facewatchd/facewatchd.yaml"
    config.write_text("mine")
    again = make("install-files", *place)
    assert "Your /etc/facewatchd/facewatchd.yaml stays as it is." in again.stdout
    assert config.read_text() == "mine"


def test_uninstall_says_what_it_keeps_and_a_purge_removes_and_lists_it(tmp_path: Path) -> None:
    place = (f"DESTDIR={tmp_path}", "prefix=/opt")
    assert make("install-files", *place).returncode == 0
    for name in ("facewatchd", "facewatchd-anna", "facewatchdog"):
        (tmp_path / "var/lib" / name).mkdir(parents=True)
        (tmp_path / "var/lib" / name / "store.db").touch()
    told = make("uninstall", *place)
    kept = {f"Kept: {tmp_path}/{name}" for name in ("etc/facewatchd", "var/lib/facewatchd")}
    assert kept | {f"Kept: {tmp_path}/var/lib/facewatchd-anna"} == {
        line for line in told.stdout.splitlines() if line.startswith("Kept: ")
    }
    assert "To remove these too: make uninstall PURGE=1" in told.stdout
    assert files(tmp_path) == {
        "etc/facewatchd/facewatchd.yaml",
        "var/lib/facewatchd/store.db",
        "var/lib/facewatchd-anna/store.db",
        "var/lib/facewatchdog/store.db",
    }
    told = make("uninstall", "PURGE=1", *place)
    assert {line for line in told.stdout.splitlines() if line.startswith("Removed: ")} == {
        line.replace("Kept", "Removed") for line in kept
    } | {f"Removed: {tmp_path}/var/lib/facewatchd-anna"}
    assert files(tmp_path) == {"var/lib/facewatchdog/store.db"}


def test_without_what_systemd_python_needs_it_ends_before_anything_is_changed(
    tmp_path: Path,
) -> None:
    if not PYTHON.exists():
        missing(str(PYTHON))
    ended = make(
        "install",
        f"DESTDIR={tmp_path}",
        f"PYTHON={PYTHON}",
        PKG_CONFIG_LIBDIR="/nonexistent",  # as where libsystemd-dev is not installed
    )
    assert ended.returncode != 0
    assert "apt install gcc pkg-config libsystemd-dev" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_the_service_cannot_see_is_refused(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text("#!/bin/sh\necho /root/python\n")  # what it answers when asked where it is
    python.chmod(0o755)
    ended = make("install", f"DESTDIR={tmp_path / 'system'}", f"PYTHON={python}")
    assert ended.returncode != 0
    assert f"The service sees no homes, and {python} lies in one" in ended.stdout
    assert not (tmp_path / "system").exists()


@WHOLE[0]
@WHOLE[1]
@pytest.mark.timeout(900)
def test_what_is_installed_runs_from_where_it_is_moved_to(tmp_path: Path) -> None:
    """Half a minute with uv's cache full, many without."""
    if not PYTHON.exists():
        missing(str(PYTHON))
    built = tmp_path / "built"
    done = make("install", f"DESTDIR={built}", f"PYTHON={PYTHON}")
    assert done.returncode == 0, done.stderr
    moved = tmp_path / "moved"
    shutil.move(built, moved)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    for name in ("facewatchd", "facewatchctl"):
        told = subprocess.run(
            [moved / "usr/local/bin" / name, "--version"],
            capture_output=True,
            text=True,
            env=bare,
            check=True,
        )
        assert told.stdout.startswith(f"{name}, version ")
    python = moved / "usr/local/lib/facewatchd/bin/python"
    code = "import facewatchd, systemd.daemon, systemd.journal; print(facewatchd.__file__)"
    where = subprocess.run(
        [python, "-P", "-c", code], capture_output=True, text=True, env=bare, check=True
    )
    assert Path(where.stdout.strip()).is_relative_to(moved.resolve())
