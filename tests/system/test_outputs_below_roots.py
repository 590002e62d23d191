"""Trees that a facewatchd made below a watched folder: their copies and covers are no photos.

The same with an invented clock is in tests/integration/test_intake.py.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.daemon import Daemon
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, *WHOLE]

SETTINGS = {"output": {"link": "copy"}, "people": {"min_photos": 2}}


@pytest.fixture
def daemon(tmp_path: Path, photos: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, settings=dict(SETTINGS))
    for number in (1, 2, 3):
        shutil.copy(photos / "bbt" / "amy" / f"amy{number}.png", made.photos)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def show_in(daemon: Daemon, output: Path) -> None:
    """Start the daemon with this output, and wait for the three copies and the cover in it."""
    daemon.arguments = ["--output", str(output)]
    daemon.start()
    daemon.wait_for(lambda: len(list(output.glob("person_0001/*"))) == 4, 60)
    daemon.wait_until_idle()


def photos_of(daemon: Daemon) -> set[str]:
    return {os.path.basename(os.fsdecode(path)) for path in daemon.files(daemon.photos)}


PHOTOS = {"amy1.png", "amy2.png", "amy3.png"}


def test_a_former_output_below_a_root_is_left_out_and_told_of(daemon: Daemon) -> None:
    former = daemon.photos / "people"
    show_in(daemon, former)
    assert daemon.stop() == 0
    show_in(daemon, daemon.photos / "elsewhere")
    assert photos_of(daemon) == PHOTOS
    ignored = {each["rule"]: each["files"] for each in daemon.root(daemon.photos)["ignored"]}
    assert ignored[f".facewatchd ({former})"] > 0
    told = daemon.ctl("why", former / "person_0001" / "cover.jpg").stdout.decode()
    assert f"a folder .facewatchd, as in an output, in {former}" in told
    assert daemon.stop() == 0


def test_the_output_of_another_daemon_below_a_root_is_left_out(
    daemon: Daemon, tmp_path: Path
) -> None:
    show_in(daemon, daemon.photos / "people")
    roots = [{"path": str(daemon.photos)}]
    another = Daemon(tmp_path / "another", settings=SETTINGS | {"roots": roots})
    try:
        show_in(another, daemon.photos / "theirs")
        for each in (daemon, another):
            assert each.ctl("scan").returncode == 0
            each.wait_until_idle()
            assert {os.path.basename(p) for (p,) in each.rows("SELECT path FROM files")} == {
                os.fsencode(name) for name in PHOTOS
            }
        assert another.stop() == 0
    finally:
        if another.process is not None and another.process.poll() is None:
            another.kill()
    assert daemon.stop() == 0
