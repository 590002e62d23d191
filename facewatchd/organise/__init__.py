"""The output tree: ``plan`` says what is to be done, ``apply`` does it, ``reconcile`` looks.

The way to use them::

    conflicts = reconcile(output, manifest, photos)   # at start, and once in a while
    operations = plan(folders, output, manifest.entries())
    conflicts += apply(operations, output, manifest, photos)
"""

from facewatchd.organise.apply import apply
from facewatchd.organise.manifest import Conflict, Manifest
from facewatchd.organise.photos import Direct, Photos
from facewatchd.organise.plan import (
    COVER,
    Cover,
    Operation,
    Photo,
    PutCopy,
    WantedFolder,
    plan,
)
from facewatchd.organise.reconcile import reconcile
from facewatchd.organise.record import Record

__all__ = [
    "COVER",
    "Conflict",
    "Cover",
    "Direct",
    "Manifest",
    "Operation",
    "Photo",
    "Photos",
    "PutCopy",
    "Record",
    "WantedFolder",
    "apply",
    "plan",
    "reconcile",
]
