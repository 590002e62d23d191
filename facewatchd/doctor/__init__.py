"""``facewatchctl doctor``: checks of the machine, the folders and the engine."""
