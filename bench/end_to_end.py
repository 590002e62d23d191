"""The real daemon on real photos, beside the loop of every face_recognition tutorial.

Run from the repository: ``python -m bench.end_to_end [--json]``.  On the same
photos in the same run:

- photos per second, from the start of the process to the last photo's faces, of the daemon and of
  ``load_image_file``, ``face_locations``, ``face_encodings`` with their defaults, on all cores and
  on one, for small photos (LFW), for group photos of 6 to 10 megapixels, and for scanned pages;
- for all of these, and for HEIC files of 12 megapixels (which the loop cannot open), what decoding,
  detecting and encoding take in one process;
- peak memory: the sum of PSS (shared pages counted once) over all processes of each;
- the time from a photo's closing to its link in a person's folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pillow_heif
import psutil
from PIL import Image, ImageOps

from bench.report import lines
from facewatchd.batch.bench import measure, sample
from facewatchd.config import load
from facewatchd.errors import NotFoundError
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SEED = 1
_LONGEST = 1800.0
_A4 = (2480, 3508)  # at 300 dpi
_KNOWN_FROM = 20  # photos in LFW of the people whose further photos are dropped in
_SAMPLED_EVERY = 0.1
_ONE_CORE = ("taskset", "-c", str(min(os.sched_getaffinity(0))))


class Run(NamedTuple):
    """What one program took for a set of photos."""

    seconds: float
    faces: int
    peak_mb: float


class PeakMemory:
    """Samples the sum of PSS of a process and all below it, in a thread."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def megabytes(self) -> float:
        """The peak so far."""
        return self.bytes / 1e6

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLED_EVERY):
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.bytes = max(self.bytes, sum(map(_pss, family)))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


@dataclass
class PinnedDaemon(Daemon):
    """A daemon that may be held to some cores, by a command that goes before its own."""

    prefix: Sequence[str] = ()

    def command(self) -> list[str]:
        """Return the command line."""
        return [*self.prefix, *super().command()]


def plain_loop(folder: Path) -> int:
    """Do what every tutorial does, and return the number of faces."""
    with warnings.catch_warnings(action="ignore"):  # its models' package uses pkg_resources
        import face_recognition  # noqa: PLC0415 - only the loop's own process loads it

    faces = 0
    for path in sorted(folder.iterdir()):
        image = face_recognition.load_image_file(path)
        locations = face_recognition.face_locations(image)
        faces += len(face_recognition.face_encodings(image, locations))
    return faces


def time_plain(photos: Path, prefix: Sequence[str]) -> Run:
    """Run the plain loop in a process of its own."""
    command = [*prefix, sys.executable, "-m", "bench.end_to_end", "--plain", str(photos)]
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with PeakMemory(process.pid) as memory:
        output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"The plain loop ended with code {process.returncode}.")
    return Run(time.monotonic() - start, int(output), memory.megabytes)


def time_daemon(photos: Path, workers: int, prefix: Sequence[str]) -> Run:
    """Run the daemon on ``photos`` from its first start until it has read all of them."""
    files = sorted(photos.iterdir())
    with _running(files, workers, prefix) as daemon, PeakMemory(_pid(daemon)) as memory:
        daemon.wait_for(_all_read(daemon, len(files)), _LONGEST)
        seconds = time.time() - psutil.Process(_pid(daemon)).create_time()
        status = daemon.wait_until_idle(_LONGEST)
    return Run(seconds, status["faces"], memory.megabytes)


def _all_read(daemon: Daemon, photos: int) -> Callable[[], bool]:
    def read() -> bool:
        files = daemon.status()["files"]
        return bool(files["done"] + files["failed"] == photos)

    return read


