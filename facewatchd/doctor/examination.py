"""All checks in their order; each finding says what to type to mend it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from facewatchd import config, machine
from facewatchd.doctor import entrance, limits, storage, unit
from facewatchd.doctor.dropin import CONFIGURATIONS, own_folders
from facewatchd.doctor.finding import Finding, as_root
from facewatchd.doctor.hardware import hardware
from facewatchd.doctor.libraries import libraries
from facewatchd.doctor.sight import Account, Sight, own_sight
from facewatchd.errors import ConfigError
from facewatchd.mounts import read_mounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.config import Settings
    from facewatchd.doctor.unit import Unit

PATIENCE = 30.0  # seconds; a disk that sleeps wakes up in less
_SERVICES_CONFIG = Path("/etc")
_LOADING = 120.0  # seconds; an engine reads 100 MB of weights


def load(file: Path) -> Settings:
    """Read the configuration ``file`` as the daemon does that it is for; raises ConfigError."""
    settings = config.load(file)
    return _of_service(settings, file) if file.is_relative_to(_SERVICES_CONFIG) else settings


def _of_service(settings: Settings, file: Path) -> Settings:
    """Name the folders that systemd makes for the service, of which who types this was not told."""
    is_instance = file.parent == CONFIGURATIONS and file.stem != "facewatchd"
    state, cache, runtime = own_folders(file.stem if is_instance else None)
    engine = settings.engine
    return settings.model_copy(
        update={
            "state": settings.state if "state" in settings.model_fields_set else state,
            "socket": settings.socket or runtime / "api.sock",
            "engine": engine.model_copy(update={"cache": engine.cache or cache}),
        }
    )


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


def unit_for(path: Path | None) -> Unit | None:
    """Return the systemd unit that goes by the configuration that `settings_of` reads."""
    file = path or config.find_config()
    return None if file is None else unit.unit_of(file)


def examine(
    settings: Settings | None, service: Unit | None = None, patience: float = PATIENCE
) -> Iterator[Finding]:
    """Check everything that ``settings`` speak of, and the machine; yields what is known at once.

    Folders are looked at as the user of ``service`` does.  ``patience`` is how many seconds storage
    may take to answer.
    """
    to_watch, share = 0, 1.0
    if settings is not None:
        share = settings.watching.share
        if service is not None:
            yield unit.opened(service, settings)
        sight, found = sight_for(settings, service)
        yield found
        if sight is not None:
            mounts = read_mounts()
            for each in settings.roots:
                checked = storage.root(each, settings, mounts, patience, sight)
                to_watch += checked.to_watch
                yield checked.finding
            yield storage.output(settings, patience, sight)
            yield from storage.state(settings, mounts, patience, sight)
            if settings.engine.cache or sight.account.user == os.geteuid():  # else who knows where
                yield storage.cache(settings, patience, sight)
            yield from storage.further(settings, patience, sight)
            yield from entrance.groups(settings, sight, service)
        yield entrance.socket(settings, patience, service)
        yield hardware(settings.engine, _LOADING)
        yield limits.engine(settings.engine, settings.setup, _LOADING)
    processor = machine.processor()
    yield limits.processor(processor)
    yield from libraries(processor, _LOADING)
    inotify = machine.inotify()
    yield limits.watches(to_watch, share, inotify)
    yield limits.instances(inotify)
    yield limits.landlock()
    yield limits.versions()
    if (readiness := limits.service()) is not None:
        yield readiness


def sight_for(settings: Settings, service: Unit | None) -> tuple[Sight | None, Finding]:
    """Return how the daemon sees the folders, and as whom that is; None if we cannot see so."""
    about = "User"
    try:
        sight = own_sight() if service is None else unit.sight_of(service, settings)
        if service is None and (owner := _owner(settings.state)) != os.geteuid():
            sight = Sight(Account.of(owner))
    except KeyError:
        words = "the user or a group that the daemon runs as is not there"
        return None, Finding(about, words, as_root("systemd-sysusers"))
    daemon, me = sight.account, Account.own()
    if me.user not in {0, daemon.user}:
        words = f"the daemon runs as {daemon.name}; {me.name} cannot see what {daemon.name} may do"
        return None, Finding(about, words, as_root("facewatchctl doctor"))
    return sight, Finding(about, f"the folders were looked at as {daemon.name} sees them")


def _owner(folder: Path) -> int:
    """Return whose a folder is: ours, as long as it is not there."""
    try:
        return os.stat(folder).st_uid
    except OSError:
        return os.geteuid()
