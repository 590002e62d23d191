"""Compares the output tree with what was made there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import Copy, Folder
from facewatchd.organise.manifest import Conflict
from facewatchd.organise.manner import PLAIN, Manner
from facewatchd.organise.names import temporary
from facewatchd.organise.refusals import output_errors
from facewatchd.organise.tree import State, open_output

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.model import Entry
    from facewatchd.organise.manifest import Manifest
    from facewatchd.organise.photos import Photos
    from facewatchd.organise.tree import Tree


def reconcile(
    output: bytes,
    manifest: Manifest,
    photos: Photos,
    manner: Manner = PLAIN,
    breathe: Callable[[], None] = lambda: None,
) -> list[Conflict]:
    """Put the manifest right after a kill, or after somebody worked in the output tree.

    What is gone is forgotten, so that the next plan makes it anew.  What was changed is forgotten
    too, is left alone from then on, and is returned.  What is ours gets the group and mode of
    ``manner``.  Before each of them ``breathe`` is called.  Raises OutputError.
    """
    entries = manifest.entries()
    conflicts = []
    with output_errors(output), open_output(output, photos, manner) as tree:
        tree.set_right(b"", Folder())
        for path, entry in sorted(entries.items()):
            breathe()
            state = tree.state(path, entry, at_a_glance=True)
            landed = entries.get(temporary(path)) if state is State.FOREIGN else None
            if landed is not None and tree.state(path, landed) is State.OURS:
                manifest.record(path, landed)  # killed between the rename and its record
            elif state is State.FOREIGN:
                conflicts.append(Conflict(path, tree.describe(path)))
                manifest.forget(path)
            elif state is State.MISSING:
                manifest.forget(path)
            else:
                _keep(tree, manifest, path, entry)
    manifest.commit()
    return conflicts


def _keep(tree: Tree, manifest: Manifest, path: bytes, entry: Entry) -> None:
    """Give what is ours its rights; a copy that was known by its bytes is known by its stamp."""
    tree.set_right(path, entry)
    known = tree.stamped(path, entry)
    if isinstance(entry, Copy) and isinstance(known, Copy) and known.stamp != entry.stamp:
        manifest.record(path, known)