def time_links(library: Sequence[Path], drops: Sequence[Path], workers: int) -> dict[str, Any]:
    """Drop photos of known people into the running daemon, one after the other.

    Returns the seconds from closing each file to its link in a person's folder, and how many faces
    were left doubtful, which get no link there.
    """
    linked: list[float] = []
    doubtful = 0
    with _running(library, workers) as daemon:
        daemon.wait_for(_all_read(daemon, len(library)), _LONGEST)
        daemon.wait_until_idle(_LONGEST)
        daemon.recluster(_LONGEST)
        people = len(daemon.folders())
        for photo in drops:
            shutil.copyfile(photo, daemon.photos / photo.name)
            seconds = _seconds_to_link(daemon, photo.name, time.monotonic())
            if seconds is None:
                doubtful += 1
            else:
                linked.append(seconds)
    return {
        "library": len(library),
        "people with a folder": people,
        "dropped": len(drops),
        "left doubtful": doubtful,
        "seconds from closed to linked": {
            name: measure(linked) if linked else None
            for name, measure in (("min", min), ("median", statistics.median), ("max", max))
        },
    }


def _seconds_to_link(daemon: Daemon, name: str, closed: float) -> float | None:
    """Wait for a link called ``name``; None when the daemon is done and made none."""

    def is_linked() -> bool:
        return any(daemon.output.glob(f"person_*/{name}"))

    def is_over() -> bool:
        return is_linked() or (_is_read(daemon, name) and daemon.is_idle())

    daemon.wait_for(is_over, _LONGEST)
    return time.monotonic() - closed if is_linked() else None


def _is_read(daemon: Daemon, name: str) -> bool:
    try:
        answer = daemon.client.find(os.fsencode(daemon.photos / name))
    except NotFoundError:
        return False
    return bool(answer["state"] == "done")


@contextmanager
def _running(
    photos: Sequence[Path], workers: int, prefix: Sequence[str] = ()
) -> Iterator[PinnedDaemon]:
    """Start a daemon on copies of ``photos``, and stop it at the end."""
    with tempfile.TemporaryDirectory() as home:
        daemon = PinnedDaemon(
            Path(home), ["--workers", str(workers), "--log-level", "warning"], prefix=prefix
        )
        _copy(photos, daemon.photos)
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.stop()


def _pid(daemon: Daemon) -> int:
    if daemon.process is None:
        raise RuntimeError("the daemon was not started")
    return daemon.process.pid


def _copy(photos: Sequence[Path], folder: Path) -> None:
    """Copy photos with their times, so that they count as old files that nobody writes."""
    for photo in photos:
        shutil.copy2(photo, folder)


def small(photos: Path, count: int, folder: Path) -> None:
    """Put ``count`` photos of LFW, drawn at random, into ``folder``."""
    everything = sorted((photos / "lfw").glob("*.jpg"))
    _copy(random.Random(_SEED).sample(everything, count), folder)  # noqa: S311 - a sample


def large(photos: Path, folder: Path) -> None:
    """Put the group photos into ``folder``, each with 6, 8 and 10 megapixels and mirrored too."""
    for photo in sorted((photos / "groups").glob("*.jpg")):
        with Image.open(photo) as picture:
            for megapixels in (6, 8, 10):
                sized = _sized(picture, megapixels)
                _keep(sized, folder / f"{photo.stem}-{megapixels}.jpg")
                _keep(ImageOps.mirror(sized), folder / f"{photo.stem}-{megapixels}m.jpg")


def heics(photos: Path, folder: Path) -> None:
    """Put the group photos into ``folder`` as HEIC files of 12 megapixels."""
    pillow_heif.register_heif_opener()
    for photo in sorted((photos / "groups").glob("*.jpg")):
        with Image.open(photo) as picture:
            _keep(_sized(picture, 12), folder / f"{photo.stem}.heic")


