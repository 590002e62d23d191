"""``python -m facewatchd``: the daemon."""

from facewatchd.daemon import main

main()
