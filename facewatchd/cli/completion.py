"""``facewatchctl completion``: what a shell needs to complete commands and names."""

from __future__ import annotations

import os
import re

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    get_completion_class,
)

_PROGRAM = "facewatchctl"
_SPECIAL = re.compile(r"[^\w@%+=:,./\u0080-\U0010ffff-]", re.ASCII)


class _Bash(BashComplete):
    """Click's, for names with spaces: bash inserts what it is given as it is."""

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Escape ``item`` for the shell, and that for ``read``, which click's script uses."""
        typed = os.environ["COMP_WORDS"].split("\n")[int(os.environ["COMP_CWORD"])]
        if typed[:1] in {"'", '"'}:  # it is quoted already
            return super().format_completion(item)
        escaped = _SPECIAL.sub(r"\\\g<0>", item.value).replace("\\", "\\\\")
        return f"{item.type},{escaped}"


add_completion_class(_Bash, "bash")


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which SHELL completes commands, options and names of people."""
    kind = get_completion_class(shell)
    root = ctx.find_root()
    if kind is None or not isinstance(root.command, click.Command):
        raise click.UsageError(f"{shell} is not known.")
    variable = f"_{_PROGRAM.upper()}_COMPLETE"
    click.echo(kind(root.command, {}, _PROGRAM, variable).source(), nl=False)
