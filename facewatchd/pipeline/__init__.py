"""Wires the stages: one thread, one ``step()`` at a time, the only writer of the store."""

from facewatchd.pipeline.clock import Clock, SystemClock
from facewatchd.pipeline.control import Control
from facewatchd.pipeline.loop import Pipeline

__all__ = ["Clock", "Control", "Pipeline", "SystemClock"]
