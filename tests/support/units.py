"""What is asked of every systemd unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def unexplained(unit: Path) -> list[str]:
    """Return the directives above which no comment stands, nor above the block they are in."""
    explained, without = False, []
    for line in unit.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("["):
            explained = False
        elif line.startswith("#"):
            explained = True
        elif not explained:
            without.append(line)
    return without
