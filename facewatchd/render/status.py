"""What the daemon is doing: as few lines as tell it where nothing is wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from facewatchd.render.asking import first_words
from facewatchd.render.backup import backup_fields
from facewatchd.render.engine import engine_fields
from facewatchd.render.plan import waits_words
from facewatchd.render.show import Field
from facewatchd.render.store import store_fields
from facewatchd.render.words import count, duration, moment, pause_words, some

if TYPE_CHECKING:
    from collections.abc import Iterable

_FOLDERS_NAMED = 3
_KINDS_NAMED = 6
_GB = 1e9


def status_fields(status: dict[str, Any], *, age: float | None = None) -> list[Field]:
    """Describe a status; ``age`` is how many seconds old it is when the daemon does not run."""
    clustering, output, roots = status["recluster"], status["output"], status["roots"]
    found = [
        Field("State", _state(status, age)),
        Field("Paused", pause_words(status)),
        *store_fields(status),
        *(field for root in roots for field in _root(root)),
        Field("Files", _files(status)),
        Field("Failed", _commonest((f["reason"], f["files"]) for f in status["failures"])),
        Field("Unsupported", _commonest((u["kind"], u["files"]) for u in status["unsupported"])),
        Field("Ignored", _commonest((i["rule"], i["files"]) for r in roots for i in r["ignored"])),
        Field("Lacking", _lacking(status.get("lacking", 0))),
        Field("Photos", f"{status['photos']:,}" + some(", {:,} missing", status["missing"])),
        Field("Faces", f"{status['faces']:,}, {status['doubtful']:,} of them doubtful"),
        Field("People", f"{status['people']:,}, {status['folders']:,} of them with a folder"),
        Field("Next", "" if status["first"] is None else first_words(status["first"])),
        Field("Next", _questions(status["questions"])),
        *engine_fields(status["engine"]),
        Field("Re-clustering", _clustering(clustering)),
        Field("Re-clustering", clustering["error"]),
        Field("Plan", _plan(clustering["plan"])),
        Field("Output", f"{output['path']}: {count(output['links'], 'link')}"),
        *(Field("Output", words) for words in _style(output)),
        Field("Output", output["error"]),
        Field("Decisions", some("{:,}", status["journal"]["decisions"])),
        *(Field("Journal", f"mended: {words}") for words in status["journal"]["mended"]),
        *(Field("Journal", words) for words in status["journal"]["behind"]),
        *backup_fields(status),
        *(Field("In the way", path) for path in output["conflicts"]),
        *(Field("Error", f"{e['path']}: {e['reason']}") for e in status.get("errors", [])),
    ]
    return [field for field in found if field.text]


def _state(status: dict[str, Any], age: float | None) -> str:
    if age is not None:
        return f"not running; {status['state']} when anything last changed, {duration(age)} ago"
    words = [status["state"]]
    if status["files"]["pending"] and status["rate"] and not status["paused"]:
        words.append(f"{status['rate']:.1f} photos/s")
    if status["seconds_left"]:
        words.append(f"{duration(status['seconds_left'])} left")
    workers = count(status["workers"], "worker")
    since = duration(status["time"] - status["started"])
    return f"{', '.join(words)} (for {since}, {workers}, pid {status['pid']})"


def _root(root: dict[str, Any]) -> list[Field]:
    words = root["state"] + (f" on {root['file_system']}" if root["file_system"] else "")
    words += ", scanning" if root["scanning"] else ""
    words += f", {count(root['files'], 'file')}"
    words += some(", {:,} waiting", root["backlog"]) + some(", {:,} vanished", root["vanished"])
    words += f" ({root['reason']})" if root["reason"] else ""
    return [Field("Root", f"{root['path']}: {words}"), Field("Unwatched", _unwatched(root))]


def _unwatched(root: dict[str, Any]) -> str:
    if not root["unwatched_count"]:
        return ""
    named = root["unwatched"][:_FOLDERS_NAMED]
    more = some(" and {:,} more", root["unwatched_count"] - len(named))
    return f"{count(root['unwatched_count'], 'folder')}: {', '.join(named)}{more}"


def _files(status: dict[str, Any]) -> str:
    files = status["files"]
    words = f"{files['done']:,} done, {files['pending']:,} waiting"
    words += some(", {:,} settling", status["settling"])
    return f"{words}, {files['failed']:,} failed, {files['unsupported']:,} unsupported"


def _style(output: dict[str, Any]) -> list[str]:
    """Say how photos are shown and copied; a status of before this was told has none of it."""
    style, copying, waiting = (output.get(name) for name in ("style", "copying", "waiting"))
    words = []
    if style is not None:
        words.append(f"photos are shown by {style['way']}: {style['reason']}")
    if copying is not None:
        left = f"up to {copying['bytes'] / _GB:,.1f} GB"
        words.append(f"{count(copying['files'], 'photo')} to be copied, {left}")
    if waiting:
        words.append(f"{count(waiting, 'photo')} cannot be copied now (see the log)")
    return words


def _questions(questions: dict[str, Any]) -> str:
    faces = questions["faces"]
    waits = "waits" if faces == 1 else "wait"
    words = f"{count(faces, 'face')} {waits} for an answer: facewatchctl doubtful next"
    return words if faces else ""


def _lacking(faces: int) -> str:
    words = f"{count(faces, 'face')} that you spoke of: facewatchctl errors"
    return words if faces else ""


def _commonest(counted: Iterable[tuple[str, int]]) -> str:
    """Return the commonest of ``counted`` in words, and how many files all others are."""
    sums: Counter[str] = Counter()
    for name, files in counted:
        sums[name] += files
    named = sums.most_common(_KINDS_NAMED)
    others = sums.total() - sum(files for _, files in named)
    words = [f"{files:,} {name}" for name, files in named]
    return ", ".join([*words, f"{others:,} others"] if others else words)


def _plan(plan: dict[str, Any] | None) -> str:
    return "" if plan is None else f"{waits_words(plan)} (facewatchctl plan show)"


def _clustering(clustering: dict[str, Any]) -> str:
    words = []
    if clustering["running"]:
        words.append("running")
    if clustering["last"] is not None:
        took = clustering["last_seconds"]
        words.append(
            f"last {moment(clustering['last'])}" + (f" in {duration(took)}" if took else "")
        )
    if clustering["next"] is not None:
        words.append(f"next {moment(clustering['next'])}")
    if waits := pause_words(clustering):
        words.append(f"waits: {waits}")
    words.append(f"{count(clustering['new_faces'], 'new face')} since")
    return ", ".join(words)
