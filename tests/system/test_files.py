"""What happens to files: dropped, moved, copied, changed, deleted, broken, ignored."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from facewatchd.errors import NotFoundError
from tests.support.pictures import another

if TYPE_CHECKING:
    from facewatchd.client import Client
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.system


@pytest.fixture
def library(daemon: Daemon, photos: Path) -> Daemon:
    """Return a running daemon that has sorted the portraits of four people."""
    for person in ("amy", "raj", "penny", "sheldon"):
        shutil.copytree(photos / "bbt" / person, daemon.photos / person)
    daemon.start()
    daemon.wait_until_idle()
    return daemon


def find(daemon: Daemon, path: Path) -> dict[str, Any]:
    """Return what is known of ``path``; nothing yet is a state of its own."""
    client = daemon.client
    try:
        return client.find(os.fsencode(path))
    except NotFoundError:
        return {"state": "unknown", "links": [], "faces": []}


def wait_for_state(daemon: Daemon, path: Path, state: str, seconds: float = 30) -> dict[str, Any]:
    daemon.wait_for(lambda: find(daemon, path)["state"] == state, seconds)
    return find(daemon, path)


def is_linked(daemon: Daemon, path: Path) -> bool:
    return any(os.path.realpath(path) in paths for paths in daemon.folders().values())


def folder_of(daemon: Daemon, path: Path) -> str:
    """Return the one folder of a person that links to ``path``."""
    (name,) = (n for n, paths in daemon.folders().items() if os.path.realpath(path) in paths)
    return name


def test_a_dropped_photo_is_in_the_folder_of_its_person(library: Daemon, photos: Path) -> None:
    target = library.photos / "dropped" / "amy.png"
    target.parent.mkdir()
    target.write_bytes(another(photos / "bbt" / "amy" / "amy3.png", 1))
    answer = wait_for_state(library, target, "done")
    (face,) = answer["faces"]
    assert face["folder"] == folder_of(library, library.photos / "amy" / "amy3.png")
    library.wait_for(lambda: is_linked(library, target), 10)


def test_a_moved_photo_keeps_its_faces_and_is_not_encoded_again(library: Daemon) -> None:
    old, new = library.photos / "amy" / "amy1.png", library.photos / "sub" / "renamed.png"
    before, folder = find(library, old), folder_of(library, old)
    new.parent.mkdir()
    old.rename(new)
    after = wait_for_state(library, new, "done")
    wait_for_state(library, old, "unknown")
    assert after["photo"] == before["photo"]
    assert after["faces"] == before["faces"]
    library.wait_for(lambda: os.path.realpath(new) in library.folders()[folder], 10)
    assert library.status()["missing"] == 0


def test_a_renamed_folder_is_not_read_again(library: Daemon) -> None:
    photos = library.status()["photos"]
    (library.photos / "raj").rename(library.photos / "rajesh")
    wait_for_state(library, library.photos / "rajesh" / "raj3.png", "done")
    library.wait_for(lambda: library.status()["files"]["done"] == 20, 10)
    status = library.wait_until_idle()
    assert (status["photos"], status["missing"]) == (photos, 0)


def test_a_copy_is_the_same_photo(library: Daemon) -> None:
    original, copy = library.photos / "amy" / "amy2.png", library.photos / "copy of amy.png"
    faces = library.status()["faces"]
    shutil.copyfile(original, copy)
    answer = wait_for_state(library, copy, "done")
    assert set(answer["paths"]) == {str(original), str(copy)}
    assert library.status()["faces"] == faces
    original.unlink()
    wait_for_state(library, original, "unknown")
    library.wait_for(lambda: is_linked(library, copy), 10)


def test_a_deleted_photo_loses_its_links_and_keeps_its_faces_for_a_while(library: Daemon) -> None:
    path = library.photos / "penny" / "penny1.png"
    faces = library.status()["faces"]
    folder = folder_of(library, path)
    path.unlink()
    library.wait_for(lambda: os.path.realpath(path) not in library.folders()[folder], 15)
    status = library.status()
    assert (status["faces"], status["missing"]) == (faces, 1)
    assert not [p for p in (library.output / folder).iterdir() if not p.exists()]


def test_a_changed_photo_is_encoded_anew(library: Daemon, photos: Path) -> None:
    path = library.photos / "penny" / "penny2.png"
    before = find(library, path)
    shutil.copyfile(photos / "bbt" / "howard" / "howard1.png", path)
    library.wait_for(
        lambda: find(library, path).get("photo") not in {before["photo"], None}, seconds=30
    )
    after = find(library, path)
    assert after["state"] == "done"
    assert after["faces"] != before["faces"]


def test_every_broken_file_fails_with_a_reason_and_the_others_are_done(
    daemon: Daemon, photos: Path
) -> None:
    shutil.copytree(photos / "odd" / "broken", daemon.photos / "broken")
    shutil.copytree(photos / "bbt" / "amy", daemon.photos / "amy")
    broken = {str(p) for p in (daemon.photos / "broken").iterdir()}
    daemon.start()
    status = daemon.wait_until_idle(200)
    client = daemon.client
    errors = {error["path"]: error for error in client.errors(1000)}
    assert set(errors) == broken
    assert all(error["tries"] == 2 and len(error["reason"]) > 10 for error in errors.values())
    assert status["files"] | {"unsupported": 0} == {
        "pending": 0,
        "done": 5,
        "failed": len(broken),
        "unsupported": 0,
    }


def test_photos_that_crash_hang_or_exhaust_a_worker_cost_only_themselves(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "plugins"))
    daemon.settings = {
        "engine": {"detector": "rogue"},
        "limits": {"seconds": 3, "memory_mb": 512},
        "workers": 2,
    }
    long_ago = 1_500_000_000
    for width in (100, 101, 102, 103, 104, 105, 106):  # the rogue detector does as the width says
        photo = daemon.photos / f"{width}.png"
        Image.new("RGB", (width, 8), "grey").save(photo)
        os.utime(photo, (long_ago, long_ago))
    daemon.start()
    status = daemon.wait_until_idle()
    assert status["files"]["done"] == 2
    errors = {Path(error["path"]).stem: error for error in daemon.client.errors(10)}
    assert all(error["tries"] == 2 for error in errors.values())
    expected = {
        "101": "crashed (SIGSEGV)",
        "102": "took longer than 3 seconds",
        "103": "needed more than 512 MB",
        "104": "The detector 'rogue' failed: ZeroDivisionError",
        "105": "was killed (SIGKILL)",
    }
    assert errors.keys() == expected.keys()
    for name, words in expected.items():
        assert words in errors[name]["reason"]


def test_formats_and_orientations_are_read(daemon: Daemon, photos: Path) -> None:
    for folder in ("formats", "orientation"):
        shutil.copytree(photos / "odd" / folder, daemon.photos / folder)
    daemon.start()
    status = daemon.wait_until_idle(200)
    client = daemon.client
    assert client.errors(1000) == []
    assert status["files"]["failed"] == 0
    assert status["files"]["done"] + status["files"]["unsupported"] == sum(
        1 for p in daemon.photos.rglob("*") if p.is_file()
    )


def test_names_from_anywhere_are_handled(library: Daemon, photos: Path) -> None:
    source = photos / "bbt" / "amy" / "amy1.png"
    names = [b"caf\xe9.png", b"new\nline.png", b"-rf.png", b"n" * 251 + b".png", b"cover.jpg"]
    folder = os.fsencode(library.photos / "odd names")
    os.mkdir(folder)
    paths = [os.path.join(folder, name) for name in names]
    for number, path in enumerate(paths):
        with open(path, "wb") as file:
            file.write(another(source, number))
    client = library.client
    for path in paths:
        library.wait_for(partial(_is_done, client, path), 30)
    library.recluster()
    for path in paths:
        links = client.find(path)["links"]
        assert links
        assert all(os.path.realpath(os.fsencode(link)) == path for link in links)


def _is_done(client: Client, path: bytes) -> bool:
    try:
        return bool(client.find(path)["state"] == "done")
    except NotFoundError:
        return False


def test_what_arrives_in_the_output_or_is_temporary_is_not_taken_in(
    library: Daemon, photos: Path
) -> None:
    source = photos / "bbt" / "amy" / "amy1.png"
    shutil.copyfile(source, library.photos / ".syncthing.amy9.png.tmp")
    shutil.copyfile(source, library.photos / "amy9.png.part")
    last = library.photos / "last.png"
    shutil.copyfile(photos / "bbt" / "bernadette" / "bernadette1.png", last)
    wait_for_state(library, last, "done")
    assert library.status()["files"]["done"] == 21
    assert library.status()["files"]["unsupported"] == 0


def test_a_video_is_counted_and_not_read(library: Daemon) -> None:
    (library.photos / "film.mp4").write_bytes(b"\0" * 1000)
    answer = wait_for_state(library, library.photos / "film.mp4", "unsupported")
    assert answer["photo"] is None
