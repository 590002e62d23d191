"""A daemon's side of the API that answers what a test wrote down."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facewatchd import __version__
from facewatchd.api import ApiServer
from facewatchd.errors import ApiError, NotFoundError
from facewatchd.events import EventId
from facewatchd.pipeline.bell import Bell

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from facewatchd.decisions import Decision
    from facewatchd.model import PictureForm
    from facewatchd.pipeline.advising import Advising
    from facewatchd.pipeline.forgetting import What
    from facewatchd.pipeline.saying import Saying
    from facewatchd.pipeline.telling import Telling

ROOT = b"/photos"
PHOTO = b"/photos/caf\xe9\n.jpg"
FACE = {
    "face": 7,
    "said": None,
    "box": [10, 20, 110, 120],
    "quality": 0.75,
    "person": "p1",
    "name": None,
    "hidden": False,
    "folder": "person_0001",
    "similarity": 0.71,
    "candidates": [],
}


class Scripted:
    """A Control; its attributes are the script."""

    def __init__(self) -> None:
        self.known = {PHOTO}
        self.asked: list[tuple[str, Any]] = []
        self.clustering_fails = False
        self.failed = 3
        self.clustered: float | None = None
        self.still_running = 0
        self.switch: dict[str, Any] | None = None
        self.waiting: dict[str, Any] | None = None
        self.applied = {"id": "0a1b2c3d", "moves": 14, "dropped": [3, 8], "again": False}
        self.estimates = 0
        self.still_paused: str | None = None
        self.figures = b"# HELP a It.\n# TYPE a gauge\na 1\n"
        self.happened: list[dict[str, Any]] = []
        self.bell = Bell()
        self.reported = [b'{"end": true}\n']

    def status(self) -> dict[str, Any]:
        running = self.still_running > 0
        self.still_running -= running
        ended = bool(self.asked_for("recluster")) and not running
        if ended and not self.clustering_fails:
            self.clustered = 1_700_000_100.0
        path = os.fsdecode(PHOTO)
        return {
            "version": __version__,
            "api": 1,
            "state": "clustering" if running else "idle",
            "pid": os.getpid(),
            "started": 1_700_000_000.0,
            "time": 1_700_000_200.0,
            "roots": [
                {
                    "path": "/photos",
                    "state": "watched",
                    "scanning": False,
                    "reason": None,
                    "file_system": "ext4",
                    "files": 9,
                    "backlog": 0,
                    "vanished": 0,
                    "unwatched": [],
                    "unwatched_count": 0,
                    "ignored": [{"rule": "*.tmp (built in)", "files": 3}],
                }
            ],
            "files": {"pending": 0, "done": 8, "failed": 1, "unsupported": 2},
            "failures": [{"reason": "The file is truncated", "files": 1}],
            "unsupported": [{"kind": ".cr2", "files": 2}],
            "settling": 0,
            "paused": None,
            "paused_until": None,
            "photos": 8,
            "missing": 0,
            "faces": 11,
            "people": 2,
            "folders": 1,
            "doubtful": 1,
            "recluster": {
                "running": running,
                "runs": int(ended),
                "error": "Re-clustering crashed." if self.clustering_fails else None,
                "last": self.clustered,
                "last_seconds": 2.5,
                "next": 1_700_086_500.0,
                "paused": None,
                "paused_until": None,
                "new_faces": 0,
                "plan": None,
            },
            "engine": {
                "name": "hog+dlib",
                "note": None,
                "waiting": 0,
                "unreadable": 0,
                "last": None,
                "switch": self.switch,
            },
            "rate": None,
            "seconds_left": None,
            "workers": 2,
            "output": {
                "path": "/people",
                "links": 8,
                "conflicts": [],
                "error": None,
                "style": {"way": "symlink", "reason": "its file system takes symbolic links"},
                "copying": None,
                "waiting": 0,
            },
            "first": None,
            "questions": {"faces": 1},
            "backup": {"last": None, "path": None, "error": None, "running": False},
            "journal": {"decisions": 0, "mended": [], "behind": []},
            "store": {"path": "/state/store.db", "error": None, "since": None},
            "lost": None,
            "lacking": 1,
            "errors": [{"path": path, "reason": "The file is cut short.", "tries": 2}],
        }

    def people(self) -> list[dict[str, Any]]:
        return [
            {
                "id": "p1",
                "name": None,
                "hidden": False,
                "folder": "person_0001",
                "faces": 8,
                "photos": 8,
                "first": 0.0,
                "last": 86_400.0,
            },
            {
                "id": "p2",
                "name": "Zoë",
                "hidden": True,
                "folder": None,
                "faces": 2,
                "photos": 2,
                "first": None,
                "last": None,
            },
        ]

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        self.asked.append(("doubtful", limit))
        candidate = {"person": "p1", "name": None, "folder": "person_0001", "similarity": 0.61}
        face = {
            "face": 1,
            "photo": os.fsdecode(PHOTO),
            "box": [1, 2, 3, 4],
            "quality": 0.5,
            "candidates": [candidate],
        }
        return [face][:limit]

    def errors(self, limit: int) -> list[dict[str, Any]]:
        self.asked.append(("errors", limit))
        return [{"path": os.fsdecode(PHOTO), "reason": "The file is cut short.", "tries": 2}]

    def find(self, path: bytes) -> dict[str, Any]:
        self.asked.append(("find", path))
        if path not in self.known:
            raise NotFoundError(f"{os.fsdecode(path)} is not known.", "Is it in a watched root?")
        return {
            "path": os.fsdecode(path),
            "state": "done",
            "reason": None,
            "kind": None,
            "tries": 1,
            "photo": "00ff",
            "paths": [os.fsdecode(path)],
            "captured": {"at": 1_463_221_800.0, "source": "exif"},
            "faces": [FACE],
            "links": ["/people/person_0001/caf.jpg"],
        }

    def events(self, after: str | None, limit: int) -> dict[str, Any]:
        """Answer with what was made to happen, ids being 1-0, 2-0 and so on."""
        self.asked.append(("events", after))
        first = len(self.happened) if after is None else EventId.parse(after).number
        events = self.happened[first : first + limit]
        return {
            "library": "l1",
            "events": events,
            "next": events[-1]["id"] if events else f"{first}-0",
            "missed": 0,
            "other": False,
        }

    def retry(self) -> int:
        return self.failed

    def scan(self, accept: bytes | None = None) -> None:
        self.asked.append(("scan", accept))
        if accept not in (None, ROOT):
            raise NotFoundError(f"{os.fsdecode(accept)} is no root.", "See: facewatchctl status")

    def why(self, path: bytes) -> dict[str, Any]:
        self.asked.append(("why", path))
        shown = os.fsdecode(path)
        if path not in self.known:
            chain = [f"{shown} is in none of the watched folders."]
            return {"path": shown, "verdict": "not in a root", "chain": chain}
        chain = ["It is in the root /photos.", "Its face is person_0001's."]
        return {"path": shown, "verdict": "linked", "chain": chain}

    def reload(self) -> list[str]:
        self.asked.append(("reload", None))
        return ["roots", "people.min_photos"]

    def recluster(self, *, dry: bool) -> None:
        self.asked.append(("recluster", dry or None))
        self.still_running = 2

    def pause(self, seconds: float | None) -> dict[str, Any]:
        self.asked.append(("pause all", seconds))
        until = None if seconds is None else 1_700_000_200.0 + seconds
        return {"paused": "by you (facewatchctl resume)", "paused_until": until}

    def resume(self) -> dict[str, Any]:
        self.asked.append(("resume all", None))
        return {"paused": self.still_paused, "paused_until": None}

    def metrics(self) -> bytes:
        return self.figures

    def plan(self) -> dict[str, Any]:
        if self.waiting is None:
            raise NotFoundError("No plan waits.", "See: facewatchctl recluster")
        return self.waiting

    def apply_plan(self, plan: str | None) -> dict[str, Any]:
        self.asked.append(("apply", plan))
        return self.applied

    def drop_plan(self, plan: str | None) -> None:
        self.asked.append(("drop", plan))

    def back_up(self, path: bytes, *, force: bool) -> None:
        self.asked.append(("backup", (path, force)))

    def estimate(self, engine: str) -> None:
        self.asked.append(("estimate", engine))
        if engine == "hog+dlib":
            raise ApiError("The library is encoded by hog+dlib already.", "See the status.")
        self.estimates = 0

    def estimated(self) -> dict[str, Any]:
        """Answer at the third question."""
        self.estimates += 1
        cost = {
            "photos": 10_000,
            "unreachable": 12,
            "measured": 6,
            "seconds_a_photo": 8.0,
            "workers": 2,
            "seconds": 40_000.0,
            "bytes": 22_000_000,
        }
        done = self.estimates >= 3
        return {"engine": "mtcnn+dlib", "estimate": cost if done else None}

    def switch_engine(self, engine: str) -> None:
        self.asked.append(("switch", engine))

    def pause_switch(self) -> None:
        self.asked.append(("pause", None))

    def resume_switch(self, without: Collection[str] = ()) -> None:
        self.asked.append(("resume", ",".join(without) or None))

    def abort_switch(self) -> None:
        self.asked.append(("abort", None))

    def say(self, wish: Callable[[Saying], Decision]) -> dict[str, Any]:
        """Refuse: a script has no people; ``living`` has."""
        raise NotFoundError(f"There is nobody whom {wish} could mean.", "See: the script")

    def forgettable(self, what: What) -> dict[str, Any]:
        self.asked.append(("forgettable", what))
        if what.face not in {None, FACE["face"]} or what.photo not in {None, *self.known}:
            raise NotFoundError("There is no such thing.", "See: the script")
        if what.person not in {None, "p1", "7"}:
            raise NotFoundError(f"There is nobody called {what.person!r}.", "See: the script")
        names = ["Zoë"] if what.person else []
        return {
            "person": "p1" if what.person else None,
            "faces": 8,
            "photos": 7,
            "people": 2 if what.person else 0,
            "names": names,
            "decisions": 3,
        }

    def forget(self, what: What) -> dict[str, Any]:
        told = self.forgettable(what)
        self.asked.append(("forget", what))
        return told | {"number": 9}

    def traces(self) -> dict[str, Any]:
        return {"done": True, "waits": None, "left": ["/mnt/stick is away."]}

    def calibrated(self) -> dict[str, Any]:
        raise NotFoundError("There is nobody to calibrate by.", "See: the script")

    def report(self, people: Collection[str]) -> Iterator[bytes]:
        if set(people) - {"Anna"}:
            raise NotFoundError(f"There is nobody called {people}.", "See: the script")
        return iter(self.reported)

    def picture(self, face: int, side: int, form: PictureForm) -> bytes:
        raise NotFoundError(f"There is no face {face} in {side} as {form}.", "See: the script")

    @property
    def advising(self) -> Advising:
        raise NotFoundError("There is nobody to ask about.", "See: the script")

    @property
    def telling(self) -> Telling:
        raise NotFoundError("There is nobody to tell of.", "See: the script")

    def asked_for(self, what: str) -> list[Any]:
        return [parameter for name, parameter in self.asked if name == what]


class Waiting(Scripted):
    """Answers the status only when as many ask for it as ``together`` waits for."""

    def __init__(self, together: threading.Barrier) -> None:
        super().__init__()
        self.together = together

    def status(self) -> dict[str, Any]:
        self.together.wait(30)
        return super().status()


@contextmanager
def served(control: Scripted, socket: Path) -> Iterator[ApiServer]:
    """Serve ``control`` at ``socket``."""
    server = ApiServer(control, socket)
    server.start()
    try:
        yield server
    finally:
        server.stop()
