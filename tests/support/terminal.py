"""``facewatchctl doubtful next`` in a terminal, as somebody at the keyboard sees it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

COMMAND = [sys.executable, "-m", "facewatchd.cli"]
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b_G[^\x1b]*\x1b\\|\x1b\]1337[^\x07]*\x07")
_PATIENCE = 15.0


class Terminal:
    """The command in a terminal, as somebody at the keyboard sees it."""

    def __init__(self, state: Path, environment: Mapping[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        names = ("TMUX", "KITTY_WINDOW_ID", "TERM_PROGRAM", "NO_COLOR")
        inherited = {name: text for name, text in os.environ.items() if name not in names}
        self._process = subprocess.Popen(
            [*COMMAND, "--state", str(state), "doubtful", "next"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**inherited, "TERM": "xterm", **environment},
            start_new_session=True,
        )
        os.close(theirs)
        self._bytes = b""
        self._read_to = 0

    def until(self, words: str) -> str:
        """Read on until ``words`` are shown, and return what came since the last time."""
        deadline = time.monotonic() + _PATIENCE
        while words not in (shown := self._plain[self._read_to :]):
            assert select.select([self._ours], [], [], deadline - time.monotonic())[0], shown
            assert self._read(), f"{words!r} did not come: {shown}"
        end = shown.index(words) + len(words)
        self._read_to += end
        return shown[:end]

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """Do what Ctrl-C does where this is the terminal that the command was started from."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> str:
        """Read to the end of the command, which must go well, and return what was left."""
        while select.select([self._ours], [], [], _PATIENCE)[0] and self._read():
            continue
        assert self._process.wait(_PATIENCE) == 0, self.raw
        return self._plain[self._read_to :]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_PATIENCE)
        os.close(self._ours)

    def _read(self) -> bool:
        try:
            self._bytes += os.read(self._ours, 65536)
        except OSError:  # EIO: the other side was closed
            return False
        return True

    @property
    def raw(self) -> str:
        """All that was printed."""
        return self._bytes.decode(errors="replace")

    @property
    def _plain(self) -> str:
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")
