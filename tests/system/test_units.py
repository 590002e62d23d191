"""The units as systemd reads them: every line understood, and how little the daemon may do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from facewatchd.config import load
from facewatchd.doctor.dropin import dropin
from facewatchd.errors import ConfigError
from tests.conftest import missing
from tests.support.units import unexplained

if TYPE_CHECKING:
    from facewatchd.config import Settings

pytestmark = pytest.mark.system

CHECKOUT = Path(__file__).resolve().parents[2]
UNITS = CHECKOUT / "systemd"
PROGRAMS = Path(sys.prefix) / "bin"
EXPOSURE = 10  # tenths: at most 1.0 of 10


@pytest.fixture(autouse=True)
def _systemd() -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze, of systemd")


def verified(folder: Path, instance: str | None = None) -> str:
    """Return what systemd finds wrong with the unit in ``folder``, with its drop-ins."""
    name = "facewatchd.service" if instance is None else f"facewatchd@{instance}.service"
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", folder / name],
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout + said.stderr  # unknown keys are printed, and still it returns 0


def installed(folder: Path) -> Path:
    """Lay out the units in ``folder``, with the programs where they are here."""
    for unit in UNITS.glob("*.service"):
        text = unit.read_text(encoding="utf-8").replace("/usr/local/bin", str(PROGRAMS))
        (folder / unit.name).write_text(text)
    return folder


@pytest.mark.parametrize("instance", [None, "anna"])
def test_systemd_understands_every_line_of_the_unit(tmp_path: Path, instance: str | None) -> None:
    assert verified(installed(tmp_path), instance) == ""


def test_a_line_that_systemd_does_not_understand_is_seen(tmp_path: Path) -> None:
    unit = installed(tmp_path) / "facewatchd.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystems=strict"))
    assert "Unknown key 'ProtectSystems'" in verified(tmp_path)


@pytest.mark.parametrize("unit", ["facewatchd.service", "facewatchd@.service"])
def test_little_is_open_to_a_daemon_that_was_taken_over(unit: str) -> None:
    told = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            f"--threshold={EXPOSURE}",
            UNITS / unit,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert "Overall exposure level" in told.stdout


def test_an_unconfined_unit_would_be_found_out(tmp_path: Path) -> None:
    text = (UNITS / "facewatchd.service").read_text()
    (tmp_path / "facewatchd.service").write_text(text.replace("ProtectSystem=strict\n", ""))
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=5"]
    assert subprocess.run([*command, UNITS / "facewatchd.service"], check=False).returncode == 0
    told = subprocess.run([*command, tmp_path / "facewatchd.service"], check=False)
    assert told.returncode != 0


def directives(unit: str, instance: str) -> set[str]:
    text = (UNITS / unit).read_text(encoding="utf-8").replace("%i", instance)
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def test_the_unit_for_a_person_differs_only_in_whose_it_is() -> None:
    one, many = directives("facewatchd.service", ""), directives("facewatchd@.service", "anna")
    assert {re.sub(r"facewatchd-anna\b", "facewatchd", line) for line in many - one} == {
        "Description=Folders of links for each person in the photos of anna",
        "ExecStart=/usr/local/bin/facewatchd --config /etc/facewatchd/anna.yaml",
        "ExecReload=/usr/local/bin/facewatchctl --socket %t/facewatchd/api.sock reload",
        "User=anna",
        "StateDirectory=facewatchd",
        "CacheDirectory=facewatchd",
        "RuntimeDirectory=facewatchd",
        "RuntimeDirectoryMode=0700",
    }
    assert {line.partition("=")[0] for line in one - many} == {
        "Description",
        "ExecStart",
        "ExecReload",
        "User",
        "StateDirectory",
        "CacheDirectory",
        "RuntimeDirectory",
        "RuntimeDirectoryMode",
        "ReadWritePaths",
        "RemoveIPC",
    }


def test_every_directive_has_its_reason() -> None:
    assert unexplained(UNITS / "facewatchd.service") == [
        "Description=Folders of links for each person in your photos",
        "WantedBy=multi-user.target",
    ]


def settings(**more: object) -> Settings:
    return load(None, {"roots": [{"path": "/srv/photos"}], "output": "/srv/people"} | more)


HOME = {
    "roots": [{"path": "/srv/photos"}, {"path": '/home/anna/My 100% "best"\\ pictures'}],
    "output": {"path": "/home/anna/People", "group": "root", "mode": "2750"},
    "backups": {"folder": "/mnt/backup disk"},
    "socket": "/run/other/api.sock",
    "state": "/var/lib/facewatchd",
    "engine": {"models": "/tmp/models"},  # noqa: S108 -- a folder that PrivateTmp= hides
}


def test_the_drop_in_for_folders_outside_homes() -> None:
    assert dropin(settings()) == (
        "# /etc/systemd/system/facewatchd.service.d/folders.conf, made by: facewatchctl unit\n"
        "[Service]\n"
        "# Photos, for reading only.\n"
        'ReadOnlyPaths="-/srv/photos"\n'
        "# What the daemon writes besides its own folders.\n"
        'ReadWritePaths="-/srv/people"\n'
    )


def test_the_drop_in_for_folders_in_homes_shows_only_them() -> None:
    lines = [line for line in dropin(settings(**HOME)).splitlines() if not line.startswith("#")]
    assert lines == [
        "[Service]",
        'ReadOnlyPaths="-/srv/photos"',
        'ReadWritePaths="-/mnt/backup disk"',
        'ReadWritePaths="-/run/other"',
        "ProtectHome=tmpfs",
        'BindReadOnlyPaths="-/home/anna/My 100%% \\"best\\"\\\\ pictures"',
        'BindReadOnlyPaths="-/tmp/models"',
        'BindPaths="-/home/anna/People"',
        "SupplementaryGroups=root",
        "RestrictSUIDSGID=no",
        "ExecReload=",
        f'ExecReload="{PROGRAMS}/facewatchctl" --socket "/run/other/api.sock" reload',
    ]


def test_folders_of_a_group_may_be_setgid() -> None:
    output = {"path": "/srv/people", "group": "games"}
    assert "RestrictSUIDSGID=no" in dropin(settings(output=output)).splitlines()
    assert "RestrictSUIDSGID" not in dropin(settings())


@pytest.mark.parametrize("instance", [None, "anna"])
def test_a_group_of_ones_own_gets_the_socket_and_gets_to_it(instance: str | None) -> None:
    lines = dropin(settings(api={"group": "games"}), instance).splitlines()
    assert lines[-2:] == ["SupplementaryGroups=games", "RuntimeDirectoryMode=0711"]
    assert "RuntimeDirectoryMode=0711" not in dropin(settings(), instance)


@pytest.mark.parametrize("instance", [None, "anna"])
def test_systemd_understands_every_line_of_the_drop_in(
    tmp_path: Path, instance: str | None
) -> None:
    installed(tmp_path)
    unit = "facewatchd" if instance is None else f"facewatchd@{instance}"
    folder = tmp_path / f"{unit}.service.d"
    folder.mkdir()
    (folder / "folders.conf").write_text(dropin(settings(**HOME), instance))
    assert verified(tmp_path, instance) == ""
    (folder / "folders.conf").write_text("[Service]\nReadOnlyPath=/srv\n")
    assert "Unknown key 'ReadOnlyPath'" in verified(tmp_path, instance)


def test_a_path_that_no_unit_can_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"/srv/two\\nlines' cannot stand in a unit"):
        dropin(settings(output="/srv/two\nlines"))


def test_the_command_prints_the_drop_in_and_nothing_else(tmp_path: Path) -> None:
    config = tmp_path / "facewatchd.yaml"
    config.write_text("roots: [{path: /home/anna/photos}]\noutput: /srv/people\n")
    command: list[str | Path] = [PROGRAMS / "facewatchctl", "unit", "--config", config]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == dropin(load(config))
    config.write_text("roots: 7")
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 78
    assert "roots = 7" in told.stderr
    assert told.stdout == ""


def test_systemd_makes_the_user_and_the_output_of_the_sample_configuration(tmp_path: Path) -> None:
    """In a folder that stands for the whole system."""
    (tmp_path / "etc").mkdir()
    for program, kind in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        if shutil.which(program) is None:
            missing(f"{program}, of systemd")
        create = ["--create"] if kind == "tmpfiles.d" else []
        done = subprocess.run(
            [program, *create, f"--root={tmp_path}", UNITS / kind / "facewatchd.conf"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    user = next(
        line.split(":")
        for line in (tmp_path / "etc" / "passwd").read_text().splitlines()
        if line.startswith("facewatchd:")
    )
    assert user[5:] == ["/var/lib/facewatchd", "/usr/sbin/nologin"]
    output = (tmp_path / "srv" / "people").stat()
    assert (output.st_uid, oct(output.st_mode & 0o7777)) == (int(user[2]), "0o755")
