"""What the pipeline is doing at this moment, for the status to tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from facewatchd.pipeline.backups import BackupLook
    from facewatchd.pipeline.deciding import JournalLook
    from facewatchd.pipeline.lacks import Lack
    from facewatchd.pipeline.parts import Parts
    from facewatchd.pipeline.pausing import Pause
    from facewatchd.pipeline.replanning import PlanLook
    from facewatchd.pipeline.root import RootLook
    from facewatchd.pipeline.styling import CopyingLook, StyleLook
    from facewatchd.pipeline.tally import Tallied

STATES = (
    *("starting", "scanning", "encoding", "paused", "clustering", "organising", "idle"),
    "stopping",
)


class Unwritten(NamedTuple):
    """Why the store takes no changes, and since when (since 1970)."""

    error: str
    since: float


@dataclass(frozen=True, slots=True)
class Live:
    """What the pipeline is doing at this moment; replaced as a whole at every step."""

    state: str
    roots: tuple[RootLook, ...]
    settling: int
    rate: float | None
    workers: int
    clustering: bool
    clusterings: int
    clustering_error: str | None
    clustered_at: float | None
    clustered_seconds: float | None
    next_clustering: float
    new_faces: int
    clustering_paused: Pause | None  # why a run that is due waits
    clustered_faces: int  # that the last run had
    plan: PlanLook | None
    conflicts: tuple[bytes, ...]
    output_error: str | None
    style: StyleLook | None
    copying: CopyingLook | None
    copies_wait: int  # photos that cannot be copied into the output now
    paused: Pause | None  # why no photo is read
    tallied: Tallied
    unreachable: tuple[bytes, ...]  # places whose photos cannot be read now
    switched: str | None  # what the last switch of the engine since the start came to
    backup: BackupLook
    journal: JournalLook
    lacks: tuple[Lack, ...]  # faces that the user spoke of and that are not there
    unwritten: Unwritten | None = None


def look(parts: Parts, state: str | None = None) -> Live:
    """Look at all ``parts``; ``state`` is the word for what they do, if they do not tell."""
    grouping, publishing = parts.grouping, parts.publishing
    roots = parts.intake.roots
    return Live(
        state=state or _state(parts),
        roots=tuple(root.look() for root in roots.all),
        settling=parts.intake.settling,
        rate=parts.encoding.rate(),
        workers=parts.encoding.workers,
        clustering=grouping.busy,
        clusterings=grouping.runs,
        clustering_error=grouping.error,
        clustered_at=grouping.last,
        clustered_seconds=grouping.last_seconds,
        next_clustering=grouping.next,
        new_faces=parts.placing.new_faces,
        clustering_paused=parts.pausing.shown_clustering,
        clustered_faces=grouping.clustered,
        plan=parts.replanning.look,
        conflicts=tuple(publishing.conflicts),
        output_error=str(publishing.error) if publishing.error else None,
        style=publishing.style,
        copying=publishing.copying,
        copies_wait=len(publishing.waiting),
        paused=parts.pausing.shown,
        tallied=parts.encoding.tally.look(),
        unreachable=tuple(sorted(roots.unreachable())),
        switched=parts.switching.last,
        backup=parts.backups.look(),
        journal=parts.deciding.look(),
        lacks=parts.lacks.look(),
    )


def _state(parts: Parts) -> str:
    if parts.intake.busy:
        return "scanning"
    reads = not parts.encoding.idle or parts.encoding.rereading
    paused = parts.pausing.photos is not None and not parts.encoding.works
    if reads and not paused:
        return "encoding"
    if parts.grouping.busy:
        return "clustering"
    if reads:
        return "paused"
    return "idle" if parts.publishing.idle else "organising"
