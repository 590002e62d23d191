"""What the options of clusterers may be: they come from a configuration, where all can be wrong."""

from __future__ import annotations

import math


def check_whole(name: str, value: object, least: int) -> None:
    """Raise ValueError unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} is {value!r}, but must be a whole number of {least} or more")


def check_number(name: str, value: object, above: float) -> None:
    """Raise ValueError unless ``value`` is a finite number above ``above``."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value > above)
    ):
        raise ValueError(f"{name} is {value!r}, but must be a number above {above:g}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, but must be one of: {', '.join(choices)}")


def check_switch(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, but must be true or false")  # noqa: TRY004 - as the other checks
