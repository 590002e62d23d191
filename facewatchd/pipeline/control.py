"""What the API asks of the daemon: questions to the store, and wishes to the pipeline."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from facewatchd import __version__
from facewatchd.errors import NotFoundError
from facewatchd.pipeline.publishing import folder_name
from facewatchd.store import reading

if TYPE_CHECKING:
    from facewatchd.config import Settings
    from facewatchd.pipeline.loop import Pipeline

_LAST_ERRORS = 5


class Control:
    """Thread-safe: reads through connections of its own, writes only by asking the pipeline."""

    def __init__(self, settings: Settings, pipeline: Pipeline) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._started = time.time()

    def status(self) -> dict[str, Any]:
        """Return how the daemon is doing."""
        live = self._pipeline.live
        with reading(self._settings.database) as store:
            counts = store.counts()
            states = store.files_by_state()
            pending = states.get("pending", 0)
            return {
                "version": __version__,
                "api": 1,
                "state": live.state,
                "pid": os.getpid(),
                "started": self._started,
                "time": time.time(),
                "roots": [
                    {
                        "path": os.fsdecode(path),
                        "state": state,
                        "reason": reason,
                        **dict(zip(("files", "backlog"), store.files_below(path), strict=True)),
                    }
                    for path, state, reason in live.roots
                ],
                "files": {
                    name: states.get(name, 0)
                    for name in ("pending", "done", "failed", "unsupported")
                },
                **counts,
                "recluster": {
                    "running": live.clustering,
                    "runs": live.clusterings,
                    "error": live.clustering_error,
                    "last": live.clustered_at,
                    "last_seconds": live.clustered_seconds,
                    "next": live.next_clustering,
                    "new_faces": live.new_faces,
                },
                "rate": live.rate,
                "seconds_left": pending / live.rate if live.rate and pending else None,
                "workers": live.workers,
                "output": {
                    "path": str(self._settings.output),
                    "links": store.links(),
                    "conflicts": [os.fsdecode(path) for path in live.conflicts],
                    "error": live.output_error,
                },
                "errors": [_error(row) for row in store.errors(_LAST_ERRORS)],
            }

    def people(self) -> list[dict[str, Any]]:
        """Return everyone."""
        with reading(self._settings.database) as store:
            return [_with_folder(row) for row in store.people()]

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        """Return doubtful faces with their candidates."""
        with reading(self._settings.database) as store:
            return [
                row
                | {
                    "photo": os.fsdecode(row["photo"]),
                    "candidates": [_with_folder(c) for c in row["candidates"]],
                }
                for row in store.doubtful(limit)
            ]

    def errors(self, limit: int) -> list[dict[str, Any]]:
        """Return the files that could not be read, with the reason."""
        with reading(self._settings.database) as store:
            return [_error(row) for row in store.errors(limit)]

    def find(self, path: bytes) -> dict[str, Any]:
        """Return who is in the photo at ``path``."""
        with reading(self._settings.database) as store:
            file = store.file(path)
            if file is None:
                raise NotFoundError(
                    f"{os.fsdecode(path)!r} is not known.",
                    "Is it in a watched root and not ignored? A new file takes some seconds.",
                )
            answer = {
                "path": os.fsdecode(path),
                "state": file["state"],
                "reason": file["reason"],
                "photo": None,
                "paths": [os.fsdecode(path)],
                "captured": None,
                "faces": [],
                "links": [],
            }
            if file["photo"] is not None:
                photo = store.photo(file["photo"])
                answer |= {
                    "photo": photo["hash"].hex(),
                    "paths": [os.fsdecode(p) for p in photo["paths"]],
                    "captured": photo["captured"],
                    "faces": [_face(row) for row in store.faces(file["photo"])],
                    "links": self._links_to(store.links_to, photo["paths"]),
                }
            return answer

    def retry(self) -> int:
        """Queue every failed file again, and return how many there are."""
        with reading(self._settings.database) as store:
            failed = store.files_by_state().get("failed", 0)
        self._pipeline.retry()
        return failed

    def scan(self) -> None:
        """List all roots anew."""
        self._pipeline.scan()

    def recluster(self) -> None:
        """Cluster all faces anew."""
        self._pipeline.recluster()

    def _links_to(self, links_to: Any, photos: list[bytes]) -> list[str]:
        output = os.fsencode(self._settings.output)
        folders = [os.path.join(output, b"person"), os.path.join(output, b"_doubtful", b"person")]
        targets = [os.path.relpath(photo, folder) for photo in photos for folder in folders]
        return [os.fsdecode(os.path.join(output, link)) for link in links_to(targets)]


def _with_folder(row: dict[str, Any]) -> dict[str, Any]:
    number = row.pop("number")
    return row | {"folder": None if number is None else os.fsdecode(folder_name(number))}


def _face(row: dict[str, Any]) -> dict[str, Any]:
    return _with_folder(row) | {"candidates": [_with_folder(c) for c in row["candidates"]]}


def _error(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"path": os.fsdecode(row["path"])}
