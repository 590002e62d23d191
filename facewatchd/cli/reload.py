"""``facewatchctl reload``: the daemon reads its configuration again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from facewatchd.cli.place import Where

_LONGEST = 15 * 60.0  # seconds; a large tree on a slow disk is looked through as at a start


@click.command()
@click.pass_obj
def reload(place: Where) -> None:
    """Have the daemon read its configuration again; return when it goes by it."""
    client = place.client(_LONGEST)
    changed = client.reload()
    if changed:
        click.echo(f"The daemon goes by the new configuration: {', '.join(changed)} changed.")
    else:
        click.echo("Nothing has changed in the configuration; the roots are walked over.")
