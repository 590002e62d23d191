"""Which engine the library has, which one the configuration or the user names."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from facewatchd import plugins
from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER
from facewatchd.errors import ApiError, PluginError, StoreError
from facewatchd.model import EngineId, WorkerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from facewatchd.config import Settings
    from facewatchd.model import Setup
    from facewatchd.plugins import Scale
    from facewatchd.store import Store


def named(detector: str, encoder: str, setup: Setup) -> EngineId:
    """Return the installed engine of these names; PluginError if there is none or they do not fit.

    Neither's weights are loaded.
    """
    finds, encodes = plugins.detector(detector), plugins.encoder(encoder)
    plugins.check_together(finds, encodes)
    version, _ = plugins.identity(encodes, setup)
    return EngineId(detector, encoder, version)


def configured(settings: Settings) -> EngineId:
    """Return the engine that a new library gets; PluginError as in `named`."""
    engine = settings.engine
    detector, encoder = engine.detector or DEFAULT_DETECTOR, engine.encoder or DEFAULT_ENCODER
    return named(detector, encoder, settings.setup)


def check_installed(engine: EngineId, store: Path, setup: Setup) -> None:
    """Raise PluginError or StoreError when the library's ``engine`` is not installed as it was."""
    found = named(engine.detector, engine.encoder, setup)
    if found != engine:
        raise StoreError(
            f"The faces in {store} were encoded by {engine.encodings}; installed is"
            f" {found.encodings}, whose encodings cannot be compared with them.",
            f"Put back the weights, or install the version of the encoder, that {engine.encodings}"
            " was made with. Then, to change: facewatchctl engine switch",
        )


def scale_of(engine: EngineId, settings: Settings, store: Store) -> Scale:
    """Return the similarity scale of ``engine``, with the user's thresholds if they are for it.

    They are for the encoder that the configuration names; if it names none, for the one that the
    library began with.  StoreError when the library's encodings are of other dimensions.
    """
    _, scale = plugins.identity(plugins.encoder(engine.encoder), settings.setup)
    if engine == store.engines.known:
        _check_dimensions(engine, scale, store)
    if engine.encoder != (settings.engine.encoder or store.fact("first_encoder")):
        return scale
    return replace(
        scale,
        similarity=settings.similarity or scale.similarity,
        eps=settings.recluster.eps or scale.eps,
        merge=settings.recluster.merge or scale.merge,
    )


def _check_dimensions(engine: EngineId, scale: Scale, store: Store) -> None:
    stored = store.faces.dimensions()
    if stored not in {None, scale.dimensions}:
        raise StoreError(
            f"The faces in {store.path} were encoded as {stored} numbers each; the encoder"
            f" {engine.encoder!r} that is installed gives {scale.dimensions}.",
            f"Put back the weights or the plugin that {engine.encodings} was at that time.",
        )


def difference(current: EngineId, settings: Settings) -> str | None:
    """Say in a sentence that the configuration names another engine than the library has."""
    detector = settings.engine.detector or current.detector
    encoder = settings.engine.encoder or current.encoder
    if (detector, encoder) == (current.detector, current.encoder):
        return None
    return (
        f"The configuration names {detector}+{encoder}; the library is encoded by {current.name}"
        f" and stays so until: facewatchctl engine switch {detector}+{encoder}"
    )


def resolve(text: str, current: EngineId, setup: Setup) -> EngineId:
    """Return the engine that a user means by DETECTOR+ENCODER, or by one of the two names.

    The other one is then the library's.  ApiError or PluginError when it is none that can be
    switched to.
    """
    detector, plus, encoder = text.partition("+")
    if not plus:
        detector, encoder = _one_name(text, current)
    try:
        engine = named(detector, encoder, setup)
    except PluginError as error:
        raise ApiError(error.title, error.remedy) from error
    if engine == current:
        raise ApiError(
            f"The library is encoded by {current.name} already.",
            "See: facewatchctl engine status",
        )
    return engine


def _one_name(name: str, current: EngineId) -> tuple[str, str]:
    finds = name in entry_points(group="facewatchd.detectors").names
    encodes = name in entry_points(group="facewatchd.encoders").names
    if finds and encodes:
        raise ApiError(
            f"{name!r} is the name of a detector and of an encoder.",
            f"Say which: {name}+{current.encoder}, {current.detector}+{name} or {name}+{name}.",
        )
    return (name, current.encoder) if finds else (current.detector, name)


def worker_settings(
    settings: Settings, engine: EngineId, second: EngineId | None = None
) -> WorkerSettings:
    """Return what a worker that reads by ``engine``, and maybe by a second one, is told."""
    limits = settings.limits
    return WorkerSettings(
        detector=engine.detector,
        encoder=engine.encoder,
        setup=settings.setup,
        megapixels=limits.megapixels,
        file_mb=limits.file_mb,
        memory_mb=limits.memory_mb,
        second=None if second is None else (second.detector, second.encoder),
    )
