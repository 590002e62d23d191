"""Notes which process opens what: a line "MODULE PATH" in OPENS for each path below OPENS_BELOW.

Python imports it at the start of every process, as long as it is on PYTHONPATH.
"""

from __future__ import annotations

import os
import sys

BELOW = os.fsencode(os.environ["OPENS_BELOW"]) + b"/"
NOTES = os.open(os.environ["OPENS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
ARGUMENTS = sys.orig_argv
CHILD = "facewatchd.child"
MODULE = ARGUMENTS[ARGUMENTS.index(CHILD) + 1] if CHILD in ARGUMENTS else "main"


def note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.fsencode(arguments[0])
        if path.startswith(BELOW):
            os.write(NOTES, MODULE.encode() + b" " + path + b"\n")


sys.addaudithook(note)
