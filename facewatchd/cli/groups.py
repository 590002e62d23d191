"""Groups of commands that are more than their list of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from facewatchd import render
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Telling(click.Group):
    """The one place where an error becomes words and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; on an error say what failed and what to do, and exit with its code."""
        try:
            return super().invoke(ctx)
        except FacewatchError as error:
            click.echo(f"facewatchctl: {render.printable(error.title)}", err=True)
            click.echo(f"  {render.printable(error.remedy)}", err=True)
            ctx.exit(error.exit_code)


class Listing(click.Group):
    """A group that means its command ``list`` when none is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> Sequence[str]:  # type: ignore[override]  # narrower than needed in some versions of click
        """Put ``list`` before options, unless help is asked for or a shell wants to complete."""
        named = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        if not named and not ctx.resilient_parsing:
            args = ["list", *args]
        return super().parse_args(ctx, args)