def scans(photos: Path, folder: Path) -> None:
    """Put pages into ``folder`` as a scanner makes them: A4 at 300 dpi, six portraits each, PNG."""
    portraits = sorted((photos / "bbt").glob("*/*.*"))[:24]
    for page in range(4):
        sheet = Image.new("RGB", _A4, "white")
        for number, path in enumerate(portraits[6 * page : 6 * page + 6]):
            with Image.open(path) as portrait:
                place = (100 + number % 2 * 1200, 100 + number // 2 * 1150)
                sheet.paste(ImageOps.contain(portrait.convert("RGB"), (1000, 1000)), place)
        _keep(sheet, folder / f"page{page}.png")


def _sized(picture: Image.Image, megapixels: int) -> Image.Image:
    factor = math.sqrt(megapixels * 1e6 / (picture.width * picture.height))
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _keep(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=92)
    os.utime(path, (0, 0))  # an old file, which nobody writes


def library_and_drops(photos: Path, strangers: int, drops: int) -> tuple[list[Path], list[Path]]:
    """Return a library of known people and ``strangers``, and photos of the known to drop in."""
    by_person = defaultdict(list)
    with (photos / "lfw.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            by_person[row["person"]].append(photos / "lfw" / row["file"])
    order = random.Random(_SEED)  # noqa: S311 - a sample
    known = sorted(p for p, files in by_person.items() if len(files) >= _KNOWN_FROM)
    once = sorted(p for p, files in by_person.items() if len(files) == 1)
    chosen = order.sample(known, 5)
    library = [file for p in chosen for file in by_person[p][: _KNOWN_FROM - 4]]
    library += [by_person[p][0] for p in order.sample(once, strangers)]
    later = [file for p in chosen for file in by_person[p][_KNOWN_FROM - 4 : _KNOWN_FROM]]
    return library, order.sample(later, drops)


def compare(photos: Path, workers: int) -> dict[str, Any]:
    """Time both programs on all cores and on one."""
    count = len(list(photos.iterdir()))
    report: dict[str, Any] = {"photos": count}
    for cores, used, prefix in (("all cores", workers, ()), ("one core", 1, _ONE_CORE)):
        plain = time_plain(photos, prefix)
        daemon = time_daemon(photos, used, prefix)
        report[cores] = {
            "plain loop": _figures(plain, count),
            "daemon": {"workers": used, **_figures(daemon, count)},
            "daemon to plain loop, photos a second": plain.seconds / daemon.seconds,
        }
    return report


def stages(folder: Path) -> dict[str, float]:
    """Return the milliseconds of each stage of a photo of ``folder``, and the faces found."""
    places = {"output": folder / "people", "state": folder / "state"}
    settings = load(None, {"roots": [{"path": folder}], "workers": 1, **places})
    measured = measure(sample([folder], 40), settings)
    spent = {name: 1000 * seconds for name, seconds in measured.stages._asdict().items()}
    return {"megapixels": measured.megapixels, "faces": measured.faces, **spent}


def _figures(run: Run, photos: int) -> dict[str, float]:
    return {
        "photos a second": photos / run.seconds,
        "faces": run.faces,
        "peak MB (sum of PSS)": run.peak_mb,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = os.environ.get("FACEWATCHD_SHARED", "../shared")
    parser.add_argument("--photos", type=Path, default=Path(shared) / "photos", help="test photos")
    parser.add_argument("--small", type=int, default=300, help="small photos to time")
    parser.add_argument("--drops", type=int, default=10, help="photos to drop in, at most 20")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        print(plain_loop(options.plain))
        return
    report: dict[str, Any] = {"cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as home:
        made = {name: Path(home, name) for name in ("small", "large", "scans", "heics")}
        for folder in made.values():
            folder.mkdir()
        small(options.photos, options.small, made["small"])
        large(options.photos, made["large"])
        scans(options.photos, made["scans"])
        heics(options.photos, made["heics"])
        report["small photos (LFW)"] = compare(made["small"], options.workers)
        report["group photos of 6 to 10 megapixels"] = compare(made["large"], options.workers)
        report["scanned pages, A4 at 300 dpi, PNG"] = compare(made["scans"], options.workers)
        report["one process, ms a photo"] = {name: stages(made[name]) for name in made}
    library, drops = library_and_drops(options.photos, 100, options.drops)
    report["dropped in"] = time_links(library, drops, options.workers)
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))


if __name__ == "__main__":
    main()
