"""Hooks: commands, webhooks and messages for what the daemon tells by its event stream.

A program of its own, because the daemon has no network and starts no foreign program.  Each hook
has a thread and a cursor of its own, so that one that fails does not hold up the others.
"""
