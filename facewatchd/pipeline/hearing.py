"""What was said until now, handed from the pipeline's thread to others that compute by it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from facewatchd.overlap import match

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from facewatchd.decisions import Decision, Spot
    from facewatchd.pipeline.deciding import Deciding
    from facewatchd.plugins import Scale
    from facewatchd.store.decisions import Decisions


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said at one moment; people are as they are after all merges.

    ``revision`` is another one whenever a decision was taken or the store was changed.  ``apart``
    are pairs of people who are not one, ``refused`` says of faces who they are not, ``spots`` are
    all faces of which anything was said.
    """

    revision: tuple[int, int]
    scale: Scale
    decisions: tuple[Decision, ...]
    apart: frozenset[frozenset[str]]
    refused: Mapping[Spot, frozenset[str]]
    spots: tuple[Spot, ...]

    @property
    def last(self) -> int:
        """The number of the last decision, 0 without any."""
        return self.revision[0]


def heard(deciding: Deciding, changes: int, scale: Scale) -> Heard:
    """Return what was said until now; in the pipeline's thread."""
    said = deciding.said
    return Heard(
        revision=(deciding.last, changes),
        scale=scale,
        decisions=tuple(deciding.decisions),
        apart=said.pairs_apart(),
        refused={
            spot: frozenset(map(said.root, of_face.refused))
            for spot, of_face in said.faces.items()
            if of_face.refused
        },
        spots=tuple(said.faces),
    )


def faces_at(
    wanted: Collection[Spot], spots: Collection[Spot], decisions: Decisions
) -> dict[int, Spot]:
    """Return the faces in the store that lie at ``wanted``, which are some of all ``spots``."""
    photos = {spot.photo for spot in wanted}
    by_photo: dict[bytes, list[Spot]] = defaultdict(list)
    for spot in spots:
        if spot.photo in photos:
            by_photo[spot.photo].append(spot)
    found: dict[int, Spot] = {}
    for photo, there in by_photo.items():
        faces = decisions.at(photo)
        pairs = match([spot.box for spot in there], [at.spot.box for at in faces])
        found |= {faces[face].face: there[spot] for face, spot in pairs.items()}
    return {face: spot for face, spot in found.items() if spot in wanted}
