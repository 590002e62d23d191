"""What a user finds in the morning: mixed photos, read from empty by a daemon nobody touched.

Run from the repository: ``python -m bench.morning [--json]``.  A real daemon reads 3,000 photos of
LFW, of one house and of groups, and is left alone until nothing is left to do.  Then there are
people with folders; no file and no plan waits; and each link in ``_doubtful`` is a photo with a
face that is nobody's and may be the person below whom it lies.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report import lines
from tests.support.daemon import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEED = 1
_LONGEST = 3600.0
_DOUBTFUL = "_doubtful"


def mixed(photos: Path, number: int, to: Path) -> int:
    """Copy ``number`` photos to ``to``: house and groups whole, the rest of LFW drawn at random."""
    shutil.copytree(photos / "bbt", to / "bbt")
    shutil.copytree(photos / "groups", to / "groups", ignore=shutil.ignore_patterns("LICENSE"))
    there = sum(path.suffix in {".jpg", ".png"} for path in to.rglob("*"))
    drawn = sorted((photos / "lfw").glob("*.jpg"))
    order = random.Random(_SEED)  # noqa: S311 - a sample
    for path in order.sample(drawn, min(len(drawn), number - there)):
        shutil.copy2(path, to)
        there += 1
    return there


def until_morning(daemon: Daemon, photos: int) -> float:
    """Start ``daemon``, wait until it has nothing left to do; return how many seconds that took."""
    start = time.monotonic()
    daemon.start()

    def nothing_left() -> bool:
        status = daemon.status()
        read = status["files"].get("done", 0) + status["files"].get("failed", 0) >= photos
        return bool(read and status["state"] == "idle" and status["recluster"]["last"])

    daemon.wait_for(nothing_left, _LONGEST)
    return time.monotonic() - start


def found(daemon: Daemon) -> dict[str, Any]:
    """Return what there is in the morning, and how much of it should not be."""
    status = daemon.status()
    client = daemon.client
    people = [person for person in client.people() if person["folder"]]
    links = list(_doubtful(daemon))
    return {
        "photos": status["photos"],
        "faces": status["faces"],
        "people": status["people"],
        "people with a folder": len(people),
        "of them, folders that show all their photos": sum(
            _links(daemon.output / person["folder"]) == person["photos"] for person in people
        ),
        "faces of nobody": status["doubtful"],
        "links in _doubtful": len(links),
        "links in _doubtful without a candidate": sum(
            not _may_be(daemon, folder, photo) for folder, photo in links
        ),
        "files that wait": status["files"].get("pending", 0) + status["settling"],
        "files that failed": status["files"].get("failed", 0),
        "plans that wait": int(status["recluster"]["plan"] is not None),
        "decisions": len(client.decisions()),
    }


def _doubtful(daemon: Daemon) -> Iterator[tuple[str, Path]]:
    """Yield for each link in ``_doubtful`` the folder that it is in and the photo it leads to."""
    for link in sorted((daemon.output / _DOUBTFUL).glob("*/*")):
        yield link.parent.name, link.resolve()


def _may_be(daemon: Daemon, folder: str, photo: Path) -> bool:
    """Whether a face in ``photo`` is nobody's and may be whose folder is called ``folder``."""
    client = daemon.client
    return any(
        face["person"] is None
        and folder in {candidate["folder"] for candidate in face["candidates"]}
        for face in client.find(os.fsencode(photo))["faces"]
    )


def _links(folder: Path) -> int:
    return sum(path.is_symlink() for path in folder.iterdir())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = os.environ.get("FACEWATCHD_SHARED", "../shared")
    parser.add_argument("--photos", type=Path, default=Path(shared) / "photos", help="test photos")
    parser.add_argument("--number", type=int, default=3000, help="how many photos to read")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        daemon = Daemon(Path(home), ["--log-level", "warning"])
        photos = mixed(options.photos, options.number, daemon.photos)
        try:
            seconds = until_morning(daemon, photos)
            report = {"seconds until nothing was left to do": seconds, **found(daemon)}
        finally:
            ended = daemon.stop()
    print(json.dumps(report, indent=2) if options.json else "\n".join(lines(report)))
    sys.exit(ended)


if __name__ == "__main__":
    main()
