"""``facewatchctl cluster``: groups a folder of photos by face, without the daemon."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import click

from facewatchd.cli.become import become

_PRESET = "facewatchd"


def _list_presets(ctx: click.Context, _parameter: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        become("presets")


@click.command()
@click.argument("photos", type=click.Path(path_type=bytes, exists=True, file_okay=False))
@click.argument("output", type=click.Path(path_type=bytes, file_okay=False))
@click.option(
    "--preset",
    metavar="NAME|FILE.yaml",
    default=_PRESET,
    show_default=True,
    help="What finds, encodes and groups faces, and what is written.",
)
@click.option(
    "--list-presets",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_presets,
    help="List the presets that come with the program.",
)
@click.option("--copy", is_flag=True, help="Copy photos; without it they are linked to.")
@click.option("--crops/--no-crops", default=None, help="Write, or do not, each face as a picture.")
@click.option("--jobs", type=click.IntRange(1, 256), help="How many photos are read at a time.")
@click.option("--detector", help="What finds faces, instead of the preset's.")
@click.option("--encoder", help="What encodes faces, instead of the preset's.")
@click.option("--clusters", type=click.IntRange(1), help="How many groups, for K-Means.")
@click.option(
    "--distance",
    type=click.FloatRange(0, 2, min_open=True, max_open=True),
    help="How far (L2) neighbours are apart at most.",
)
@click.option("--min-samples", type=click.IntRange(1), help="Of DBSCAN and HDBSCAN.")
@click.option("--seed", type=click.IntRange(0), help="Of K-Means and Chinese Whispers.")
@click.option("--models", type=click.Path(), help="The folder of models that you fetched.")
@click.option("--pack", help="The pack in it, where there are several.")
@click.option("--fresh", is_flag=True, help="Forget what this engine has encoded for OUTPUT.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def cluster(photos: bytes, output: bytes, **options: Any) -> None:
    """Group the photos below the folder PHOTOS by face, into the folder OUTPUT.

    OUTPUT is new, empty, or was made by this command, which replaces there what it wrote.
    """
    # Until the child can end cleanly: it inherits this, and lets the signal come when it is ready.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    folders = {"photos": os.fsdecode(photos), "output": os.fsdecode(output)}
    become("cluster", "--", json.dumps(folders | options))
