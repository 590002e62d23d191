"""Native libraries, each tried in a process of its own: a wheel may ask for another processor."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from facewatchd.doctor import probe
from facewatchd.doctor.finding import Finding, build_dlib, pip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.machine import Processor

LIBRARIES = ("numpy", "onnxruntime", "pillow_heif", "dlib", "cv2")

# What libraries for x86-64 are built for, as /proc/cpuinfo and as people name it, in the order in
# which processors got it.
_FEATURES = {"sse4_2": "SSE4.2", "avx": "AVX", "avx2": "AVX2", "fma": "FMA"}
_DEFAULT_ENGINE = (
    "Use the default engine, which needs neither it nor AVX: leave engine.detector and"
    " engine.encoder out of the configuration."
)


def libraries(own: Processor, patience: float) -> Iterator[Finding]:
    """Import each that is installed and have it do something."""
    return (_library(name, own, patience) for name in LIBRARIES if find_spec(name) is not None)


def _library(name: str, own: Processor, patience: float) -> Finding:
    about = f"Library {name}"
    try:
        trouble = probe.ask(probe.library, name, patience=patience)
    except probe.IllegalInstructionError:
        words = f"has instructions that this processor does not know{_missing(own)}"
        return Finding(about, words, _instead_of(name))
    except probe.ProbeError as error:
        return Finding(about, f"a process that tries it {error}", _again(name))
    if trouble is not None:
        return Finding(about, trouble, _again(name))
    return Finding(about, "runs on this processor")


def _missing(own: Processor) -> str:
    """Name what the processor lacks; nothing where that is not known."""
    lacks = [name for flag, name in _FEATURES.items() if flag not in own.features]
    return f": it has no {', '.join(lacks)}" if own.architecture == "x86_64" and lacks else ""


def _instead_of(name: str) -> str:
    match name:
        case "dlib":
            return f"{_DEFAULT_ENGINE} Or build dlib for this processor: {build_dlib()}"
        case "cv2":
            return _DEFAULT_ENGINE
        case _:
            return f"facewatchd needs {name}: build it for this processor, or use another computer."


def _again(name: str) -> str:
    package = {"cv2": "opencv-python-headless", "pillow_heif": "pillow-heif"}.get(name, name)
    return f"{pip()} install --force-reinstall --no-deps {package}"
