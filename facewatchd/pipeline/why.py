"""Why a file is, or is not, in somebody's folder: one chain of reasons for any path."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from facewatchd.scan import OUTPUT_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from facewatchd.pipeline.loop import Pipeline
    from facewatchd.pipeline.root import Root


class Step(NamedTuple):
    """A reason in a sentence; with a verdict it is the last one."""

    sentence: str
    verdict: str | None = None


def why(
    path: bytes, found: dict[str, Any] | None, pipeline: Pipeline, min_quality: float
) -> dict[str, Any]:
    """Return path, verdict and chain; ``found`` is what is known of the file, if anything.

    Called from the API's threads: a disk that hangs may hang the answer, never the daemon.
    """
    chain = []
    for sentence, verdict in _steps(path, found, pipeline, min_quality):
        chain.append(sentence)
        if verdict is not None:
            return {"path": os.fsdecode(path), "verdict": verdict, "chain": chain}
    raise AssertionError("every chain of reasons ends with a verdict")


def _steps(
    path: bytes, found: dict[str, Any] | None, pipeline: Pipeline, min_quality: float
) -> Iterator[Step]:
    root = pipeline.intake.roots.of(path)
    if root is None:
        roots = ", ".join(os.fsdecode(each.path) for each in pipeline.intake.roots.all)
        yield Step(f"It lies in none of the watched roots: {roots}.", "not in a root")
        return
    yield Step(f"It lies in the root {os.fsdecode(root.path)}, which is {root.state}.")
    if found is None:
        yield from _unknown(path, root, pipeline)
    else:
        live = pipeline.live
        lacks = [lack.reason for lack in live.lacks if os.fsdecode(lack.path) in found["paths"]]
        paused = None if live.paused is None else live.paused.words
        yield from _known(found, root, min_quality, paused, lacks)


def _unknown(path: bytes, root: Root, pipeline: Pipeline) -> Iterator[Step]:
    """The store has no row of it: for its name, its place, its kind, or because it is too new."""
    rule = root.ignore.rule_above(path, folder=False)
    if rule is not None:
        yield Step(f"It is ignored by the rule {rule.text!r} ({rule.place}).", "ignored")
    if root.offline:
        yield Step(f"Nothing of it can be seen now: {root.offline}.", "offline")
    rule = root.ignore.stopped_above(path)
    if rule is not None:
        is_output = rule.text == os.fsdecode(OUTPUT_MARK)
        what = f"a folder {rule.text}, as in an output," if is_output else f"a file {rule.text}"
        yield Step(f"It is ignored: there is {what} in {rule.place}.", "ignored")
    if pipeline.ask(lambda: pipeline.intake.is_settling(path)):
        yield Step("It changed a moment ago, and is read when it has come to rest.", "settling")
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        yield Step(f"There is no such file: {error.strerror}.", "not there")
        return
    if stat.S_ISDIR(mode):
        yield Step("It is a folder; ask about a file in it.", "ignored")
    if not stat.S_ISREG(mode):
        yield Step("It is no regular file: links and devices are never followed.", "ignored")
    reason = "It was not seen yet. " + (
        "The root is being walked over."
        if root.walker.busy
        else "facewatchctl scan walks over all roots now."
    )
    yield Step(reason, "settling")


def _known(
    found: dict[str, Any], root: Root, min_quality: float, paused: str | None, lacks: list[str]
) -> Iterator[Step]:
    state = found["state"]
    if state == "unsupported":
        yield Step(
            found["reason"] or f"Its name says that it is no picture: {found['kind']}.",
            "unsupported",
        )
    if state == "failed":
        yield Step(f"It was tried {found['tries']} times and could not be read.")
        yield Step(found["reason"], "failed")
    if state == "pending":
        if found["reason"]:
            yield Step(f"It could not be read, and will be tried again: {found['reason']}")
        if root.offline:
            yield Step(f"It waits, because nothing can be read: {root.offline}.", "offline")
        if paused is not None:
            yield Step(f"Photos wait: {paused}.")
        yield Step("It waits to be read.", "waiting")
    yield Step(f"It was read: the photo {found['photo']}.")
    yield from map(Step, lacks)
    yield from _read(found, min_quality)


def _read(found: dict[str, Any], min_quality: float) -> Iterator[Step]:
    if not found["faces"]:
        yield Step("No face was found in it.", "no face")
    for face in found["faces"]:
        yield _face(face, min_quality)
    if found["links"]:
        yield Step("Links: " + ", ".join(found["links"]), "linked")
    if any(face["person"] for face in found["faces"]):
        yield Step(
            "Nobody in it has a folder: each is hidden, or without a name and in too few photos"
            " (people.min_photos).",
            "no folder",
        )
    if all(face["quality"] < min_quality for face in found["faces"]):
        yield Step("None of its faces can be seen well enough.", "low quality")
    yield Step("None of its faces is near enough to a person.", "doubtful")


def _face(face: dict[str, Any], min_quality: float) -> Step:
    place = f"The face at {', '.join(map(str, face['box']))}"
    if face["quality"] < min_quality and face["person"] is None:
        return Step(
            f"{place} is given to nobody: its quality is {face['quality']:.2f},"
            f" below {min_quality:g} (engine.min_quality)."
        )
    if face["person"] is not None:
        lack = "is hidden" if face["hidden"] else "has no folder yet"
        whose = face["folder"] or f"{face['name'] or face['person']}, who {lack}"
        near = "" if face["similarity"] is None else f", at similarity {face['similarity']:.2f}"
        return Step(f"{place} was given to {whose}{near}.")
    candidates = ", ".join(
        f"{each['folder'] or each['name'] or each['person']} ({each['similarity']:.2f})"
        for each in face["candidates"]
    )
    return Step(f"{place} is doubtful; it may be {candidates or 'nobody known'}.")
