"""Programs that obey permissions also when root runs the tests."""

from __future__ import annotations

import os

_BOUND_BY_PERMISSIONS = (
    "setpriv",
    "--inh-caps=-dac_override,-dac_read_search",
    "--bounding-set=-dac_override,-dac_read_search",
)


def bound() -> tuple[str, ...]:
    """Return what makes a program obey permissions: root does, without two capabilities."""
    return _BOUND_BY_PERMISSIONS if os.geteuid() == 0 else ()
