"""Cuts one face out of its photo, for somebody who waits for it."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING

from facewatchd.child import Child
from facewatchd.errors import ApiError, NotFoundError
from facewatchd.model import CropFace, Cropped, Lost, PhotoFailed
from facewatchd.scan import is_within
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from facewatchd.model import PictureForm, WorkerSettings
    from facewatchd.store.faces import Place

_STARTS_WITHIN = 20.0  # seconds
_TAKES_AT_MOST = 20.0
_ENDS_WITHIN = 5.0


class Cutting:
    """Thread-safe; one face at a time, each in a process that lives no longer than that.

    The workers of the pool are not asked: while a backlog runs they are busy, and at rest there
    are none, and a new one would load its engine first.  ``worker`` tells the limits, and
    ``unreachable`` the places whose photos cannot be read now.
    """

    def __init__(
        self,
        database: Path,
        worker: WorkerSettings,
        unreachable: Callable[[], Collection[bytes]],
    ) -> None:
        self._database = database
        self._worker = worker
        self._unreachable = unreachable
        self._one_at_a_time = Lock()

    def picture(self, face: int, side: int, form: PictureForm) -> bytes:
        """Return a face with some margin, at most ``side`` pixels square.

        NotFoundError for a face that is gone, ApiError when its photo cannot be read now.
        """
        with reading(self._database) as store:
            place = store.advice.place(face)
        if place is None:
            raise NotFoundError(
                f"There is no face {face} (any more).",
                "See the faces of a photo with: facewatchctl find PHOTO",
            )
        path = os.fsdecode(place.stat.path)
        if not place.is_read or is_within(place.stat.path, self._unreachable()):
            raise ApiError(
                f"{path!r} cannot be read now.",
                f"See why with: facewatchctl why {path!r}",
            )
        task = CropFace(place.stat, place.hash, place.box, side, form)
        with self._one_at_a_time:
            return self._cut(task, place)

    def _cut(self, task: CropFace, place: Place) -> bytes:
        child = Child("facewatchd.worker", "crops")
        try:
            child.send(self._worker)
            answer = None
            if child.connection.poll(_STARTS_WITHIN):
                child.connection.recv()  # that it is ready
                child.send(task)
                if child.connection.poll(_TAKES_AT_MOST):
                    answer = child.connection.recv()
        except (EOFError, OSError):
            answer = Lost(f"The process that read it {child.end_in_words()}.")
        finally:
            child.close(_ENDS_WITHIN)
        path = os.fsdecode(place.stat.path)
        match answer:
            case Cropped(picture):
                return picture
            case PhotoFailed(reason, remedy):
                raise ApiError(f"{path!r}: {reason}", remedy)
            case Lost(reason):
                raise ApiError(f"{path!r} cannot be shown: {reason}", "The daemon's log says more.")
            case None:
                raise ApiError(
                    f"Reading {path!r} took longer than {_TAKES_AT_MOST:.0f} seconds.",
                    "Is the disk that it is on awake? Try again.",
                )
            case _:
                raise ApiError(
                    f"{path!r} is another picture by now.", "It is read anew in a moment."
                )
