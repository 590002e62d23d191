"""What a worker logs and prints, in the journal of a systemd that really booted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.booted import PHOTOS
from tests.support.soak import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.booted import Machine

    Shown = Callable[[str, str, str], None]

pytestmark = [pytest.mark.system, pytest.mark.timeout(300), *WHOLE]

PLUGINS = Path("/srv/plugins")
OURS = Path(__file__).resolve().parents[1] / "plugins"
FEW = Path("/srv/few")
TALK = 3000  # lines that the detector logs for each photo, and that it prints


def test_a_plugin_that_talks_without_end_does_not_flood_the_journal(
    machine: Machine, shown: Shown
) -> None:
    machine.path(PLUGINS).mkdir()
    for each in ("rogue_detector.py", "facewatchd_rogue-1.dist-info"):
        source = OURS / each
        (shutil.copytree if source.is_dir() else shutil.copyfile)(
            source, machine.path(PLUGINS / each)
        )
    machine.run("install", "-d", "-m", "755", FEW)
    for name in ("Anna.jpg", "Anna 2.jpg"):
        machine.run("cp", PHOTOS / "bbt" / "amy" / "amy1.png", FEW / name)
        machine.run("sh", "-c", 'echo "$1" >> "$0"', FEW / name, name)  # two contents
    machine.configure(roots=[{"path": str(FEW)}], engine={"detector": "talks"}, workers=1)
    machine.adapt(f"Environment=PYTHONPATH={PLUGINS}")
    machine.open_folders()
    machine.start()
    machine.wait_for(lambda: machine.status()["files"]["done"] == 2, 120)
    machine.stop()

    def of(logger: str) -> list[dict[str, Any]]:
        return [each for each in machine.journal() if each.get("LOGGER") == logger]

    talk = [each for each in of("rogue_detector") if "more like this" not in each["MESSAGE"]]
    assert len(talk) == 100
    assert {each["PRIORITY"] for each in talk} == {"4"}
    assert {each["PHOTO"] for each in talk} <= {str(FEW / "Anna.jpg"), str(FEW / "Anna 2.jpg")}
    (left_out,) = (each for each in of("rogue_detector") if each not in talk)
    read = len({each["PHOTO"] for each in of("facewatchd.chatter")})
    assert left_out["MESSAGE"].startswith(f"{read * TALK - 100} more like this were left out:")
    for printed in of("facewatchd.chatter"):
        assert printed["PRIORITY"] == "6"
        assert printed["MESSAGE"].endswith(f"printed {TALK - 1}\nall printed")
    assert "Anna" not in "".join(each["MESSAGE"] for each in machine.journal())
    shown(
        f"a plugin logs {TALK:,} warnings and prints as many lines for a photo",
        "at most 100 records a minute, with the photo, and one that counts the others",
        f"{len(talk)} records and one of {left_out['MESSAGE'].split()[0]} more",
    )
