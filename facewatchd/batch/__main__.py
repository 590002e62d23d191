"""Run as ``python -m facewatchd.batch``."""

from facewatchd.batch import main

main(prog_name="facewatchctl")
