"""What was asked for on the command line, laid over the preset: the settings of one run."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facewatchd import checked, config, plugins
from facewatchd.batch.place import OWN
from facewatchd.doctor import examination
from facewatchd.errors import ConfigError, FacewatchError
from facewatchd.pipeline.engine import configured

if TYPE_CHECKING:
    from facewatchd.batch.cluster.preset import Preset
    from facewatchd.config import Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """The command line; None is what was not said."""

    photos: str
    output: str
    preset: str
    copy: bool = False
    crops: bool | None = None
    jobs: int | None = None
    detector: str | None = None
    encoder: str | None = None
    clusters: int | None = None
    distance: float | None = None
    min_samples: int | None = None
    seed: int | None = None
    models: str | None = None
    pack: str | None = None
    fresh: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a run, and DBSCAN's ``min_samples`` where they have no place for it."""

    settings: Settings
    min_samples: int | None


def plan(wish: Wish, preset: Preset) -> Plan:
    """Return the settings of a run; ConfigError or PluginError for what cannot be.

    Each engine has a state folder of its own in OUTPUT, so that another one encodes anew, and the
    first one's encodings are still there when it is named again.
    """
    photos, output = Path(wish.photos).resolve(), Path(wish.output).resolve()
    if photos.is_relative_to(output):
        raise ConfigError(
            f"The photos {photos} lie in the output {output}.",
            "Name another folder as OUTPUT; nothing is ever written where photos are.",
        )
    recluster, min_samples = _recluster(wish, preset.settings.get("recluster", {}))
    checked.clusterer(recluster["clusterer"], recluster["options"])
    raw = preset.settings | {
        "roots": [{"path": str(photos), "watch": "poll"}],
        "output": str(output),
        "state": str(output / OWN),
        "engine": _engine(wish, preset.settings.get("engine", {})),
        "recluster": recluster,
        "decisions": {"copies": []},
        "backups": {"every": 0},
    }
    if wish.jobs is not None:
        raw["workers"] = wish.jobs
    settings = config.load(None, raw)
    engine, sides = configured(settings), settings.engine
    of_engine = f"{engine.name}-{engine.version}-{sides.longest_side}-{sides.smallest_face}"
    return Plan(
        settings.model_copy(update={"state": settings.state / of_engine}),
        min_samples,
    )


def _engine(wish: Wish, preset: dict[str, Any]) -> dict[str, Any]:
    models = None if wish.models is None else str(Path(wish.models).resolve())
    said = {
        "detector": wish.detector,
        "encoder": wish.encoder,
        "models": models or preset.get("models") or str(_models()),
        "pack": wish.pack,
    }
    return preset | {name: value for name, value in said.items() if value is not None}


def _models() -> Path:
    """Return the model folder of the user's daemon, where `facewatchctl models` puts weights."""
    file = config.find_config()
    return examination.load(file).models if file else config.default_state() / "models"


def _recluster(wish: Wish, preset: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    name = preset.get("clusterer", config.Recluster().clusterer)
    kind = plugins.clusterer(name)
    takes, is_told = inspect.signature(kind).parameters, inspect.signature(kind.group).parameters
    asked: dict[str, Any] = {}
    options = dict(preset.get("options", {}))
    min_samples = None
    for option in ("clusters", "seed"):
        if (value := getattr(wish, option)) is not None:
            _check(name, option, known=option in takes)
            options[option] = value
    if wish.distance is not None:
        _check(name, "distance", known="distance" in takes or "eps" in is_told)
        if "distance" in takes:
            options["distance"] = wish.distance
        else:
            asked["eps"] = wish.distance
    if wish.min_samples is not None:
        _check(name, "min_samples", known="min_samples" in takes or "min_samples" in is_told)
        if "min_samples" in takes:
            options["min_samples"] = wish.min_samples
        else:
            min_samples = wish.min_samples
    return preset | {"clusterer": name, "options": options} | asked, min_samples


def _check(clusterer: str, option: str, *, known: bool) -> None:
    if not known:
        dashed = option.replace("_", "-")
        raise FacewatchError(
            f"The clusterer {clusterer!r} has nothing that --{dashed} could set.",
            f"Leave --{dashed} out, or name another preset: facewatchctl cluster --list-presets",
        )
