"""A metadata tool rewrites a whole library below the running daemon: nothing is encoded again."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ExifTags, Image, ImageOps

from tests.conftest import missing
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.daemon import Daemon

    Shown = Callable[[str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

Faces = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=[pytest.param(30, id="few"), pytest.param(500, marks=WHOLE)])
def library(daemon: Daemon, photos: Path, request: pytest.FixtureRequest) -> Daemon:
    """A daemon that has read so many photos of people; up to 150 are of people seen often."""
    if shutil.which("exiftool") is None:
        missing("exiftool")
    source = sorted((photos / "lfw").iterdir())
    often = [p for p in source if p.name.startswith(("George_W_Bush", "Colin_Powell"))][:150]
    for path in [*often, *(p for p in source if p not in often)][: request.param]:
        shutil.copyfile(path, daemon.photos / path.name)
    daemon.start()
    daemon.wait_until_idle(400)
    daemon.recluster()
    assert daemon.status()["files"]["done"] == request.param
    assert daemon.status()["folders"] >= 2
    return daemon


def exiftool(*arguments: str | Path) -> None:
    subprocess.run(["exiftool", "-q", *arguments], check=True, capture_output=True)


def wait_until_read(daemon: Daemon) -> None:
    """Wait until every file's row is of the file as it is now, and nothing is left to do."""
    now = {bytes(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in daemon.photos.iterdir()}

    def is_read() -> bool:
        rows = daemon.rows("SELECT path, size, mtime_ns FROM files WHERE state = 'done'")
        return {path: (size, mtime) for path, size, mtime in rows} == now

    daemon.wait_for(is_read, 120)
    daemon.wait_until_idle()


def encoded(daemon: Daemon) -> tuple[list[Any], list[Any]]:
    """Return what is encoded once for each photo: photos with their hashes, faces with people."""
    return (
        daemon.rows("SELECT id, hash FROM photos ORDER BY id"),
        daemon.rows(
            "SELECT faces.id, photo, quality, encoding, person FROM faces"
            " LEFT JOIN looks ON looks.id = look ORDER BY faces.id"
        ),
    )


def find(daemon: Daemon, path: Path) -> dict[str, Any]:
    client = daemon.client
    return client.find(os.fsencode(path))


def faces(daemon: Daemon) -> Faces:
    return {path.name: find(daemon, path)["faces"] for path in sorted(daemon.photos.iterdir())}


def turned_by_pillow(path: Path, box: list[int]) -> list[int]:
    """Return where the stored pixels in ``box`` are when Pillow turns the file upright."""
    with Image.open(path) as image:
        mark = Image.new("L", image.size)
        mark.paste(255, (box[0], box[1], box[2], box[3]))
        mark.getexif()[ExifTags.Base.Orientation] = image.getexif()[ExifTags.Base.Orientation]
    found = ImageOps.exif_transpose(mark).getbbox()
    assert found is not None
    return list(found)


def test_exiftool_rewrites_tags_and_orientation_of_a_library(library: Daemon, shown: Shown) -> None:
    paths = sorted(library.photos.iterdir())
    before, found = encoded(library), faces(library)
    covers = {path: path.read_bytes() for path in library.output.glob("person_*/cover.jpg")}
    assert covers

    tags = ["-Artist=Somebody", "-Keywords=holiday", "-DateTimeOriginal=2001:02:03 04:05:06"]
    exiftool("-overwrite_original", *tags, library.photos)
    wait_until_read(library)
    assert encoded(library) == before
    assert faces(library) == found
    assert find(library, paths[0])["captured"] == {"at": 981173106.0, "source": "exif"}

    turning: list[str | Path] = []
    for orientation in range(2, 9):
        turning += [f"-Orientation#={orientation}", *paths[orientation - 2 :: 7], "-execute"]
    exiftool(*turning[:-1], "-common_args", "-q", "-overwrite_original")
    wait_until_read(library)
    photos_after, faces_after = encoded(library)
    with_faces = {row[1] for row in before[1]}
    assert photos_after == before[0]
    # Only photos without any face are read anew: they may have been lying on their side.
    assert [row for row in faces_after if row[1] in with_faces] == before[1]
    turned = 0
    for path in paths:
        expected = {tuple(turned_by_pillow(path, face["box"])) for face in found[path.name]}
        now = find(library, path)["faces"]
        if expected:
            assert {tuple(face["box"]) for face in now} == expected, path.name
            assert {f["person"] for f in now} == {f["person"] for f in found[path.name]}
            turned += 1
    library.wait_for(lambda: _all_made_anew(covers), 60)

    exiftool("-overwrite_original", "-Orientation#=1", library.photos)
    wait_until_read(library)
    assert {n: f for n, f in faces(library).items() if found[n]} == {
        n: f for n, f in found.items() if f
    }
    assert library.stop() == 0
    shown(
        f"exiftool rewrites tags, then the orientation, of {len(paths)} photos",
        f"none encoded again; the boxes of all {turned} with faces are right, and all people kept",
    )


def _all_made_anew(covers: dict[Path, bytes]) -> bool:
    """Whether the cover of each person shows the turned picture."""
    return all(path.exists() and path.read_bytes() != old for path, old in covers.items())
