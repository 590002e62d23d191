"""Findings, shown as they come, and the exit code that sums them up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from facewatchd.errors import Exit
from facewatchd.render import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from facewatchd.doctor.finding import Finding


def tell(findings: Iterable[Finding], *, as_json: bool) -> Exit:
    """Print each finding, or all as JSON; FAILED when something is wrong."""
    told = []
    for finding in findings:
        told.append(finding)
        if not as_json:
            _tell(finding)
    wrong = sum(finding.mend is not None for finding in told)
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in told], indent=2))
    else:
        click.echo(
            f"{wrong} of {len(told)} checks found something wrong." if wrong else "All is well."
        )
    return Exit.FAILED if wrong else Exit.OK


def _tell(finding: Finding) -> None:
    mark = (
        click.style("ok   ", fg="green") if finding.mend is None else click.style("WRONG", fg="red")
    )
    click.echo(f"{mark}  {printable(finding.about)}: {printable(finding.words)}")
    if finding.mend is not None:
        click.echo(f"       {printable(finding.mend)}")
