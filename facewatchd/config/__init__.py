"""YAML -> frozen Settings; the only reader of files and environment for settings."""

from facewatchd.config.reading import (
    find_config,
    load,
)
from facewatchd.config.sections import (
    Engine,
    Limits,
    Output,
    Recluster,
    Root,
    Work,
)
from facewatchd.config.settings import (
    COPIES,
    DEFAULT_DETECTOR,
    DEFAULT_ENCODER,
    Settings,
    default_cache,
    default_state,
)
from facewatchd.config.values import (
    AbsolutePath,
    Duration,
    DurationOrZero,
    Similarity,
)

__all__ = [
    "COPIES",
    "DEFAULT_DETECTOR",
    "DEFAULT_ENCODER",
    "AbsolutePath",
    "Duration",
    "DurationOrZero",
    "Engine",
    "Limits",
    "Output",
    "Recluster",
    "Root",
    "Settings",
    "Similarity",
    "Work",
    "default_cache",
    "default_state",
    "find_config",
    "load",
]
