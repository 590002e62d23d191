"""Pure: long work in portions, between which the daemon does other things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.model import Way
from facewatchd.organise.plan import PutCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from facewatchd.organise.plan import Operation

_BYTES = 64_000_000  # about a second of a slow disk


def copied(operation: Operation, *, reflinks: bool) -> int:
    """Return how many bytes ``operation`` may have to copy."""
    if not isinstance(operation, PutCopy):
        return 0
    way = operation.new.way
    shared = way in {Way.HARDLINK, Way.REFLINK} or (way is Way.EITHER and reflinks)
    return 0 if shared else operation.new.size


def portions(operations: Iterable[Operation]) -> Iterator[list[Operation]]:
    """Cut ``operations`` so that copies in a portion come to 64 MB or one photo; the rest is free.

    There is at least one portion, maybe an empty one.
    """
    portion: list[Operation] = []
    size = 0
    for operation in operations:
        more = copied(operation, reflinks=False)
        if more and size and size + more > _BYTES:
            yield portion
            portion, size = [], 0
        portion.append(operation)
        size += more
    yield portion
