"""Storage that does not answer, so that whoever reads from it cannot even be killed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.support.mounts import Mounts

if TYPE_CHECKING:
    from pathlib import Path


class Share:
    """A root on FUSE below which whoever reads hangs so that nothing kills him.

    A question that its program has not taken up yet is dropped when the asker is killed.  So there
    are two file systems, one on the other: the outer program takes every question up and hangs
    itself, because the inner one is stopped.
    """

    def __init__(self, folder: Path) -> None:
        self.behind, between, self.root = folder / "behind", folder / "between", folder / "share"
        self._mounts = Mounts(folder)
        self._program = self._mounts.fuse(self.behind, between)
        self._mounts.fuse(between, self.root)

    def hang(self) -> None:
        self._program.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._program.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.go_on()
        self._mounts.close()
