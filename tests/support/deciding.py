"""Decisions as a user might make them: single ones, and whole journals by hypothesis."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from facewatchd.decisions import Decision, Kind, Origin, Spoken, Spot
from facewatchd.model import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

PEOPLE = ("anna", "bela", "carl", "dora")


def spot(number: int) -> Spot:
    """Return one of some faces, two in each photo."""
    return Spot(bytes([number // 2]) * 32, Box(10 * number, 0, 10 * number + 9, 9))


SPOTS = tuple(spot(number) for number in range(6))


@dataclass
class Saying:
    """Makes decisions that follow each other."""

    numbers: count[int] = field(default_factory=lambda: count(1))

    def __call__(self, kind: Kind, *spots: Spot, **fields: object) -> Decision:
        number = next(self.numbers)
        faces = tuple(Spoken(each) for each in spots)
        return Decision(f"id{number}", number, float(number), kind, faces=faces, **fields)  # type: ignore[arg-type]  # names of fields


_person = st.sampled_from(PEOPLE)
_text = st.text('aB7 "\\/\n\0\x7fé字\u202e😀', min_size=1, max_size=12)
_edge = st.integers(-5, 100_000)
_spot = st.builds(
    Spot, st.binary(min_size=32, max_size=32), st.builds(Box, _edge, _edge, _edge, _edge)
)


def _any(optional: st.SearchStrategy[str | None], **fields: st.SearchStrategy[Any]) -> Any:
    return st.builds(
        Decision,
        id=st.uuids().map(lambda uuid: uuid.hex),
        number=st.integers(1, 10**9),
        at=st.floats(0, 1e11),
        kind=st.sampled_from(Kind),
        origin=st.sampled_from(Origin),
        person=optional,
        other=optional,
        of=optional,
        name=st.none() | _text,
        new=st.booleans(),
        photos=st.lists(st.binary(min_size=1, max_size=32), max_size=3).map(tuple),
        anchors=st.dictionaries(_text, st.lists(_spot, max_size=3).map(tuple), max_size=2),
        **fields,
    )


_faces = st.builds(Spoken, _spot, st.none() | _text)

# Every field takes every value, but for what a kind needs, which only an erased decision lacks.
ANY_DECISION: st.SearchStrategy[Decision] = _any(
    _text, faces=st.lists(_faces, min_size=1, max_size=3).map(tuple)
) | _any(st.none() | _text, erased=st.just(True))


_ABOUT_FACES = {
    Kind.SPLIT, Kind.IS, Kind.IS_NOT, Kind.CONFIRM, Kind.IGNORE, Kind.COVER, Kind.ADD_FACE,
    Kind.FORGET,
}  # fmt: skip


@st.composite
def journals(draw: st.DrawFn, *, undo: bool = True, forget: bool = True) -> Sequence[Decision]:
    """Draw a journal of up to 14 decisions, each as a user can make it after those before it."""
    say, said, people = Saying(), list[Decision](), list(PEOPLE)
    for _ in range(draw(st.integers(0, 14))):
        undoable = [decision.id for decision in said if decision.kind is not Kind.FORGET]
        allowed = {Kind.UNDO: undo and bool(undoable), Kind.FORGET: forget}
        kind = draw(st.sampled_from([kind for kind in Kind if allowed.get(kind, True)]))
        if kind is Kind.UNDO:
            said.append(say(kind, of=draw(st.sampled_from(undoable))))
        else:
            said.append(_drawn(draw, kind, say, people))
    return said


def _drawn(draw: st.DrawFn, kind: Kind, say: Saying, people: list[str]) -> Decision:
    spots, fields = list[Spot](), dict[str, object]()
    if kind not in {Kind.IGNORE, Kind.FORGET}:
        fields["person"] = draw(st.sampled_from(people))
    if kind in {Kind.NAME, Kind.MERGE}:
        fields["name"] = draw(st.none() | _text)
    if kind in _ABOUT_FACES:
        most = 1 if kind in {Kind.COVER, Kind.ADD_FACE} else 3
        spots = draw(st.lists(st.sampled_from(SPOTS), min_size=1, max_size=most, unique=True))
    if kind is Kind.SPLIT:
        people.append(f"made{len(people)}")
        fields["other"] = people[-1]
    if kind is Kind.MERGE or (kind is Kind.IS_NOT and draw(st.booleans())):
        spots, fields["other"] = [], draw(st.sampled_from(people))
    return say(kind, *spots, **fields)
