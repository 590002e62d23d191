"""Models from a real HTTP server, which breaks off, changes its file, or knows no ranges."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import subprocess
import sys
from pwd import getpwuid
from typing import TYPE_CHECKING

import pytest

from facewatchd.errors import FacewatchError
from facewatchd.models.fetch import fetch
from facewatchd.models.folder import Folder
from facewatchd.models.install import install
from facewatchd.models.part import Part
from tests.support.file_server import Served, serve
from tests.support.models import DATA, silent, single, there
from tests.support.mounts import Mounts, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from facewatchd.models.known import Model


HALF = 1_000_000
NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "state" / "models")


@pytest.fixture
def server() -> Iterator[Served]:
    with serve(DATA) as served:
        yield served


def broken_off(model: Model, folder: Folder, server: Served) -> None:
    """Have the connection cut in the middle."""
    server.cut_after = HALF
    with pytest.raises(FacewatchError, match=r"broke off after 1,000,000 of 3,072,000"):
        fetch(model, folder, server.address, silent)
    server.cut_after = None
    assert there(folder)["one.part"] == DATA[:HALF]
    assert not folder.has(model)


def test_a_model_comes_whole_for_its_owner_alone_with_its_checksum_beside_it(
    folder: Folder, server: Served
) -> None:
    model = single()
    words = fetch(model, folder, server.address, silent)
    assert words == "Its SHA-256 is the one in X."
    digest = hashlib.sha256(DATA).hexdigest()
    assert there(folder) == {"one.onnx": DATA, "one.sha256": f"{digest}  one.onnx\n".encode()}
    assert folder.has(model)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert set(modes.values()) == {0o600}
    for made in (folder.path, folder.path.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_sha256sum_reads_what_was_recorded(folder: Folder, server: Served) -> None:
    fetch(single(), folder, server.address, silent)
    checked = subprocess.run(
        ["sha256sum", "-c", "one.sha256"], cwd=folder.path, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout) == (0, b"one.onnx: OK\n")


def test_a_download_goes_on_where_it_broke_off(folder: Folder, server: Served) -> None:
    broken_off(single(), folder, server)
    fetch(single(), folder, server.address, silent)
    assert server.asked == [None, f"bytes={HALF}-"]
    assert server.sent == [HALF, len(DATA) - HALF]
    assert there(folder)["one.onnx"] == DATA


def test_progress_tells_what_was_there_already_and_ends_with_all(
    folder: Folder, server: Served
) -> None:
    broken_off(single(), folder, server)
    told: list[tuple[int, int | None]] = []
    fetch(single(), folder, server.address, lambda *both: told.append(both))
    assert told[0] == (HALF, len(DATA))
    assert told[-1] == (len(DATA), len(DATA))
    assert told == sorted(told)
    assert len(told) > 5


def test_a_server_without_ranges_sends_all_of_it_again(folder: Folder, server: Served) -> None:
    broken_off(single(), folder, server)
    server.ranges = False
    fetch(single(), folder, server.address, silent)
    assert server.sent == [HALF, len(DATA)]
    assert there(folder)["one.onnx"] == DATA


@pytest.mark.parametrize("header", ["ETag", "Last-Modified"])
def test_a_file_that_changed_on_the_server_is_not_joined_to_the_old_one(
    folder: Folder, server: Served, header: str
) -> None:
    new = DATA[::-1]
    server.validator = (header, '"1"')
    broken_off(single(), folder, server)
    server.data, server.validator = new, (header, '"2"')
    fetch(single(new), folder, server.address, silent)
    assert server.asked == [None, f"bytes={HALF}-"]
    assert there(folder)["one.onnx"] == new


@pytest.mark.parametrize("validator", [None, ("ETag", 'W/"1"')])
def test_what_cannot_be_told_apart_is_fetched_from_the_start(
    folder: Folder, server: Served, validator: tuple[str, str] | None
) -> None:
    server.validator = validator
    broken_off(single(), folder, server)
    fetch(single(), folder, server.address, silent)
    assert server.asked == [None, None]


def test_the_beginning_from_another_address_is_not_continued(
    folder: Folder, server: Served
) -> None:
    broken_off(single(), folder, server)
    fetch(single(), folder, server.address.replace("/file", "/mirror"), silent)
    assert server.asked == [None, None]
    assert there(folder)["one.onnx"] == DATA


def test_a_part_that_is_longer_than_what_the_server_has_is_fetched_anew(
    folder: Folder, server: Served
) -> None:
    broken_off(single(), folder, server)
    server.data = DATA[: HALF // 2]
    fetch(single(server.data), folder, server.address, silent)
    assert server.asked == [None, f"bytes={HALF}-", None]
    assert there(folder)["one.onnx"] == DATA[: HALF // 2]


def test_a_whole_part_of_a_fetch_that_was_killed_is_not_asked_for_again(
    folder: Folder, server: Served
) -> None:
    folder.prepare()
    folder.part(single()).write_bytes(DATA)
    fetch(single(), folder, server.address, silent)
    assert server.asked == []
    assert there(folder)["one.onnx"] == DATA


def test_a_fetch_that_is_killed_leaves_only_its_part_and_the_next_goes_on(
    folder: Folder, server: Served
) -> None:
    endless = """
