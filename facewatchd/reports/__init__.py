"""What is written for people to look at: tables, montages, plots, crops, one page that shows them.

Everything here is a function of `material.Material`, and the same material gives the same bytes
with the same versions of the libraries.  Tables, pictures of faces, JSON lines and the page need
nothing more than facewatchd; plots and Parquet need the extra ``reports``.
"""

from facewatchd.reports.cutting import Limits, Unreadable
from facewatchd.reports.folder import Kind, LeftOut, Made
from facewatchd.reports.groups import folder_of_groups
from facewatchd.reports.material import Material
from facewatchd.reports.write import REPORTS, Written, check_installed, report, write

__all__ = [
    "REPORTS",
    "Kind",
    "LeftOut",
    "Limits",
    "Made",
    "Material",
    "Unreadable",
    "Written",
    "check_installed",
    "folder_of_groups",
    "report",
    "write",
]
