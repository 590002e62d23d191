"""``python -m facewatchd.cli``: the same as ``facewatchctl``."""

from facewatchd.cli import main

main(prog_name="facewatchctl")
