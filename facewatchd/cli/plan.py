"""``facewatchctl plan``: what a re-clustering would change, and whether it shall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.showing import json_option, show

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_id = click.argument("plan", metavar="[PLAN]", required=False)


@click.group("plan")
def plan() -> None:
    """See what a re-clustering would change, and have it done or not."""


@plan.command("show")
@json_option
@click.pass_obj
def show_plan(place: Where, *, as_json: bool) -> None:
    """Show the plan that waits."""
    show(place.client().plan(), put_plan, as_json=as_json)


@plan.command("apply")
@_id
@json_option
@click.pass_obj
def apply_plan(place: Where, *, plan: str | None, as_json: bool) -> None:
    """Do what the plan that waits says, or PLAN if that is still the one."""
    show(place.client().apply_plan(plan), _put_applied, as_json=as_json)


@plan.command("drop")
@_id
@json_option
@click.pass_obj
def drop_plan(place: Where, *, plan: str | None, as_json: bool) -> None:
    """Forget the plan that waits, or PLAN if that is still the one."""
    answer = place.client().drop_plan(plan)
    show(answer, lambda _: click.echo("No plan waits any more."), as_json=as_json)


def put_plan(answer: dict[str, Any]) -> None:
    """Print a plan, and how it is applied."""
    render.show_fields(render.plan_fields(answer))
    click.echo(f"  Have it done with: facewatchctl plan apply {answer['id']}")


def _put_applied(applied: dict[str, Any]) -> None:
    faces = ", ".join(map(str, applied["dropped"]))
    if applied["again"]:
        click.echo("Too much has changed since the plan was made; faces are clustered again.")
        click.echo(f"  Nothing was moved; changed since: {faces}")
        return
    click.echo(f"{render.count(applied['moves'], 'face')} moved.")
    if applied["dropped"]:
        click.echo(f"  Left alone, as changed since the plan was made: {faces}")
