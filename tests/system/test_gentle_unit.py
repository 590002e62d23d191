"""What the confined service sees of the machine's power and load."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.booted import CTL, PHOTOS, PYTHON, SOCKET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.booted import Machine

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

SUPPLIES = Path("/sys/class/power_supply")
ONE_FOLDER = [{"path": str(PHOTOS / "bbt" / "amy")}]
LOOK_TWICE = """
from facewatchd.pipeline.load import Load
import time
load = Load(pid={pid})
assert load.others() is None
time.sleep(0.5)
print(load.others())
"""


@pytest.fixture
def battery(machine: Machine) -> Path:
    """Give the machine a battery, and return the file that says how that is."""
    made = machine.path(Path("/run/supplies/BAT0"))
    if not made.exists():
        made.mkdir(parents=True)
        (made / "type").write_text("Battery\n")
        machine.run("mount", "--bind", "/run/supplies", SUPPLIES)
    return made / "status"


def test_the_service_sees_the_battery_and_leaves_it_alone(
    machine: Machine, battery: Path, shown: Callable[..., None]
) -> None:
    battery.write_text("Discharging\n")
    machine.begin(roots=ONE_FOLDER)
    machine.wait_for(lambda: machine.status()["files"]["pending"] == 5, 30)
    machine.wait_for(lambda: machine.status()["paused"], 30)
    assert machine.status()["paused"] == "on battery (work.on_battery)"
    assert machine.status()["workers"] == 0
    assert 'facewatchd_paused{reason="battery"} 1' in machine.run(
        CTL, "--socket", SOCKET, "metrics"
    )
    battery.write_text("Charging\n")
    machine.write(roots=ONE_FOLDER, people={"min_photos": 4})
    machine.run("systemctl", "reload", "facewatchd")  # it looks at once; else every 30 s
    machine.wait_for(lambda: machine.status()["workers"] > 0, 30)
    assert machine.status()["paused"] is None
    shown(
        "the machine runs on a battery, and on mains power again",
        "no photo is read meanwhile, and the status says why; then all are",
        "no photo was read, and then they were",
    )


def test_the_service_sees_what_others_use_of_the_processors(machine: Machine) -> None:
    pid = machine.begin(roots=ONE_FOLDER)
    inside = (*machine.inside(pid), "setpriv", "--reuid", "facewatchd", "--clear-groups")
    others = machine.run(*inside, PYTHON, "-c", LOOK_TWICE.format(pid=pid))
    assert 0 <= float(others) <= 1
