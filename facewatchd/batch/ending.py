"""How a command that takes its time ends, when it does not end by itself."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from facewatchd.batch.stopping import StoppedError
from facewatchd.errors import FacewatchError
from facewatchd.render import in_lines, printable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def told(stopped: str) -> Iterator[None]:
    """Say why the command ends, and end with that exit code; ``stopped`` is said after a signal."""
    try:
        yield
    except StoppedError as signalled:
        click.echo(f"facewatchctl: Stopped. {stopped}", err=True)
        sys.exit(128 + signalled.signal)
    except FacewatchError as error:
        click.echo(f"facewatchctl: {in_lines(error.title)}", err=True)
        click.echo(f"  {printable(error.remedy)}", err=True)
        sys.exit(error.exit_code)
