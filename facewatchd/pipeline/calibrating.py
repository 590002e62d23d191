"""What other thresholds would do, told from the faces that the user has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facewatchd.calibrate import LEAST_POSITIVES, Known, calibrate
from facewatchd.decisions.independent import independently_confirmed
from facewatchd.pipeline.hearing import faces_at
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.calibrate import Calibration
    from facewatchd.pipeline.hearing import Heard
    from facewatchd.wilson import Share


def calibrated(database: Path, hear: Callable[[], Heard], min_quality: float) -> dict[str, Any]:
    """Return the table of thresholds, in the asking thread, from a snapshot of the store.

    ``hear`` returns what was said until now; faces below ``min_quality`` are left out, as the
    threshold never gives them to anybody.
    """
    heard = hear()
    spots = independently_confirmed(heard.decisions)
    with reading(database) as store:
        there = faces_at(spots, heard.spots, store.decisions)
        independent = there.keys() & store.advice.confirmed()
        faces = [
            Known(
                each.face,
                each.photo,
                each.encoding,
                each.person,
                each.owner,
                independent=each.person is not None and each.face in independent,
            )
            for each in store.advice.known(min_quality)
        ]
        found = calibrate(faces, store.advice.looks(), heard.scale)
    positives = sum(face.independent for face in faces)
    return _told(found, heard.scale.similarity, positives)


def _told(found: Calibration, present: float, confirmed: int) -> dict[str, Any]:
    return {
        "threshold": present,
        "confirmed": confirmed,
        "needed": LEAST_POSITIVES,
        "rows": [
            {
                "similarity": row.similarity,
                "given": _share(row.given),
                "wrong": _share(row.wrong),
                "strangers": _share(row.strangers),
                "joined": _share(row.joined),
            }
            for row in found.rows
        ],
        "aside": [
            {"faces": [each.one, each.other], "similarity": each.similarity} for each in found.aside
        ],
        "proposal": found.proposal,
        "why": found.why,
    }


def _share(share: Share) -> dict[str, Any]:
    return {
        "hits": share.hits,
        "of": share.tries,
        "share": share.share,
        "low": share.low,
        "high": share.high,
    }
