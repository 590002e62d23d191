"""A detector that was taken over: it tries to write where the variable WRITES_TO says."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from facewatchd.model import Detection, Setup


class WritingDetector:
    protocol = 1
    name = "writing"
    version = "1"
    finds_points = False

    def __init__(self, setup: Setup) -> None:
        assert setup.cache is not None
        self.notes = setup.cache / "tried.json"

    def detect(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        assert pixels.ndim == 3
        tried = {place: tried_in(Path(place)) for place in os.environ["WRITES_TO"].split(":")}
        self.notes.write_text(json.dumps(tried))
        return []


def tried_in(folder: Path) -> str:
    try:
        (folder / "new").touch()
    except OSError as error:
        return error.strerror or ""
    return "written"
