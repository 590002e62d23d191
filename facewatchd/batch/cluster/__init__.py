"""``facewatchctl cluster``: a folder of photos is grouped by face once, without a daemon.

`wish` and `preset` make the settings, `reading` runs the daemon's own stages, `grouping` its
clusterer, `outputs` and `folders` write, `place` keeps OUTPUT, `command` does all of it in turn.
"""

from facewatchd.batch.cluster.command import cluster, presets

__all__ = ["cluster", "presets"]
