"""What ONNX Runtime computes on here, and whether that is what the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.doctor import probe
from facewatchd.doctor.finding import Finding, pip

if TYPE_CHECKING:
    from facewatchd.config import Engine

# The builds of ONNX Runtime that bring what the plain one has not; only one can be installed.
_BUILDS = {"cuda": "onnxruntime-gpu", "openvino": "onnxruntime-openvino"}


def hardware(chosen: Engine, patience: float) -> Finding:
    """Have ONNX Runtime compute something on the hardware that is set."""
    about, wish = "Hardware", chosen.hardware
    try:
        seen = probe.ask(probe.hardware, wish, patience=patience)
    except probe.ProbeError as error:
        return Finding(about, f"a process that tries it {error}", _without(wish))
    can = f"ONNX Runtime can use {' and '.join(seen.installed)} here"
    if wish != "auto" and wish not in seen.installed:
        return Finding(about, f"{can}, not {wish} (engine.hardware)", _with(wish))
    if seen.title is not None:
        return Finding(about, f"{can}, but: {seen.title}", _without(wish))
    if wish not in ("auto", seen.used):
        words = f"{can}, but {wish} (engine.hardware) does not start, and the processor is used"
        return Finding(about, f"{words}; drivers or libraries may be missing", _without(wish))
    return Finding(about, f"{can}; {seen.used} is used (engine.hardware: {wish})")


def _with(wish: str) -> str:
    if wish not in _BUILDS:
        return _without(wish)
    build = f"{pip()} uninstall --yes onnxruntime && {pip()} install {_BUILDS[wish]}"
    return f"{build}   (or set engine.hardware to cpu)"


def _without(wish: str) -> str:
    if wish == "cpu":
        return f"{pip()} install --force-reinstall --no-deps onnxruntime"
    return "Set engine.hardware to cpu."
