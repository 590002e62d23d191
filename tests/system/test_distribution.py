"""What is given to others: an sdist with everything, and a wheel that pipx and uv install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import missing
from tests.support import environments
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.system

CHECKOUT = environments.REPOSITORY
LOCK = CHECKOUT / "install.lock"
BESIDE = "share/man/man8/facewatchd.8"
NO_COMPILER = {"CC": "false", "CXX": "false"}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that the sdist of this checkout unpacks to."""
    folder = tmp_path_factory.mktemp("sdist")
    archive = environments.built("sdist", CHECKOUT, folder / "dist")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.name != "dist")
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel that is built from the sdist."""
    return environments.built("wheel", sdist, tmp_path_factory.mktemp("dist"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def test_the_sdist_holds_all_that_is_in_the_repository(sdist: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        missing("a checkout of git")
    ours = {name for name in listed.stdout.split("\0") if name and (CHECKOUT / name).is_file()}
    there = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    presets = {name for name in there if name.startswith("facewatchd/presets/")}
    assert len(presets) == len(list((CHECKOUT / "config/presets").iterdir()))
    assert there - presets - {"PKG-INFO"} == ours


def test_the_wheel_holds_presets_sample_manual_and_types(wheel: Path) -> None:
    there = contents(wheel)
    assert "facewatchd/py.typed" in there
    for preset in (CHECKOUT / "config/presets").iterdir():
        assert there[f"facewatchd/presets/{preset.name}"] == preset.read_bytes()
    (data,) = {name.partition("/share/")[0] for name in there if "/share/" in name}
    sample = CHECKOUT / "config/facewatchd.yaml"
    assert there[f"{data}/share/doc/facewatchd/facewatchd.yaml"] == sample.read_bytes()
    for page in (CHECKOUT / "docs/man").glob("man*/*"):
        assert there[f"{data}/share/{page.relative_to(CHECKOUT / 'docs')}"] == page.read_bytes()
    tops = {name.partition("/")[0] for name in there} - {data.partition("/")[0]}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"facewatchd"}


def test_from_sdist_and_checkout_the_same_wheel_is_built(wheel: Path, tmp_path: Path) -> None:
    assert contents(environments.built("wheel", CHECKOUT, tmp_path)) == contents(wheel)


def by_pipx(wheel: Path, home: Path) -> None:
    if shutil.which("pipx", path=Path(sys.executable).parent) is None:
        missing("pipx")
    places = {"PIPX_HOME": home, "PIPX_BIN_DIR": home / "bin", "PIPX_MAN_DIR": home / "share/man"}
    _install([sys.executable, "-m", "pipx", "install", wheel], places | {"USE_EMOJI": "0"})
    assert (home / BESIDE).exists()


def uv_here() -> str | Path:
    found = shutil.which("uv") or CHECKOUT / ".venv-uv/bin/uv"
    if not Path(found).exists():
        missing("uv")
    return found


def by_uv(wheel: Path, home: Path) -> None:
    """By the versions of the lock."""
    uv = uv_here()
    places = {"UV_TOOL_DIR": home / "tools", "UV_TOOL_BIN_DIR": home / "bin"}
    _install(
        [uv, "tool", "install", "--python", sys.executable, "--constraints", LOCK, wheel], places
    )
    python = home / "tools/facewatchd/bin/python"
    frozen = subprocess.run(
        [uv, "pip", "freeze", "--python", python], capture_output=True, text=True, check=True
    )
    versions = {line for line in frozen.stdout.split() if "==" in line}
    locked = {line.split()[0] for line in LOCK.read_text().splitlines() if "==" in line[:60]}
    assert len(versions) > 20
    assert versions <= locked


def _install(command: list[str | Path], places: Mapping[str, Path | str]) -> None:
    ended = subprocess.run(
        command,
        env=os.environ | NO_COMPILER | {name: str(place) for name, place in places.items()},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@WHOLE[0]
@WHOLE[1]
@pytest.mark.timeout(900)
@pytest.mark.parametrize("install", [by_pipx, by_uv], ids=["pipx", "uv"])
def test_people_are_found_by_what_pipx_and_uv_install_without_a_compiler(
    install: Callable[[Path, Path], None], wheel: Path, photos: Path, tmp_path: Path
) -> None:
    """A minute or so each."""
    install(wheel, tmp_path / "home")
    for person in ("amy", "raj"):
        shutil.copytree(photos / "bbt" / person, tmp_path / "photos" / person)
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path / "home")}

    def asked(*told: str | Path) -> str:
        return subprocess.run(
            [tmp_path / "home/bin/facewatchctl", *told],
            cwd=tmp_path,
            env=bare,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        ).stdout

    assert asked("--version").startswith("facewatchctl, version ")
    assert asked("cluster", "--list-presets").count("\n") >= 6
    said = asked("demo", "--into", tmp_path / "demo", tmp_path / "photos")
    assert "2 people, 2 of them with a folder" in said


@WHOLE[0]
@WHOLE[1]
def test_tests_can_be_run_from_the_sdist(sdist: Path) -> None:
    """Those of some parts that look for files beside the code."""
    parts = ("presets", "config", "manual", "container_files", "layers")
    tests = [path for part in parts for path in (sdist / "tests/unit").glob(f"test_{part}.py")]
    assert len(tests) >= 4
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=sdist,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


@WHOLE[0]
@WHOLE[1]
@pytest.mark.parametrize(
    ("processor", "compiled"),
    [("x86_64", {"systemd-python"}), ("aarch64", {"systemd-python", "hdbscan"})],
)
def test_what_is_locked_comes_as_wheels_by_its_hashes_on_each_processor(
    processor: str, compiled: set[str], tmp_path: Path
) -> None:
    """Asked of the index, for the Python and the glibc of the Containerfile; nothing is fetched."""
    (tmp_path / "excludes.txt").write_text("\n".join(compiled))
    platform = ["--python-platform", f"{processor}-manylinux_2_36", "--python-version", "3.11"]
    asked = subprocess.run(
        [
            *(uv_here(), "pip", "install", "--dry-run", "--target", tmp_path / "none", *platform),
            *("--require-hashes", "--only-binary", ":all:", "--requirement", LOCK),
            *("--excludes", tmp_path / "excludes.txt"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert "onnxruntime==" in asked.stderr
