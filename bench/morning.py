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
_QUIET = 5.0  # seconds
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
    """Start ``daemon``, leave it alone until all faces are clustered and it is idle for a while.

    The last clustering of a first start may wait: clusterings take a small share of the time.
    Returns the seconds from the start to when nothing was left to do.
    """
    start = time.monotonic()
    idle_since: float | None = None
    daemon.start()

    def nothing_left() -> bool:
        nonlocal idle_since
        status = daemon.status()
        read = status["files"].get("done", 0) + status["files"].get("failed", 0) >= photos
        clustered = status["recluster"]["last"] and status["recluster"]["new_faces"] == 0
        if not (read and clustered and status["state"] == "idle"):
            idle_since = None
        elif idle_since is None:
            idle_since = time.monotonic()
        return idle_since is not None and time.monotonic() - idle_since > _QUIET

    daemon.wait_for(nothing_left, _LONGEST)
    return (idle_since or 0.0) - start


def found(daemon: Daemon) -> dict[str, Any]:
    """Return what there is in the morning, and how much of it should not be."""
    status = daemon.status()
    client = daemon.client
    people = [
        each for each in client.people() if (daemon.output / (each["folder"] or "-")).is_dir()
    ]
    links = list(_doubtful(daemon))
    return {
        "photos": status["photos"],
        "faces": status["faces"],
        "clusterings": status["recluster"]["runs"],
        "people": status["people"],
        "people with a folder": len(people),
        "faces of them": sum(person["faces"] for person in people),
        "folders that do not show what they should": sum(
            _links(daemon.output / person["folder"]) != person["photos"] for person in people
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
