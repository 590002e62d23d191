"""All checks in their order; each finding says what to type to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd import config, machine
from facewatchd.doctor import limits, storage
from facewatchd.doctor.finding import Finding
from facewatchd.doctor.hardware import hardware
from facewatchd.doctor.libraries import libraries
from facewatchd.errors import ConfigError
from facewatchd.mounts import read_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.config import Settings

PATIENCE = 30.0  # seconds; a disk that sleeps wakes up in less
_SERVICES_CONFIG = Path("/etc")
_SERVICES_STATE = Path("/var/lib/facewatchd")
_LOADING = 120.0  # seconds; an engine reads 100 MB of weights


def load(file: Path) -> Settings:
    """Read the configuration ``file`` as the daemon does that it is for; raises ConfigError."""
    settings = config.load(file)
    # The service's state is where systemd says; who types this was told nothing of that.
    if "state" not in settings.model_fields_set and file.is_relative_to(_SERVICES_CONFIG):
        settings = config.load(file, {"state": str(_SERVICES_STATE)})
    return settings


def settings_of(path: Path | None) -> tuple[Settings | None, Finding]:
    """Read the configuration (None: the one that the daemon would find), and say how it is."""
    about = "Configuration"
    file = path or config.find_config()
    if file is None:
        words = "none was found; config/facewatchd.yaml explains every setting"
        return None, Finding(about, words, "facewatchctl doctor --config FILE")
    try:
        settings = load(file)
    except ConfigError as error:
        words = "; ".join(line.strip() for line in error.title.splitlines()).replace(":;", ":")
        return None, Finding(about, words, error.remedy)
    return settings, Finding(about, f"{file} is valid")


def examine(settings: Settings | None, patience: float = PATIENCE) -> Iterator[Finding]:
    """Check everything that ``settings`` speak of, and the machine; yields what is known at once.

    ``patience`` is how many seconds storage may take to answer.
    """
    to_watch, share = 0, 1.0
    if settings is not None:
        mounts = read_mounts()
        share = settings.watching.share
        for each in settings.roots:
            checked = storage.root(each, settings, mounts, patience)
            to_watch += checked.to_watch
            yield checked.finding
        yield storage.output(settings, patience)
        yield from storage.state(settings, mounts, patience)
        yield storage.cache(settings, patience)
        yield storage.socket(settings)
        yield hardware(settings.engine, _LOADING)
        yield limits.engine(settings.engine, settings.setup, _LOADING)
    processor = machine.processor()
    yield limits.processor(processor)
    yield from libraries(processor, _LOADING)
    inotify = machine.inotify()
    yield limits.watches(to_watch, share, inotify)
    yield limits.instances(inotify)
    yield limits.versions()
    if (service := limits.service()) is not None:
        yield service
