"""Commands by which the daemon does something again."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.cli.names import by_any_name
from facewatchd.cli.plan import put_plan
from facewatchd.cli.showing import json_option, show
from facewatchd.errors import ApiError

if TYPE_CHECKING:
    from facewatchd.cli.place import Where
    from facewatchd.client import Client

_POLL_EVERY = 0.2


@click.command()
@click.pass_obj
def retry(place: Where) -> None:
    """Try again all that could not be read, also when an engine was switched to."""
    client = place.client()
    queued = client.retry()
    click.echo(f"{render.count(queued, 'failed photo')} will be tried again.")


@click.command()
@click.option(
    "--accept-deletions",
    "accept",
    metavar="ROOT",
    type=click.Path(path_type=bytes),
    help="Also take what vanished from ROOT for deleted.",
)
@click.pass_obj
def scan(place: Where, *, accept: bytes | None) -> None:
    """Walk over all watched folders now."""
    client = place.client()
    if accept is None:
        client.scan()
        click.echo("All watched folders are walked over; see: facewatchctl status")
    else:
        by_any_name(accept, client.scan)
        shown = render.printable(os.fsdecode(accept))
        click.echo(f"What is missing in {shown} is taken for deleted; see: facewatchctl status")


@click.command()
@click.option("--wait", is_flag=True, help="Return when it is done, and say what came out.")
@click.option("--dry-run", is_flag=True, help="Change nothing: show what would change, as a plan.")
@json_option
@click.pass_obj
def recluster(place: Where, *, wait: bool, dry_run: bool, as_json: bool) -> None:
    """Cluster all faces anew now."""
    if as_json and not dry_run:
        raise click.UsageError("--json goes with --dry-run.")
    client = place.client()
    before = client.status()["recluster"]["runs"]
    client.recluster(dry_run=dry_run)
    if dry_run:
        _wait_for_clustering(client, before)
        show(client.plan(), put_plan, as_json=as_json)
        return
    if not wait:
        click.echo("All faces are clustered anew; see: facewatchctl status")
        return
    after = _wait_for_clustering(client, before)
    click.echo(
        f"Clustered {render.count(after['faces'], 'face')} in "
        f"{render.duration(after['recluster']['last_seconds'] or 0)}: "
        f"{render.count(after['people'], 'person', 'people')}, {after['doubtful']:,} doubtful."
    )
    if (waiting := after["recluster"]["plan"]) is not None:
        click.echo(f"The plan {render.waits_words(waiting)}.")
        click.echo("  See it with: facewatchctl plan show")


def _wait_for_clustering(client: Client, before: int) -> dict[str, Any]:
    """Return the status once more than ``before`` re-clusterings have ended and none is left."""
    while True:
        now = client.status()
        clustering = now["recluster"]
        if clustering["runs"] > before and not clustering["running"]:
            break
        time.sleep(_POLL_EVERY)
    if clustering["error"]:
        raise ApiError(clustering["error"], "The daemon's log may say more.")
    return now
