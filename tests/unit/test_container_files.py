"""The Containerfile and the compose sample, held against the program and each other."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path

import yaml

from facewatchd.config import load
from tests.support.contained import (
    FOLDER,
    command,
    environment,
    instructions,
    of_image,
    service,
    volumes,
)

REPOSITORY = FOLDER.parent
SCRIPTS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
CONFIG = yaml.safe_load((FOLDER / "facewatchd.yaml").read_text())
EVERYWHERE = re.compile(r"amd64|x86|arm64|aarch64|--platform")


def sources() -> list[str]:
    """Return what is copied out of the checkout."""
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    return [each for words in copied if not words[0].startswith("--from") for each in words]


def test_what_is_copied_is_there_and_reaches_the_build() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (FOLDER / "Containerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert set(sources()) == allowed
    for source in sources():
        assert (REPOSITORY / source).exists()


def test_what_the_build_of_the_program_needs_is_copied() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {
        "pyproject.toml",
        project["project"]["readme"],
        *project["project"]["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
        *wheel["shared-data"],
    }
    missing = {
        path for path in needed if not any(Path(path).is_relative_to(each) for each in sources())
    }
    assert missing == set()


def test_both_stages_are_of_glibc_and_of_no_processor_alone() -> None:
    (base,) = (rest for name, rest in instructions() if name == "ARG")
    assert fnmatch.fnmatch(base, "BASE=python:3.1?-slim-bookworm")
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"] == ["${BASE}"] * 2
    assert not any(EVERYWHERE.search(f"{name} {rest}") for name, rest in instructions())


def test_packages_are_those_of_the_lock_by_their_hashes() -> None:
    (locked,) = (rest for _, rest in instructions() if "install.lock" in rest and "uv pip" in rest)
    assert "--require-hashes" in locked
    (ours,) = (rest for _, rest in instructions() if rest.endswith(" ."))
    assert "--no-deps" in ours


def test_it_runs_our_programs_as_nobody_special() -> None:
    daemon, *options = command()
    assert daemon in SCRIPTS
    assert options[0] == "--config"
    assert options[1] in {inside for _, inside, _ in volumes()}
    assert of_image("USER").split(":")[0].isdigit()
    assert "0" not in of_image("USER").split(":")
    asked = of_image("HEALTHCHECK").partition("CMD ")[2]
    assert asked.split()[0] in SCRIPTS
    assert service()["healthcheck"]["test"] == ["CMD-SHELL", asked]
    times = dict(re.findall(r"--(\S+)=(\S+)", of_image("HEALTHCHECK")))
    assert {name.replace("-", "_"): value for name, value in times.items()} == {
        name: str(value) for name, value in service()["healthcheck"].items() if name != "test"
    }


def test_the_sample_gives_no_rights_no_network_and_no_place_to_write() -> None:
    sample = service()
    assert sample["read_only"] is True
    assert sample["network_mode"] == "none"
    assert sample["cap_drop"] == ["ALL"]
    assert sample["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", sample["user"])
    read_only = {inside for _, inside, ro in volumes() if ro}
    assert {root["path"] for root in CONFIG["roots"]} < read_only
    assert (FOLDER.parent / sample["build"]["dockerfile"]).exists()
    assert (FOLDER / sample["build"]["context"]).resolve() == REPOSITORY
    assert sample["cpus"] == CONFIG["workers"]


def test_the_sample_configuration_is_valid_and_maps_what_is_mounted() -> None:
    settings = load(FOLDER / "facewatchd.yaml")
    outside = {inside: there for there, inside, _ in volumes()}
    shown = {str(settings.output.path), *(str(root.path) for root in settings.roots)}
    assert CONFIG["output"]["link_map"] == {inside: outside[inside] for inside in shown}
    assert of_image("VOLUME") in outside
    for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY", "FACEWATCHD_SOCKET"):
        assert Path(environment()[name]).is_relative_to(of_image("VOLUME"))
    assert Path(environment()["FACEWATCHD_SOCKET"]).parent == Path(environment()["STATE_DIRECTORY"])
    assert environment()["HOME"] in service()["tmpfs"]
