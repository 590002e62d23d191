"""The journal of decisions on disk: lines in several files, each there before anything follows.

`lines` reads and writes what a file holds and is pure, `union` makes one list of several files and
is pure, `place` is a file, `journal` keeps them all equal.  The format is told in docs/journal.md.
"""

from facewatchd.journal.journal import Journal

__all__ = ["Journal"]
