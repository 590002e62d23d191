"""facewatchd: watches photo folders and keeps a folder of links for each person in them."""

__version__ = "0.1.0"
