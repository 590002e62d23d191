"""The parts that the pipeline has, each made with those that it needs."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.errors import FacewatchError
from facewatchd.journal import Journal
from facewatchd.pipeline.adding import Adding
from facewatchd.pipeline.backups import Backups
from facewatchd.pipeline.copying import Copying, Storage
from facewatchd.pipeline.deciding import Deciding
from facewatchd.pipeline.encoding import Encoding, Origin
from facewatchd.pipeline.engine import (
    check_installed,
    configured,
    difference,
    scale_of,
    worker_settings,
)
from facewatchd.pipeline.forgetting import Forgetting
from facewatchd.pipeline.grouping import Grouping
from facewatchd.pipeline.inheriting import Inheriting
from facewatchd.pipeline.intake import Intake
from facewatchd.pipeline.lacks import Lacks
from facewatchd.pipeline.noticing import Noticing
from facewatchd.pipeline.pausing import Machine, Pausing
from facewatchd.pipeline.placing import Placing
from facewatchd.pipeline.publishing import Publishing
from facewatchd.pipeline.replanning import Replanning
from facewatchd.pipeline.rules import Rules
from facewatchd.pipeline.saying import Saying
from facewatchd.pipeline.space import Space
from facewatchd.pipeline.switching import Switching
from facewatchd.pipeline.traces import Traces
from facewatchd.pool import Pool
from facewatchd.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from facewatchd.config import Settings
    from facewatchd.pipeline.clock import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline steps through, in one thread; all of them share one store."""

    store: Store
    space: Space
    pausing: Pausing
    publishing: Publishing
    intake: Intake
    placing: Placing
    deciding: Deciding
    saying: Saying
    adding: Adding
    lacks: Lacks
    inheriting: Inheriting
    encoding: Encoding
    replanning: Replanning
    grouping: Grouping
    switching: Switching
    backups: Backups
    traces: Traces
    forgetting: Forgetting
    noticing: Noticing


def opened(settings: Settings, breathe: Callable[[], None] = lambda: None) -> Store:
    """Open the library's store; StoreError or PluginError if its engine is not installed.

    A new library gets the configured engine.  While SQLite works, ``breathe`` is called.
    """
    store = Store(settings.database, breathe=breathe)
    try:
        _check_engine(store, settings)
    except FacewatchError:
        store.close()
        raise
    return store


def _check_engine(store: Store, settings: Settings) -> None:
    if store.engines.known is None:
        store.found(configured(settings))
    engine = store.engines.current
    check_installed(engine, store.path, settings.setup)
    sentence = difference(engine, settings)
    if sentence is not None:
        log.warning("%s", sentence)


def assembled(
    settings: Settings,
    store: Store,
    clock: Clock,
    *,
    wake: Callable[[], None],
    breathe: Callable[[], None],
) -> Parts:
    """Make the parts around an open store; ``wake`` and ``breathe`` are the pipeline's."""
    engine = store.engines.current
    scale = scale_of(engine, settings, store)
    rules = Rules(store)
    space = Space(settings.state, settings.limits.free_mb, clock)
    roots = [os.fsencode(root.path) for root in settings.roots]
    # intake needs publishing, and is made after it
    storage = Storage(
        roots,
        offline=lambda: intake.roots.offline(),  # noqa: PLW0108 - see above
        on_stuck=lambda root: intake.roots.stuck(root),  # noqa: PLW0108 - see above
    )
    publishing = Publishing(settings, store, rules, clock, scale, Copying(storage))
    intake = Intake(settings, store, publishing, clock, wake)
    placing = Placing(store, rules, scale, settings.engine.min_quality)
    deciding = Deciding(
        store,
        Journal(settings.journal_places, store.fact("library")),
        rules,
        placing,
        publishing,
        clock,
    )
    saying = Saying(store, deciding)
    adding = Adding(store, deciding, rules, placing, publishing)
    encoding = Encoding(
        store,
        Pool(settings.workers, worker_settings(settings, engine), settings.limits.seconds),
        publishing,
        clock,
        engine=engine,
        placing=placing,
        adding=adding,
        origin=Origin(
            roots=roots,
            look_again=intake.look_again,
            on_stuck=intake.roots.stuck,
        ),
    )
    replanning = Replanning(
        store, deciding, placing, publishing, clock, settings.engine.min_quality
    )
    grouping = Grouping(settings, store, placing, replanning, clock, scale)
    switching = Switching(
        settings,
        store,
        encoding,
        placing,
        grouping=grouping,
        publishing=publishing,
        clock=clock,
        breathe=breathe,
    )
    backups = Backups(settings, store, clock, wake)
    traces = Traces(settings, store, deciding, publishing, backups, clock)
    return Parts(
        store=store,
        space=space,
        pausing=Pausing(settings.work, store, space, clock, Machine()),
        publishing=publishing,
        intake=intake,
        placing=placing,
        deciding=deciding,
        saying=saying,
        adding=adding,
        lacks=Lacks(store, deciding, adding),
        inheriting=Inheriting(store, deciding, rules, placing, clock),
        encoding=encoding,
        replanning=replanning,
        grouping=grouping,
        switching=switching,
        backups=backups,
        traces=traces,
        forgetting=Forgetting(
            store,
            deciding,
            saying,
            placing,
            publishing=publishing,
            grouping=grouping,
            replanning=replanning,
            traces=traces,
        ),
        noticing=Noticing(store, intake.roots, clock),
    )
