"""How much of the processors others use, by files like those of /proc."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from facewatchd.pipeline.load import Load

if TYPE_CHECKING:
    from pathlib import Path

DAEMON = 100


class Kernel:
    """A folder like /proc, for a machine of two processors; times in ticks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.busy = dict.fromkeys(("user", "nice", "system", "irq", "softirq"), 0)
        self.idle, self.iowait, self.steal = 1000, 10, 5
        self.process(DAEMON, 1, 50)
        self.write()

    def process(self, pid: int, parent: int, ticks: int, dead_children: int = 0) -> None:
        (self.folder / str(pid)).mkdir(exist_ok=True)
        counted = f"{ticks} 0 {dead_children} 0"
        # A name may hold whatever it likes.
        line = f"{pid} (a) R 1 (b) S {parent} 1 1 0 -1 0 0 0 0 0 {counted} 20 0 1 0 99 0 0\n"
        (self.folder / str(pid) / "stat").write_text(line)

    def write(self) -> None:
        b = self.busy
        fields = (b["user"], b["nice"], b["system"], self.idle, self.iowait, b["irq"],
                  b["softirq"], self.steal, 7, 7)  # fmt: skip
        (self.folder / "stat").write_text(f"cpu  {' '.join(map(str, fields))}\ncpu0 1 1\n")

    def passes(self, idle: int, **busy: int) -> None:
        self.idle += idle
        for name, ticks in busy.items():
            self.busy[name] += ticks
        self.write()


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


@pytest.fixture
def load(kernel: Kernel) -> Load:
    made = Load(kernel.folder, DAEMON)
    assert made.others() is None  # the first look says nothing
    return made


def test_others_use_what_is_busy(kernel: Kernel, load: Load) -> None:
    kernel.passes(idle=60, user=20, nice=5, system=10, irq=2, softirq=3)
    assert load.others() == pytest.approx(0.4)


def test_the_daemon_and_its_children_do_not_count(kernel: Kernel, load: Load) -> None:
    kernel.process(DAEMON, 1, 70)
    kernel.process(101, DAEMON, 100)
    kernel.process(102, 1, 40)  # another's
    kernel.passes(idle=40, user=160)
    assert load.others() == pytest.approx(40 / 200)


def test_a_child_that_has_ended_goes_on_being_ours(kernel: Kernel, load: Load) -> None:
    kernel.process(101, DAEMON, 100)
    kernel.passes(idle=100, user=100)
    assert load.others() == 0
    (kernel.folder / "101" / "stat").unlink()
    kernel.process(DAEMON, 1, 50, dead_children=130)  # it went on for a while
    kernel.passes(idle=70, user=30)
    assert load.others() == 0


def test_waiting_for_a_disk_is_no_load(kernel: Kernel, load: Load) -> None:
    kernel.iowait += 100
    kernel.passes(idle=100)
    assert load.others() == 0


def test_only_the_time_since_the_last_look_counts(kernel: Kernel, load: Load) -> None:
    kernel.passes(idle=0, user=1000)
    assert load.others() == 1
    kernel.passes(idle=90, user=10)
    assert load.others() == pytest.approx(0.1)
    load.forget()
    assert load.others() is None


def test_without_time_or_without_a_kernel_that_tells_nothing_is_said(
    kernel: Kernel, load: Load
) -> None:
    assert load.others() is None  # no time has passed
    (kernel.folder / "stat").unlink()
    assert load.others() is None
    kernel.passes(idle=10)
    assert load.others() is None


def test_the_real_kernel_tells() -> None:
    real = Load()
    real.others()
    before = os.times()
    while (now := os.times()).user - before.user < 0.3:
        pass
    others = real.others()
    assert others is not None
    spent = now.elapsed - before.elapsed
    processors = os.cpu_count() or 1
    # What this loop used is not counted: at least that share of the machine was not others'.
    assert 0 <= others <= 1 - (0.3 / (spent * processors)) + 0.15
