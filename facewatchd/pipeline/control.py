"""What the API asks of the daemon: questions to the store, and wishes to the pipeline."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facewatchd.errors import ApiError, NotFoundError
from facewatchd.model import EngineId
from facewatchd.pipeline.advising import Advising
from facewatchd.pipeline.calibrating import calibrated
from facewatchd.pipeline.cutting import Cutting
from facewatchd.pipeline.engine import worker_settings
from facewatchd.pipeline.events import told
from facewatchd.pipeline.exposition import exposition
from facewatchd.pipeline.hearing import heard
from facewatchd.pipeline.metrics import families
from facewatchd.pipeline.reloading import Reloads
from facewatchd.pipeline.reporting import lines
from facewatchd.pipeline.status import errors, status
from facewatchd.pipeline.styling import targets_of
from facewatchd.pipeline.telling import Telling
from facewatchd.pipeline.trial import cost
from facewatchd.pipeline.why import why
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from facewatchd.config import Settings
    from facewatchd.decisions import Decision
    from facewatchd.model import PictureForm
    from facewatchd.pipeline.bell import Bell
    from facewatchd.pipeline.forgetting import What
    from facewatchd.pipeline.hearing import Heard
    from facewatchd.pipeline.loop import Pipeline
    from facewatchd.pipeline.pausing import Pause
    from facewatchd.pipeline.saying import Saying


class Control:
    """Thread-safe: reads through connections of its own, writes only by asking the pipeline."""

    def __init__(
        self, settings: Settings, pipeline: Pipeline, reloads: Reloads | None = None
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._reloads = reloads or Reloads()
        self._started = time.time()
        self.telling = Telling(settings.database, pipeline)
        self.advising = Advising(settings.database, self._hear)
        worker = worker_settings(settings, EngineId("", "", ""))  # it loads none
        self._cutting = Cutting(settings.database, worker, lambda: pipeline.live.unreachable)

    def status(self) -> dict[str, Any]:
        """Return how the daemon is doing."""
        return status(self._settings, self._pipeline.live, self.advising, self._started)

    def people(self) -> list[dict[str, Any]]:
        """Return everyone."""
        with reading(self._settings.database) as store:
            folders = store.folders()
            return [_with_folder(row, folders, "id") for row in store.people()]

    def doubtful(self, limit: int) -> list[dict[str, Any]]:
        """Return doubtful faces with their candidates."""
        with reading(self._settings.database) as store:
            folders = store.folders()
            return [
                row
                | {
                    "photo": os.fsdecode(row["photo"]),
                    "candidates": [_with_folder(c, folders) for c in row["candidates"]],
                }
                for row in store.doubtful(limit)
            ]

    def errors(self, limit: int) -> list[dict[str, Any]]:
        """Return the files that could not be read and photos in which faces lack, and why."""
        with reading(self._settings.database) as store:
            return errors(store, self._pipeline.live.lacks, limit)

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
                "kind": file["kind"],
                "tries": file["tries"],
                "photo": None,
                "paths": [os.fsdecode(path)],
                "captured": None,
                "faces": [],
                "links": [],
            }
            if file["photo"] is not None:
                photo = store.photo(file["photo"])
                folders = store.folders()
                answer |= {
                    "photo": photo["hash"].hex(),
                    "paths": [os.fsdecode(p) for p in photo["paths"]],
                    "captured": photo["captured"],
                    "faces": [_face(row, folders) for row in store.faces(path)],
                    "links": self._links_to(store.links_to, photo["paths"]),
                }
            return answer

    def events(self, after: str | None, limit: int) -> dict[str, Any]:
        """Return what has happened since the event with the id ``after``."""
        with reading(self._settings.database) as store:
            return told(store, after, limit, names=self._settings.log.names)

    @property
    def bell(self) -> Bell:
        """What is rung when something has happened."""
        return self._pipeline.noticing.bell

    def retry(self) -> int:
        """Queue again what could not be read, by any engine; return how many there are."""
        with reading(self._settings.database) as store:
            failed = store.files_by_state().get("failed", 0) + store.engines.given_up()
        self._pipeline.retry()
        return failed

    def why(self, path: bytes) -> dict[str, Any]:
        """Return why the file at ``path`` is, or is not, in somebody's folder."""
        try:
            found = self.find(path)
        except NotFoundError:
            found = None
        return why(path, found, self._pipeline, self._settings.engine.min_quality)

    def scan(self, accept: bytes | None) -> None:
        """List all roots anew; or that one, taking what is missing below it for deleted."""
        if accept is None:
            self._pipeline.scan()
        else:
            self._pipeline.accept(accept)

    def reload(self) -> list[str]:
        """Have the configuration read again, and return what has changed."""
        return self._reloads.ask(self._pipeline.wake)

    def recluster(self, *, dry: bool) -> None:
        """Cluster all faces anew; with ``dry`` for a plan that waits."""
        self._pipeline.recluster(dry=dry)

    def pause(self, seconds: float | None) -> dict[str, Any]:
        """Begin no work for so long, or until `resume`; return why it pauses, and until when."""
        return _paused(self._pipeline.pause(seconds))

    def resume(self) -> dict[str, Any]:
        """Take that back; return why work pauses all the same, if it does."""
        return _paused(self._pipeline.resume())

    def metrics(self) -> bytes:
        """Return figures in Prometheus's text format."""
        return exposition(families(self._settings, self._pipeline.live, self._started))

    def plan(self) -> dict[str, Any]:
        """Return the plan that waits."""
        return self._pipeline.ask(self._pipeline.proposed)

    def apply_plan(self, plan: str | None) -> dict[str, Any]:
        """Do what the plan that waits says."""
        return self._pipeline.ask(lambda: self._pipeline.grouping.apply(plan))._asdict()

    def drop_plan(self, plan: str | None) -> None:
        """Forget the plan that waits."""
        self._pipeline.ask(lambda: self._pipeline.replanning.drop(plan))

    def back_up(self, path: bytes, *, force: bool) -> None:
        """Begin to copy the store to ``path``."""
        if not os.path.isabs(path):
            raise ApiError(
                f"{os.fsdecode(path)!r} is no absolute path.", "Name where the backup is to be."
            )
        self._pipeline.back_up(Path(os.fsdecode(path)), force=force)

    def say(self, wish: Callable[[Saying], Decision]) -> dict[str, Any]:
        """Take a decision and return it."""
        saying = self._pipeline.saying
        return self._pipeline.ask(lambda: self.telling.decided(wish(saying)))

    def forgettable(self, what: What) -> dict[str, Any]:
        """Return how much would be forgotten."""
        return self._pipeline.ask(lambda: self._pipeline.forgetting.preview(what))

    def forget(self, what: What) -> dict[str, Any]:
        """Forget it for good, and return how much that was."""
        return self._pipeline.ask(lambda: self._pipeline.forgetting.forget(what))

    def traces(self) -> dict[str, Any]:
        """Return how far the removal of traces is."""
        look = self._pipeline.ask(lambda: self._pipeline.traces.look)
        return {"done": look.done, "waits": look.waits, "left": list(look.left)}

    def calibrated(self) -> dict[str, Any]:
        """Return what other thresholds would do."""
        settings = self._settings
        return calibrated(settings.database, self._hear, settings.engine.min_quality)

    def report(self, people: Collection[str]) -> Iterator[bytes]:
        """Return all faces, or those of ``people``, as lines of JSON."""
        pipeline, saying = self._pipeline, self._pipeline.saying
        scale, these = pipeline.ask(
            lambda: (pipeline.scale, {saying.person(text) for text in people})
        )
        return lines(self._settings.database, scale, these or None)

    def picture(self, face: int, side: int, form: PictureForm) -> bytes:
        """Return a face cut out of its photo."""
        return self._cutting.picture(face, side, form)

    def estimate(self, engine: str) -> None:
        """Begin to measure what ``engine`` would take."""
        self._pipeline.ask(lambda: self._pipeline.switching.estimate(engine))

    def estimated(self) -> dict[str, Any]:
        """Return what the last estimate came to, once it is made."""
        trial, live = self._pipeline.switching.trial, self._pipeline.live
        if trial is None:
            raise NotFoundError(
                "No engine was tried since the last switch, or since the daemon started.",
                "First: facewatchctl engine switch DETECTOR+ENCODER --estimate",
            )
        if trial.error is not None:
            raise ApiError(trial.error.title, trial.error.remedy) from trial.error
        if trial.measured is None:
            return {"engine": trial.to.name, "estimate": None}
        with reading(self._settings.database) as store:
            photos = store.readable(live.unreachable, again=False)
            counts = store.counts()
        return {
            "engine": trial.to.name,
            "estimate": cost(
                trial,
                self._settings.setup,
                photos=photos,
                unreachable=counts["photos"] - photos,
                faces=counts["faces"],
                workers=self._settings.workers,
            ),
        }

    def switch_engine(self, engine: str) -> None:
        """Begin to switch to ``engine``."""
        self._pipeline.ask(lambda: self._pipeline.switching.begin(engine))

    def pause_switch(self) -> None:
        """Read no known photo again for the time being."""
        self._pipeline.ask(self._pipeline.switching.pause)

    def resume_switch(self, without: Collection[str] = ()) -> None:
        """Go on with a switch that was paused, maybe without some photos."""
        self._pipeline.ask(lambda: self._pipeline.switching.resume(without))

    def abort_switch(self) -> None:
        """Drop the switch that is under way."""
        self._pipeline.ask(self._pipeline.switching.abort)

    def _hear(self) -> Heard:
        pipeline = self._pipeline
        return pipeline.ask(lambda: heard(pipeline.deciding, pipeline.changes[1], pipeline.scale))

    def _links_to(self, links_to: Any, photos: list[bytes]) -> list[str]:
        output = os.fsencode(self._settings.output.path)
        targets = targets_of(self._settings.output, photos)
        return [os.fsdecode(os.path.join(output, link)) for link in links_to([*targets, *photos])]


def _paused(pause: Pause | None) -> dict[str, Any]:
    words, until = (None, None) if pause is None else (pause.words, pause.until)
    return {"paused": words, "paused_until": until}


def _with_folder(
    row: dict[str, Any], folders: Mapping[str, bytes], key: str = "person"
) -> dict[str, Any]:
    folder = folders.get(row[key])
    return row | {"folder": None if folder is None else os.fsdecode(folder)}


def _face(row: dict[str, Any], folders: Mapping[str, bytes]) -> dict[str, Any]:
    candidates = [_with_folder(each, folders) for each in row["candidates"]]
    return _with_folder(row, folders) | {"candidates": candidates}
