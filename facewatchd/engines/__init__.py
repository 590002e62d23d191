"""Detectors and encoders, one file each; also for programs of your own (see docs/library.md).

Importing this, or any module in it, takes numpy and onnxruntime alone.  What else an engine needs
is imported when it is constructed, and a PluginError says how to install it.

    from facewatchd.engines import Setup, detector, encoder

    faces = detector("cnn")(Setup()).detect(pixels)
    encodings = encoder("dlib")(Setup()).encode(pixels, faces)
"""

from facewatchd.errors import PluginError
from facewatchd.model import Box, Detection, Setup
from facewatchd.plugins import Detector, Encoder, Scale, check_together, detector, encoder

__all__ = [
    "Box",
    "Detection",
    "Detector",
    "Encoder",
    "PluginError",
    "Scale",
    "Setup",
    "check_together",
    "detector",
    "encoder",
]
