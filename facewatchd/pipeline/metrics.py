"""What the daemon tells Prometheus; docs/metrics.md has every metric.

Labels hold words of the program and numbers of roots, and the paths of roots only where
``log.names`` allows it: nothing here names a person or a photo.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from facewatchd import __version__
from facewatchd.model import FileState
from facewatchd.pipeline.exposition import Family, Sample
from facewatchd.pipeline.live import STATES
from facewatchd.pipeline.pausing import REASONS
from facewatchd.pipeline.root import ROOT_STATES
from facewatchd.pipeline.tally import BOUNDS, RESULTS
from facewatchd.store import reading
from facewatchd.store.backup import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from facewatchd.config import Settings
    from facewatchd.pipeline.live import Live
    from facewatchd.store.views import Views


def families(settings: Settings, live: Live, started: float) -> list[Family]:
    """Return all metrics of a daemon that has run since ``started``, in seconds since 1970."""
    with reading(settings.database) as store:
        return [
            *_of_daemon(settings, live, store, started),
            *_of_library(live, store),
            *_of_roots(settings, live, store),
            *_of_reading(live),
            *_of_clustering(live),
            *_of_keeping(settings, live, store),
        ]


def _of_daemon(settings: Settings, live: Live, store: Views, started: float) -> Iterator[Family]:
    yield _gauge("up", "Whether the daemon answers.", 1)
    build = {"version": __version__, "engine": store.engines.current.name}
    yield _labelled(
        "build_info",
        "Version of facewatchd, and the engine of the library; always 1.",
        [Sample(1, build)],
    )
    yield _gauge(
        "start_time_seconds", "When the daemon started or read its configuration again.", started
    )
    yield _one_of(
        "state", "What the daemon does: 1 for the present state, else 0.", STATES, live.state
    )
    paused = None if live.paused is None else live.paused.reason
    yield _one_of("paused", "Why photos wait: 1 for the reason, else 0.", REASONS, paused, "reason")
    yield _gauge("workers", "Processes that read photos now.", live.workers)
    yield _gauge(
        "workers_limit", "Processes that may read photos at a time (workers).", settings.workers
    )


def _of_library(live: Live, store: Views) -> Iterator[Family]:
    counts, states, people = store.counts(), store.files_by_state(), store.people_by_kind()
    yield _by("files", "Files in the roots.", "state", {s: states.get(s, 0) for s in FileState})
    yield _gauge("settling_files", "Files that changed a moment ago.", live.settling)
    yield _gauge("photos", "Different photos in the roots, by content.", counts["photos"])
    yield _gauge(
        "missing_photos",
        "Photos that vanished and are remembered for some days.",
        counts["missing"],
    )
    yield _gauge("faces", "Faces in all photos.", counts["faces"])
    yield _gauge("doubtful_faces", "Faces that no person was near enough to.", counts["doubtful"])
    yield _by("people", "People; those who are hidden count as that alone.", "kind", people)
    yield _gauge("folders", "People who have a folder.", counts["folders"])
    yield _gauge(
        "question_faces", "Faces that wait for an answer of the user's.", store.advice.waiting()
    )


def _of_roots(settings: Settings, live: Live, store: Views) -> Iterator[Family]:
    numbers = {os.fsencode(root.path): str(n) for n, root in enumerate(settings.roots, 1)}
    roots = [({"root": numbers[each.path]}, each) for each in live.roots]
    files = [(label, *store.files_below(each.path)) for label, each in roots]
    yield _labelled(
        "root_state",
        "How a root is followed: 1 for the present state, else 0.",
        [
            Sample(each.state == state, label | {"state": state})
            for label, each in roots
            for state in ROOT_STATES
        ],
    )
    yield _labelled(
        "root_files",
        "Files in a root, of every state.",
        [Sample(n, label) for label, n, _ in files],
    )
    yield _labelled(
        "root_pending_files",
        "Files in a root that wait to be read.",
        [Sample(n, label) for label, _, n in files],
    )
    yield _labelled(
        "root_vanished_files",
        "Photos of a root that are gone and not taken for deleted.",
        [Sample(each.vanished, label) for label, each in roots],
    )
    yield _labelled(
        "root_unwatched_folders",
        "Folders of a root that are polled for lack of a watch.",
        [Sample(each.unwatched_count, label) for label, each in roots],
    )
    if settings.log.names:
        yield _labelled(
            "root_info",
            "The path of a root, where log.names is true; always 1.",
            [Sample(1, label | {"path": os.fsdecode(each.path)}) for label, each in roots],
        )


def _of_reading(live: Live) -> Iterator[Family]:
    tallied = live.tallied
    yield _counter(
        "reads_total",
        "Tries to read a file since the start, by what came of them.",
        [Sample(n, {"result": result}) for result, n in zip(RESULTS, tallied.results, strict=True)],
    )
    bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    yield Family(
        "facewatchd_photo_read_seconds",
        "histogram",
        "How long a new photo took from being handed to a worker to its encodings.",
        (
            *(
                Sample(n, {"le": bound}, "_bucket")
                for bound, n in zip(bounds, tallied.buckets, strict=True)
            ),
            Sample(tallied.seconds, suffix="_sum"),
            Sample(tallied.buckets[-1], suffix="_count"),
        ),
    )


def _of_clustering(live: Live) -> Iterator[Family]:
    yield _counter(
        "clusterings_total",
        "Re-clusterings that have ended since the start.",
        [Sample(live.clusterings)],
    )
    yield _gauge(
        "clustering_failed", "Whether the last re-clustering failed.", bool(live.clustering_error)
    )
    yield _gauge(
        "clustering_last_timestamp_seconds",
        "When the last re-clustering ended that did not fail.",
        live.clustered_at,
    )
    yield _gauge(
        "clustering_last_duration_seconds",
        "How long the last re-clustering took.",
        live.clustered_seconds,
    )
    yield _gauge(
        "clustering_last_faces", "How many faces the last re-clustering had.", live.clustered_faces
    )
    yield _gauge("new_faces", "Faces that came since the last re-clustering.", live.new_faces)
    yield _gauge(
        "plan_waiting",
        "Whether a plan of a re-clustering waits for the user.",
        live.plan is not None,
    )


def _of_keeping(settings: Settings, live: Live, store: Views) -> Iterator[Family]:
    yield _gauge("links", "Photos in people's folders, as links or copies.", store.links())
    yield _gauge("output_conflicts", "Paths in the output that are not ours.", len(live.conflicts))
    yield _gauge("output_failed", "Whether the output cannot be written.", bool(live.output_error))
    yield _gauge("decisions", "Decisions in the journal.", live.journal.decisions)
    yield _gauge(
        "decision_last_timestamp_seconds", "When the last decision was made.", live.journal.last
    )
    yield _gauge(
        "journal_failed_copies",
        "Copies of the journal that cannot be written.",
        len(live.journal.behind),
    )
    yield _gauge(
        "backup_last_timestamp_seconds",
        "As of when the newest backup holds the store.",
        live.backup.last,
    )
    yield _gauge("backup_failed", "Whether the last backup failed.", bool(live.backup.error))
    yield _gauge("store_failed", "Whether the store cannot be written.", bool(live.unwritten))
    yield _gauge("store_size_bytes", "Size of the store's files.", _size(settings))
    disk = os.statvfs(settings.state)
    yield _gauge(
        "state_free_bytes",
        "Room that is left on the state folder's disk.",
        disk.f_bavail * disk.f_frsize,
    )


def _size(settings: Settings) -> int:
    size = 0
    for file in written(settings.database):
        with suppress(FileNotFoundError):  # SQLite removes its log when nobody has it open
            size += file.stat().st_size
    return size


def _gauge(name: str, told: str, value: float | None) -> Family:
    """Return a gauge; None is a figure that there is not yet."""
    return _labelled(name, told, [] if value is None else [Sample(value)])


def _labelled(name: str, told: str, samples: Iterable[Sample]) -> Family:
    return Family(f"facewatchd_{name}", "gauge", told, tuple(samples))


def _counter(name: str, told: str, samples: Iterable[Sample]) -> Family:
    return Family(f"facewatchd_{name}", "counter", told, tuple(samples))


def _by(name: str, told: str, label: str, values: Mapping[str, int]) -> Family:
    return _labelled(name, told, [Sample(n, {label: str(key)}) for key, n in values.items()])


def _one_of(
    name: str, told: str, words: Iterable[str], now: str | None, label: str = "state"
) -> Family:
    return _labelled(name, told, [Sample(word == now, {label: word}) for word in words])
