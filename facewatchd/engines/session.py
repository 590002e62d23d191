"""ONNX Runtime sessions: the hardware a model runs on, and what is said of one that fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# From 1.29 on the published builds tell Microsoft what runs here, and keep an id of the machine in
# the user's cache, unless this is set before they are loaded (pull request 27379 of onnxruntime).
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

from facewatchd.errors import PluginError

if TYPE_CHECKING:
    from pathlib import Path

# ONNX Runtime's names for what `engine.hardware` may say; each falls back on the processor for the
# operators that it does not have.
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
_WARNINGS_ARE_NOTHING = 3  # ONNX Runtime's level "error": its warnings tell a user nothing


def session(
    model: bytes | Path, hardware: str = "cpu", *, name: str = ""
) -> onnxruntime.InferenceSession:
    """Load ``model``; ``name`` stands for it in errors.

    ``hardware`` is a key of PROVIDERS, or ``auto``: the first that is installed and not the
    processor, else the processor.  One thread: the pool has one worker a core.  Raises PluginError
    when the model is damaged or the hardware cannot be used.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _WARNINGS_ARE_NOTHING
    source = model if isinstance(model, bytes) else str(model)
    called = name or (source if isinstance(source, str) else "in the given bytes")
    providers = _providers(hardware)
    try:
        loaded = onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as cause:  # ONNX Runtime's errors have no common base but Exception
        raise PluginError(
            f"The model {called} cannot be loaded: {cause}",
            "It may be damaged or of another kind. See: facewatchctl models check",
        ) from cause
    if hardware != "auto" and loaded.get_providers()[0] != providers[0]:
        # ONNX Runtime goes on with the processor by itself, and says so only in its own log.
        raise PluginError(
            f"ONNX Runtime has {hardware!r} (engine.hardware) but cannot start it.",
            "Install its drivers and libraries, or set engine.hardware to auto or cpu.",
        )
    return loaded


def providers_installed() -> list[str]:
    """Return the names, as `engine.hardware` has them, of what this ONNX Runtime can use."""
    there = onnxruntime.get_available_providers()
    return [name for name, provider in PROVIDERS.items() if provider in there]


def _providers(hardware: str) -> list[Any]:
    there = providers_installed()
    if hardware == "auto":
        hardware = next((name for name in there if name != "cpu"), "cpu")
    if hardware not in there:
        raise PluginError(
            f"This ONNX Runtime cannot use {hardware!r} (engine.hardware);"
            f" it can use: {', '.join(there)}.",
            "Install the build of onnxruntime that has it, or set engine.hardware to auto or cpu.",
        )
    return list(dict.fromkeys((PROVIDERS[hardware], PROVIDERS["cpu"])))
