"""Wires the stages: one thread, one ``step()`` at a time, the only writer of the store."""

from facewatchd.pipeline.clock import Clock, SystemClock
from facewatchd.pipeline.control import Control
from facewatchd.pipeline.loop import Pipeline
from facewatchd.pipeline.reloading import Reloads
from facewatchd.pipeline.report import Report

__all__ = ["Clock", "Control", "Pipeline", "Reloads", "Report", "SystemClock"]
