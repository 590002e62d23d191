"""Whether the machine runs on a battery, by folders like the kernel's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from facewatchd.pipeline.power import on_battery

if TYPE_CHECKING:
    from pathlib import Path

MAINS = {"type": "Mains", "online": "1"}
EMPTYING = {"type": "Battery", "status": "Discharging", "scope": "System"}


def told(folder: Path, *supplies: dict[str, str]) -> bool:
    for number, supply in enumerate(supplies):
        place = folder / f"supply{number}"
        place.mkdir(parents=True)
        for name, word in supply.items():
            (place / name).write_text(f"{word}\n")
    return on_battery(folder)


def test_a_machine_without_a_battery_has_mains_power(tmp_path: Path) -> None:
    assert not told(tmp_path)
    assert not on_battery(tmp_path / "no such folder")


def test_a_laptop_that_is_plugged_in_is_not_on_battery(tmp_path: Path) -> None:
    assert not told(tmp_path, MAINS, {"type": "Battery", "status": "Charging"})


def test_a_laptop_that_is_not_is_on_battery(tmp_path: Path) -> None:
    assert told(tmp_path, {"type": "Mains", "online": "0"}, EMPTYING)


def test_a_battery_that_helps_a_weak_charger_is_no_reason(tmp_path: Path) -> None:
    assert not told(tmp_path, {"type": "USB", "online": "1"}, EMPTYING)


def test_a_full_battery_without_a_word_of_mains_is_no_reason(tmp_path: Path) -> None:
    assert not told(tmp_path, {"type": "Battery", "status": "Full"})


def test_the_battery_of_a_mouse_is_none_of_the_machines(tmp_path: Path) -> None:
    assert not told(tmp_path, EMPTYING | {"scope": "Device"})


def test_an_uninterruptible_power_supply_is_a_battery(tmp_path: Path) -> None:
    assert told(tmp_path, EMPTYING | {"type": "UPS"})


def test_mains_power_that_belongs_to_a_device_does_not_count(tmp_path: Path) -> None:
    assert told(tmp_path, MAINS | {"scope": "Device"}, EMPTYING)
