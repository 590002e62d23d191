"""``facewatchctl calibrate``: what other thresholds would do in this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.showing import json_option, show

if TYPE_CHECKING:
    from facewatchd.cli.place import Where


@click.command()
@json_option
@click.pass_obj
def calibrate(place: Where, *, as_json: bool) -> None:
    """Show what other similarity thresholds would do with your own people; changes nothing."""
    show(place.client().calibrate(), _words, as_json=as_json)


def _words(answer: dict[str, Any]) -> None:
    render.show_grid(render.calibration_grid(answer))
    render.show_fields(render.calibration_fields(answer))
