"""How long the long tests are to take, and what is only done in a whole one."""

from __future__ import annotations

import os

import pytest

SECONDS = float(os.environ.get("SOAK_SECONDS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "1"))

WHOLE = [
    pytest.mark.soak,
    pytest.mark.skipif(SECONDS < 300, reason="a short soak; `make soak` is a whole one"),
]
