"""Single keys from a terminal; click's ``getchar`` throws away what was typed ahead."""

from __future__ import annotations

import os
import select
import termios
import tty
from typing import Self

import click

_ESCAPE, _CTRL_D = b"\x1b", b"\x04"
_SEQUENCE = 32  # bytes; more than any key sends


class Keyboard:
    """The terminal at ``fd``, which gives keys as they are typed while this is entered."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lines = termios.tcgetattr(fd)

    def __enter__(self) -> Self:
        tty.setcbreak(self._fd, termios.TCSADRAIN)
        return self

    def __exit__(self, *_: object) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._lines)

    def key(self) -> str:
        """Return the next key, in small letters, "" for one that sends several bytes.

        EOFError when there will be none.
        """
        typed = os.read(self._fd, 1)
        if typed in {b"", _CTRL_D}:
            raise EOFError
        if typed == _ESCAPE and select.select([self._fd], [], [], 0)[0]:
            os.read(self._fd, _SEQUENCE)
            return ""
        return typed.decode("latin-1").lower()

    def line(self, prompt: str) -> str:
        """Return a line, which can be edited while it is typed; "" for none."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._lines)
        try:
            return str(click.prompt(prompt, default="", show_default=False))
        finally:
            tty.setcbreak(self._fd, termios.TCSADRAIN)
