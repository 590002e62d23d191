"""``facewatchctl engine``: which engine the library is encoded by, and going over to another."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_POLL_EVERY = 0.2


@click.group()
def engine() -> None:
    """Show the engine of the library, or go over to another one."""


@engine.command()
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as JSON.")
@click.pass_obj
def status(place: Where, *, as_json: bool) -> None:
    """Show the engine, and how far a switch is."""
    answer = place.client().status()["engine"]
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        render.show_fields(render.engine_fields(answer))


@engine.command()
@click.argument("name", metavar="DETECTOR+ENCODER")
@click.option("--estimate", is_flag=True, help="Only say what it would take.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def switch(place: Where, *, name: str, estimate: bool, yes: bool) -> None:
    """Read all photos again by another engine, and go over to it when that is done.

    One name alone means that detector with the present encoder, or the other way round.  It is
    tried on some photos first, to say what it takes.
    """
    client = place.client()
    client.estimate(name)
    answer = _wait_for_estimate(client)
    render.show_fields(render.estimate_fields(answer["engine"], answer["estimate"]))
    if estimate:
        return
    if not yes:
        click.confirm("People and folders stay as they are meanwhile. Begin?", abort=True)
    client.switch_engine(answer["engine"])
    click.echo("It has begun; see: facewatchctl engine status")


@engine.command()
@click.pass_obj
def pause(place: Where) -> None:
    """Read no photo again for the time being; new ones are read by both engines."""
    place.client().pause_switch()
    click.echo("Paused; go on with: facewatchctl engine resume")


@engine.command()
@click.option("--without-failed", is_flag=True, help="Do it without photos that cannot be read.")
@click.option("--without-the-rest", is_flag=True, help="Do not wait for photos that are away.")
@click.pass_obj
def resume(place: Where, *, without_failed: bool, without_the_rest: bool) -> None:
    """Go on with a switch that was paused or that an error has halted.

    What could not be read is tried again, unless it is to be done without that.
    """
    given = {"failed": without_failed, "rest": without_the_rest}
    place.client().resume_switch([name for name, wanted in given.items() if wanted])
    click.echo("It goes on; see: facewatchctl engine status")


@engine.command()
@click.pass_obj
def abort(place: Where) -> None:
    """Stay with the present engine, and delete what the other one has found."""
    place.client().abort_switch()
    click.echo("The library stays as it is.")


def _wait_for_estimate(client: Client) -> dict[str, Any]:
    while (answer := client.estimated())["estimate"] is None:
        time.sleep(_POLL_EVERY)
    return answer
