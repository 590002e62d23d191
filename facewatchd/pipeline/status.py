"""The status: how the daemon, its library and each of its tasks are doing, for the API."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from facewatchd import __version__
from facewatchd.pipeline.engine import difference
from facewatchd.pipeline.readiness import WAIT
from facewatchd.pipeline.recovering import lost
from facewatchd.store import reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from facewatchd.config import Settings
    from facewatchd.pipeline.advising import Advising
    from facewatchd.pipeline.backups import BackupLook
    from facewatchd.pipeline.lacks import Lack
    from facewatchd.pipeline.live import Live
    from facewatchd.pipeline.replanning import PlanLook
    from facewatchd.pipeline.root import RootLook
    from facewatchd.store.views import Views

_LAST_ERRORS = 5


def status(settings: Settings, live: Live, advising: Advising, started: float) -> dict[str, Any]:
    """Return how the daemon is doing that has run since ``started``, in seconds since 1970."""
    with reading(settings.database) as store:
        states = store.files_by_state()
        pending, goes_on = states.get("pending", 0), live.paused is None
        return {
            "version": __version__,
            "api": 1,
            "state": live.state,
            "pid": os.getpid(),
            "started": started,
            "time": time.time(),
            "roots": [_root(look, store) for look in live.roots],
            "settling": live.settling,
            "files": {
                name: states.get(name, 0) for name in ("pending", "done", "failed", "unsupported")
            },
            "failures": [{"reason": reason, "files": files} for reason, files in store.failures()],
            "unsupported": [{"kind": kind, "files": files} for kind, files in store.unsupported()],
            **store.counts(),
            "recluster": _recluster(live, settings),
            "engine": _engine(store, live, settings),
            "paused": None if live.paused is None else live.paused.words,
            "paused_until": None if live.paused is None else live.paused.until,
            "rate": live.rate,
            "seconds_left": pending / live.rate if goes_on and live.rate and pending else None,
            "workers": live.workers,
            "output": {
                "path": str(settings.output.path),
                "links": store.links(),
                "conflicts": [os.fsdecode(path) for path in live.conflicts],
                "error": live.output_error,
                "style": None if live.style is None else live.style._asdict(),
                "copying": None if live.copying is None else live.copying._asdict(),
                "waiting": live.copies_wait,
            },
            "first": advising.first(store) if live.clustered_at is not None else None,
            "lacking": len(live.lacks),
            "questions": {"faces": store.advice.waiting()},
            "journal": {
                "decisions": live.journal.decisions,
                "mended": list(live.journal.mended),
                "behind": list(live.journal.behind),
            },
            "backup": _backup(live.backup),
            "store": {
                "path": str(settings.database),
                "error": None if live.unwritten is None else live.unwritten.error,
                "since": None if live.unwritten is None else live.unwritten.since,
            },
            "lost": lost(settings.state),
            "errors": errors(store, live.lacks, _LAST_ERRORS),
        }


def errors(store: Views, lacks: Sequence[Lack], limit: int) -> list[dict[str, Any]]:
    """Return files that could not be read, then photos in which faces lack, with the reason."""
    files = [row | {"path": os.fsdecode(row["path"])} for row in store.errors(limit)]
    photos = [
        {"path": os.fsdecode(path), "reason": reason, "tries": tries}
        for path, reason, tries in lacks
    ]
    return [*files, *photos][:limit]


def _root(look: RootLook, store: Views) -> dict[str, Any]:
    files, backlog = store.files_below(look.path)
    return {
        "path": os.fsdecode(look.path),
        "state": look.state,
        "scanning": look.scanning,
        "reason": look.reason,
        "file_system": look.file_system,
        "vanished": look.vanished,
        "unwatched": [os.fsdecode(folder) for folder in look.unwatched],
        "unwatched_count": look.unwatched_count,
        "ignored": [{"rule": f"{r.text} ({r.place})", "files": n} for r, n in look.ignored],
        "files": files,
        "backlog": backlog,
    }


def _recluster(live: Live, settings: Settings) -> dict[str, Any]:
    pause = live.clustering_paused
    return {
        "running": live.clustering,
        "runs": live.clusterings,
        "error": live.clustering_error,
        "last": live.clustered_at,
        "last_seconds": live.clustered_seconds,
        "next": settings.work.recluster.opening(live.next_clustering),
        "paused": None if pause is None else pause.words,
        "paused_until": None if pause is None else pause.until,
        "new_faces": live.new_faces,
        "plan": _plan(live.plan),
    }


def _plan(look: PlanLook | None) -> dict[str, Any] | None:
    if look is None:
        return None
    return {"id": look.id, "made": look.made_at, "churn": look.churn, "moves": look.moves}


def _engine(store: Views, live: Live, settings: Settings) -> dict[str, Any]:
    return {
        "name": store.engines.current.name,
        "note": difference(store.engines.current, settings),
        "waiting": store.read_by_others(),
        "unreadable": store.engines.given_up(),
        "last": live.switched,
        "switch": _switch(store, live),
    }


def _switch(store: Views, live: Live) -> dict[str, Any] | None:
    switch = store.engines.switch
    if switch is None:
        return None
    done, left = store.switched(), store.readable(live.unreachable, again=True)
    away = max(0, store.rereading.left() - left)
    since = store.engines.waits_since
    going = switch.halted is None and live.rate
    return {
        "to": switch.to.name,
        "halted": switch.halted,
        "done": done,
        "total": done + left,
        "away": away,
        "waits_until": since + WAIT if since is not None and away and not left else None,
        "seconds_left": left / live.rate if going and live.rate else None,
    }


def _backup(look: BackupLook) -> dict[str, Any]:
    path = None if look.path is None else os.fsdecode(look.path)
    return {"last": look.last, "path": path, "error": look.error, "running": look.running}
