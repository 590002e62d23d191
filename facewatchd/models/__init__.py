"""Weights that users fetch: which there are, what is there, and how they come.

Nothing but ``facewatchctl models fetch`` opens the network.
"""
