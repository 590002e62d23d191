"""Prints what a bench measured."""

from __future__ import annotations

from typing import Any


def lines(report: dict[str, Any], depth: int = 0) -> list[str]:
    """Return the figures of ``report``, a line each, what is inside indented."""
    shown = []
    for name, value in report.items():
        if isinstance(value, dict):
            shown += ["  " * depth + name, *lines(value, depth + 1)]
        else:
            figure = f"{value:,.4g}" if isinstance(value, float) else str(value)
            shown.append(f"{'  ' * depth + name:44s}{figure:>16s}")
    return shown
