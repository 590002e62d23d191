"""Pure: one journal of all that its places hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from facewatchd.errors import JournalError
from facewatchd.journal.lines import Content, Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from facewatchd.decisions import Decision


def library_of(contents: Sequence[Content], library: str | None) -> str | None:
    """Return the library that all belong to, which is ``library`` if that is known already.

    None if nothing says it; JournalError if two are named, or if a file without a header that can
    be read holds anything else than the other places do.
    """
    names = {content.library: content.where for content in reversed(contents) if content.library}
    mine = library if library is not None else next(reversed(names), None)
    for name, where in names.items():
        if name != mine:
            at = names.get(mine, "the store") if mine is not None else "the store"
            raise JournalError(
                f"{where} is the journal of library {name}, but {at} is of library {mine}.",
                f"If that library still exists, name another folder in decisions.copies; else move"
                f" {where} away and start facewatchd again.",
            )
    known = {d.id for content in contents if content.library for d in content.decisions()}
    for content in contents:
        ids = {decision.id for decision in content.decisions()}
        if content.library is None and not (ids and ids <= known):
            raise JournalError(
                f"{content.where} has no header that can be read.",
                "If it is this library's, make its first line that of another place, or"
                ' {"facewatchd":"decisions","v":1,"library":"ID"}; else move it away.',
            )
    return mine


def union(contents: Sequence[Content]) -> tuple[list[Line], list[str]]:
    """Return every decision once, ordered, with numbers that rise, and what had to be mended.

    Of two lines of one decision an erased one wins, so that nothing forgotten comes back, and else
    that of the first place.  When two stores went on from one journal, some numbers are there
    twice: both decisions are kept, by time and then by id, and what follows moves up.
    JournalError if a damaged line stands nowhere unharmed.
    """
    chosen: dict[str, Line] = {}
    for content in contents:
        for line in content.lines:
            if line is not None and _is_better(line.decision, chosen.get(line.decision.id)):
                chosen[line.decision.id] = line
    reports = [f"{c.where}: {c.mended}." for c in contents if c.mended is not None]
    numbers = sorted(line.decision.number for line in chosen.values())
    for content in contents:
        damaged = _damaged(content, numbers)
        if damaged:
            reports.append(
                f"{content.where}: {_count(damaged, 'damaged line')} mended from another place."
            )
    lines, moved = _numbered(sorted(chosen.values(), key=_order))
    if moved:
        reports.append(
            f"Two libraries went on from one journal: both are kept, and"
            f" {_count(moved, 'decision')} got a new number."
        )
    return lines, reports


def _is_better(decision: Decision, than: Line | None) -> bool:
    return than is None or (decision.erased and not than.decision.erased)


def _order(line: Line) -> tuple[int, float, str]:
    return line.decision.number, line.decision.at, line.decision.id


def _numbered(lines: Iterable[Line]) -> tuple[list[Line], int]:
    numbered, last, moved = list[Line](), 0, 0
    for line in lines:
        number = max(line.decision.number, last + 1)
        if number != line.decision.number:
            moved += 1
            numbered.append(Line(replace(line.decision, number=number), None))
        else:
            numbered.append(line)
        last = number
    return numbered, moved


def _damaged(content: Content, numbers: Sequence[int]) -> int:
    """Return how many lines are damaged; JournalError if other places do not make up for them.

    Which decision a damaged line was, its neighbours tell: its number lies between theirs.
    """
    damaged, before, gap = 0, 0, list[int]()  # the places in the file of lines in a row
    for at, line in enumerate([*content.lines, None], start=2):
        if line is None and at < len(content.lines) + 2:
            gap.append(at)
            continue
        after = None if line is None else line.decision.number
        if gap and _between(numbers, before, after) < len(gap):
            raise JournalError(
                f"Line {gap[0]} of {content.where} is damaged, and no other place holds"
                f" decision {before + 1}.",
                "Copy an unharmed decisions.jsonl from a backup over it; or take the line out of"
                " it, and what it said is lost.",
            )
        damaged += len(gap)
        before, gap = after or before, []
    return damaged


def _between(numbers: Sequence[int], before: int, after: int | None) -> int:
    return sum(before < number and (after is None or number < after) for number in numbers)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
