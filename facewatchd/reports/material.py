"""What a report is made from: faces, whose they are, and the photos they are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.plugins import Scale


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """N faces of P photos in C groups (clusters of a run, or people of a library).

    ``photos`` are the P paths, any bytes; ``captured`` float64 (P,) their capture dates in seconds
    since 1970, NaN where unknown.  ``photo`` int64 (N,) numbers the photo of each face, ``boxes``
    int64 (N, 4) are left, top, right, bottom in pixels of the upright photo, ``quality`` float64
    (N,) from 0 to 1.  ``groups`` int64 (N,) numbers the group of each face, -1 for none;
    ``names`` are the C groups' names ("cluster_0", or a person's).  ``similarity`` float64 (N,) is
    that of a face to its group's centroid on ``scale``, NaN without a group.  ``encodings`` is
    float32 (N, D), made by ``engine`` (its name and version).

    ``nobody`` is what the faces without a group are called, and their folder: whoever gives that
    folder another name says it here too, or pictures at ``{group}/…`` would lie in a second one.
    ``scale`` has the thresholds that were used, also where the configuration changed them.  Faces
    are given in the order that shall be kept: by photo, and in a photo as they were found.
    ValueError for parts that do not fit together.
    """

    photos: tuple[bytes, ...]
    captured: NDArray[np.float64]
    photo: NDArray[np.int64]
    boxes: NDArray[np.int64]
    quality: NDArray[np.float64]
    groups: NDArray[np.int64]
    names: tuple[str, ...]
    similarity: NDArray[np.float64]
    encodings: NDArray[np.float32]
    engine: str
    scale: Scale
    nobody: str = "outliers"

    def __post_init__(self) -> None:
        faces = len(self.photo)
        shapes = {
            "captured": (self.captured.shape, (len(self.photos),)),
            "boxes": (self.boxes.shape, (faces, 4)),
            "quality": (self.quality.shape, (faces,)),
            "groups": (self.groups.shape, (faces,)),
            "similarity": (self.similarity.shape, (faces,)),
            "encodings": (self.encodings.shape, (faces, self.encodings.shape[-1])),
        }
        for name, (shape, wanted) in shapes.items():
            if shape != wanted:
                raise ValueError(f"{name} is {shape}, and must be {wanted}")
        if faces and not 0 <= self.photo.min() <= self.photo.max() < len(self.photos):
            raise ValueError("a face is in a photo that is not there")
        if faces and not -1 <= self.groups.min() <= self.groups.max() < len(self.names):
            raise ValueError("a face is in a group that is not there")

    def __len__(self) -> int:
        return len(self.photo)