import sys, time
from pathlib import Path
from tests.integration.test_models_fetch import *
def slow(have, total):
    if have >= HALF:
        print("half", flush=True)
        time.sleep(60)
fetch(single(), Folder(Path(sys.argv[1])), sys.argv[2], slow)
"""
    command = [sys.executable, "-c", endless, str(folder.path), server.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        with pytest.raises(FacewatchError, match="is being downloaded already"):
            fetch(single(), folder, server.address, silent)
        process.kill()
    assert set(there(folder)) == {"one.part", "one.part.from"}
    came = len(there(folder)["one.part"])
    assert came >= HALF
    fetch(single(), folder, server.address, silent)
    assert server.asked == [None, f"bytes={came}-"]
    assert there(folder)["one.onnx"] == DATA


def test_a_wrong_checksum_leaves_nothing(folder: Folder, server: Served) -> None:
    server.data = DATA[:-1] + b"!"
    with pytest.raises(FacewatchError, match=r"its SHA-256 is .* not "):
        fetch(single(), folder, server.address, silent)
    assert there(folder) == {}


def test_a_wrong_file_leaves_the_one_that_is_in_place(folder: Folder, server: Served) -> None:
    fetch(single(), folder, server.address, silent)
    before = there(folder)
    server.data = DATA[::-1]
    with pytest.raises(FacewatchError):
        fetch(single(), folder, server.address, silent)
    assert there(folder) == before


@pytest.mark.parametrize("says_length", [True, False])
def test_more_than_the_model_has_is_not_downloaded(
    folder: Folder, server: Served, *, says_length: bool
) -> None:
    server.says_length = says_length
    with pytest.raises(FacewatchError, match="is larger"):
        fetch(single(DATA[:HALF]), folder, server.address, silent)
    assert there(folder) == {}


def test_a_checksum_that_nobody_states_is_recorded_and_compared_from_then_on(
    folder: Folder, server: Served
) -> None:
    model = single(cited=False)
    words = fetch(model, folder, server.address, silent)
    assert words.startswith("Nobody states its SHA-256: what came now was recorded in")
    words = fetch(model, folder, server.address, silent)
    assert words.startswith("Its SHA-256 is the one that was recorded at the first fetch")
    before = there(folder)
    server.data, server.validator = DATA[::-1], ("ETag", '"2"')
    with pytest.raises(FacewatchError) as caught:
        fetch(model, folder, server.address, silent)
    assert "remove one.sha256" in caught.value.remedy
    kept = there(folder)
    assert {name: kept[name] for name in before} == before


def test_offline_is_one_error_with_the_address_and_the_place_to_put_it_by_hand(
    folder: Folder,
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/one.onnx"
        with pytest.raises(FacewatchError) as caught:
            fetch(single(), folder, address, silent)
    assert caught.value.title == f"one cannot be fetched from {address}: Connection refused."
    assert "Download https://example.org/one.onnx" in caught.value.remedy
    assert "facewatchctl models fetch one --from FILE" in caught.value.remedy
    assert str(folder.path / "one.onnx") in caught.value.remedy
    assert there(folder) == {}


@pytest.mark.parametrize("status", [403, 404, 416, 503])
def test_a_refusal_of_the_server_is_told_with_its_number(
    folder: Folder, server: Served, status: int
) -> None:
    server.status = status
    with pytest.raises(FacewatchError, match=f"the server answers {status} "):
        fetch(single(), folder, server.address, silent)


def test_an_address_that_is_none_is_an_error_of_ours(folder: Folder) -> None:
    for address in ("http://", "http://[", "http://a b/", "https://127.0.0.1:0/x"):
        with pytest.raises(FacewatchError, match="cannot be fetched"):
            fetch(single(), folder, address, silent)


def test_what_a_kill_left_while_it_unpacked_is_in_nobodys_way(
    folder: Folder, server: Served
) -> None:
    left = folder.staging(single())
    left.mkdir(parents=True)
    (left / "one.onnx").write_bytes(b"half")
    fetch(single(), folder, server.address, silent)
    assert set(there(folder)) == {"one.onnx", "one.sha256"}


def test_a_full_disk_is_an_error_of_ours_and_the_next_fetch_goes_on(
    folder: Folder, server: Served, tmp_path: Path
) -> None:
    needs_root()
    mounts = Mounts(tmp_path)
    try:
        mounts.mount(folder.path, "-t", "tmpfs", "-o", "size=2m,mode=700", "full")
        with pytest.raises(FacewatchError, match="No space left on device"):
            fetch(single(), folder, server.address, silent)
        came = len(there(folder)["one.part"])
        subprocess.run(["mount", "-o", "remount,size=9m", folder.path], check=True)
        fetch(single(), folder, server.address, silent)
        assert server.asked == [None, f"bytes={came}-"]
        assert there(folder)["one.onnx"] == DATA
    finally:
        mounts.close()


def test_root_does_not_fetch_what_the_daemon_could_not_read(folder: Folder, server: Served) -> None:
    needs_root()
    folder.path.parent.mkdir()
    os.chown(folder.path.parent, NOBODY, NOBODY)
    with pytest.raises(FacewatchError, match="could not read what root fetches") as caught:
        fetch(single(), folder, server.address, silent)
    assert "runuser -u " in caught.value.remedy
    assert server.asked == []
    assert not folder.path.exists()


def test_root_fetches_nothing_for_a_daemon_whose_state_is_anothers(
    tmp_path: Path, server: Served
) -> None:
    needs_root()
    models, state = tmp_path / "models", tmp_path / "state"
    for made in (models, state):
        made.mkdir()
    os.chown(state, NOBODY, NOBODY)
    folder = Folder(models / "below", state)
    with pytest.raises(FacewatchError, match=f"{state} belongs to ") as caught:
        fetch(single(), folder, server.address, silent)
    user = getpwuid(NOBODY).pw_name
    assert f"install -d -o {user} {models / 'below'} && runuser -u {user} " in caught.value.remedy
    folder.path.mkdir()
    with pytest.raises(FacewatchError) as caught:
        fetch(single(), folder, server.address, silent)
    assert f"chown -R {user} {models / 'below'} && runuser" in caught.value.remedy
    assert server.asked == []
    os.chown(state, 0, 0)
    fetch(single(), folder, server.address, silent)
    assert folder.has(single())


def test_a_folder_in_the_place_of_a_model_is_named_and_stays(
    folder: Folder, tmp_path: Path
) -> None:
    (folder.path / "one.onnx").mkdir(parents=True)
    source = tmp_path / "one.onnx"
    source.write_bytes(DATA)
    with pytest.raises(FacewatchError, match=r"one\.onnx is a folder, where the model") as caught:
        install(single(), folder, source)
    assert caught.value.remedy == f"Move it away: mv {folder.path / 'one.onnx'} ELSEWHERE"
    assert (folder.path / "one.onnx").is_dir()


def test_a_record_that_is_no_text_is_an_error_with_what_to_type(folder: Folder) -> None:
    folder.path.mkdir(parents=True)
    (folder.path / "one.sha256").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FacewatchError, match=r"record .*one\.sha256 is damaged") as caught:
        folder.recorded(single())
    assert f"rm {folder.path / 'one.sha256'}; facewatchctl models fetch one" in caught.value.remedy


def test_a_part_that_was_removed_while_it_was_opened_is_opened_anew(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.mkdir(parents=True)
    path = folder.part(single())
    path.write_bytes(b"of one that ends now")
    flock = fcntl.flock

    def late(descriptor: int, operation: int) -> None:
        """Lock after another process has ended and removed the file."""
        monkeypatch.undo()
        path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with Part.opened(path) as part:
        assert part.size == 0
        part.append(b"ours")
        assert path.read_bytes() == b"ours"


def test_a_note_that_cannot_be_written_is_an_error_of_ours(folder: Folder) -> None:
    folder.path.mkdir(parents=True)
    path = folder.part(single())
    with Part.opened(path) as part:
        (folder.path / f"{path.name}.from").mkdir()
        with pytest.raises(FacewatchError, match=r"one\.part\.from cannot be written"):
            part.restart("https://example.org/one.onnx", '"1"')
        (folder.path / f"{path.name}.from").rmdir()
