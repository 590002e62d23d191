"""What calibrate says of a library whose people are known: real portraits and group photos."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from facewatchd.calibrate import Calibration, Known, calibrate
from facewatchd.clustering.looks import looks_of
from facewatchd.decode import Photo
from facewatchd.engines.dlib_encoder import DlibEncoder
from facewatchd.engines.mtcnn import MtcnnDetector
from facewatchd.model import Look, Setup
from tests.support import lfw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from facewatchd.model import Detection

SCALE = DlibEncoder.scale
PEOPLE, PHOTOS = 24, 9


@pytest.fixture(scope="module")
def library(photos: Path) -> list[Known]:
    """Return 24 people with nine portraits each, confirmed, and everyone in four group photos."""
    detector, encoder = MtcnnDetector(Setup()), DlibEncoder(Setup())
    labels = lfw.read(photos)
    enough = [who for who, n in sorted(Counter(x.person for x in labels).items()) if n >= PHOTOS]
    taken: Counter[str] = Counter()
    files: list[tuple[Path, str | None]] = []
    for label in labels:
        taken[label.person] += 1
        if label.person in enough[:PEOPLE] and taken[label.person] <= PHOTOS:
            files.append((photos / "lfw" / label.file, label.person))
    files += [(path, None) for path in sorted((photos / "groups").glob("*.jpg"))]
    faces: list[Known] = []
    for number, (path, person) in enumerate(files):
        pixels = Photo(path.read_bytes(), 250).picture(1600).pixels
        found = detector.detect(pixels)
        if person is not None:
            found = [min(found, key=lambda face: from_the_middle(face, pixels.shape[1]))]
        faces += [
            Known(len(faces) + at, number, encoding, person, person, person is not None)
            for at, encoding in enumerate(encoder.encode(pixels, found))
        ]
    return faces


def from_the_middle(face: Detection, side: int) -> float:
    box = face.box
    return abs(box.left + box.right - side) + abs(box.top + box.bottom - side)


def calibrated(library: list[Known]) -> Calibration:
    people = defaultdict(list)
    for face in library:
        if face.person is not None:
            people[face.person].append(face.encoding)
    looks = [
        Look(0, person, np.mean(np.stack(own)[members], axis=0, dtype=np.float64), len(members), 0)
        for person, own in people.items()
        for members in looks_of(np.stack(own), SCALE.merge)
    ]
    numbered = [Look(at, a.person, a.centroid, a.count, a.spread) for at, a in enumerate(looks)]
    return calibrate(library, numbered, SCALE)


def test_the_table_of_known_people_says_what_design_measured_on_all_of_lfw(
    library: list[Known], measured: Callable[[str], None]
) -> None:
    found = calibrated(library)
    for row in found.rows:
        shares = (row.given, row.wrong, row.strangers, row.joined)
        cells = " | ".join(f"{s.share:.1%} ({s.low:.1%} to {s.high:.1%})" for s in shares)
        measured(f"| {row.similarity:.2f} | {cells} |")
    tries = (found.rows[0].given.tries, found.rows[0].joined.tries, len(found.aside))
    measured(f"{tries[0]} positives, {tries[1]} negatives, {tries[2]} set aside. {found.why}")
    rows = {row.similarity: row for row in found.rows}
    assert rows[0.68].given.tries == PEOPLE * PHOTOS
    assert rows[0.68].joined.tries > 1000
    assert 0.4 < (rows[0.68].given.share or 0) < 0.75
    assert (rows[0.60].given.share or 0) > 0.85
    assert rows[0.68].wrong.hits == 0
    assert rows[0.68].strangers == (0, PEOPLE * PHOTOS)
    assert rows[0.68].joined.hits == 0
    assert rows[0.50].joined.hits > 0, "strangers in a group photo come as near as that"
    assert found.proposal is None
    assert f"{PEOPLE * PHOTOS} settled faces" in found.why


def test_faces_that_the_threshold_gave_say_nothing(library: list[Known]) -> None:
    waved = [
        Known(face.face, face.photo, face.encoding, face.person, face.owner, independent=False)
        for face in library
    ]
    found = calibrated(waved)
    assert found.rows[0].given.tries == 0
    assert found.proposal is None
