"""The engine of the library, and what it takes to go over to another one."""

from __future__ import annotations

import time
from typing import Any

from facewatchd.render.show import Field
from facewatchd.render.words import count, duration, size, some

_NIGHT = 8 * 3600.0


def engine_fields(engine: dict[str, Any]) -> list[Field]:
    """Describe the engine, and the switch to another one if there is one."""
    waiting = engine["waiting"]
    found = [
        Field("Engine", engine["name"]),
        Field("Engine", engine["note"]),
        Field(
            "Switch", _switch(engine["switch"], engine["unreadable"]) if engine["switch"] else ""
        ),
        Field("Waiting", _waiting(engine, waiting) if waiting else ""),
        Field("Last switch", engine["last"]),
    ]
    return [field for field in found if field.text]


def estimate_fields(engine: str, cost: dict[str, Any]) -> list[Field]:
    """Describe what going over to ``engine`` takes."""
    seconds = cost["seconds"]
    nights = f", {seconds / _NIGHT:.1f} nights of 8 h" if seconds > _NIGHT else ""
    photos = count(cost["photos"], "photo")
    measured = f"measured on {count(cost['measured'], 'photo')} by one worker"
    return [
        Field("To", engine),
        Field("Photos", photos + some(", {:,} more cannot be reached now", cost["unreachable"])),
        Field("Each", f"{cost['seconds_a_photo']:.2f} s ({measured})"),
        Field("Time", f"{duration(seconds)} with {count(cost['workers'], 'worker')}{nights}"),
        Field("Space", f"{size(cost['bytes'])} in the store until it is done"),
    ]


def _switch(switch: dict[str, Any], unreadable: int) -> str:
    words = f"to {switch['to']}: {switch['done']:,} of {count(switch['total'], 'photo')} read"
    words += some(", {:,} could not be read", unreadable)
    if switch["halted"]:
        return (
            f"{words}; halted, {switch['halted'].rstrip('.')}; go on with: facewatchctl engine"
            " resume, drop it with: facewatchctl engine abort"
        )
    if switch["waits_until"] is not None:
        until = time.strftime("%F %H:%M", time.localtime(switch["waits_until"]))
        return (
            f"{words}; waits for {count(switch['away'], 'photo')} on places that are away, until"
            f" {until}; without them now: facewatchctl engine resume --without-the-rest"
        )
    left = switch["seconds_left"]
    return f"{words}, {duration(left)} left" if left else words


def _waiting(engine: dict[str, Any], photos: int) -> str:
    unreadable = 0 if engine["switch"] else engine["unreadable"]  # by another engine than this
    waits = "waits" if photos == 1 else "wait"
    reasons = [
        some("{:,} cannot be reached or not read yet", photos - unreadable),
        some("{:,} could not be read (try again: facewatchctl retry)", unreadable),
    ]
    why = ", ".join(reason for reason in reasons if reason)
    return f"{count(photos, 'photo')} {waits} for the engine {engine['name']}: {why}"
